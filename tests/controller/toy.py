"""An operator whose API server and lease are toys: enough to test what a turn decides."""

import asyncio
from collections.abc import Mapping
from typing import Any

from kaitu.api.policy import Policy
from kaitu.cluster.errors import ApiError
from kaitu.cluster.events import Recorder
from kaitu.cluster.known_hosts import KnownHosts
from kaitu.cluster.references import References
from kaitu.cluster.slots import SharedSlots
from kaitu.controller.app import App, Writer
from kaitu.controller.arrivals import seen
from kaitu.controller.metrics import Metrics
from kaitu.controller.store import Record
from kaitu.engine.slots import Slots
from kaitu.remote.pool import Pool

KEY = ("default", "n1")


class ToyApi:
    """Holds one KaituNode; ``refuses`` are errors for the next patches, in order."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.refuses: list[ApiError] = []

    async def get(self, path: str) -> dict[str, Any]:  # noqa: ARG002
        return self.body

    async def create(self, path: str, body: Mapping[str, Any]) -> Any:
        """Takes any event."""

    async def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        if self.refuses:
            raise self.refuses.pop(0)
        meta = self.body["metadata"]
        wanted = body["metadata"].get("finalizers", meta.get("finalizers"))
        version = str(int(meta["resourceVersion"]) + 1)
        meta = {**meta, "resourceVersion": version, "finalizers": wanted}
        status = {**self.body["status"], **body.get("status", {})}
        self.body = {**self.body, "metadata": meta, "status": status}
        return self.body


class ToyShards:
    """The only shard, which somebody else may have taken."""

    def __init__(self) -> None:
        self.count, self.led, self.taken = 1, {0}, False
        self.lost = asyncio.Event()

    def of(self, uid: str) -> int:  # noqa: ARG002
        return 0

    def leads(self, shard: int) -> bool:
        return shard in self.led

    def may_write(self) -> bool:
        return not self.lost.is_set()

    async def renew(self) -> bool:
        if self.taken:
            self.lost.set()
        return not self.taken


class ToyInstallation:
    """A fence counter that somebody else may have raised."""

    def __init__(self) -> None:
        self.fence = 1

    async def raise_fence(self) -> int:
        self.fence += 1
        return self.fence


def node(version: str = "10", spec: dict[str, Any] | None = None, **meta: Any) -> dict[str, Any]:
    about = {"namespace": KEY[0], "name": KEY[1], "uid": "u1", "generation": 1}
    about |= {"resourceVersion": version, **meta}
    connection = {
        "host": "192.0.2.1",
        "privateKeySecretRef": {"name": "key"},
        "hostKeys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJl3dIeudNqd0DPMRD6OIh65tjkJ"],
    }
    return {"metadata": about, "spec": {"connection": connection, **(spec or {})}, "status": {}}


def operator(body: dict[str, Any]) -> tuple[App, Any]:
    """An operator that has seen this node, and given its queue away."""
    api: Any = ToyApi(body)
    shards: Any = ToyShards()
    installation: Any = ToyInstallation()
    app = App(
        api=api,
        shards=shards,
        writer=Writer("inst", "p1", {0: 1}),
        policy=Policy(),
        references=References(api),
        known_hosts=KnownHosts(api),
        pool=Pool(),
        events=Recorder(api),
        metrics=Metrics(),
        slots=Slots(lambda: 1),
        installation=installation,
        shared=SharedSlots(api, "kaitu-system"),
    )
    seen(app, "ADDED", body)
    app.queue.forget(KEY)
    return app, api


def known(app: App) -> Record:
    found = app.store.get(KEY)
    assert found is not None
    return found
