"""Which cluster, which namespaces, which nodes: as kubectl's flags have it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kaitu.api.crd import PLURAL, path
from kaitu.cli.usage import UsageError
from kaitu.cluster.errors import Missing
from kaitu.core.version import PROGRAM

if TYPE_CHECKING:
    from kaitu.cluster.api import Api

AGENT: Final = f"kaituctl/{PROGRAM}"
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Where:
    """The words of the command line; no namespace means that of the context."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str = ""
    everywhere: bool = False

    @asynccontextmanager
    async def connected(self) -> AsyncIterator["Session"]:
        from kaitu.cluster.api import Api  # half a second that plan and apply need not wait for

        api = await Api.connect(self.kubeconfig, self.context, AGENT)
        try:
            yield Session(api, self)
        finally:
            await api.close()


@dataclass(frozen=True, slots=True)
class Session:
    """A connection, and what the command line says about it."""

    api: "Api"
    where: Where

    @property
    def namespace(self) -> str:
        """That of objects which are named; with -A there is none."""
        return self.where.namespace or self.api.default_namespace()

    @property
    def scope(self) -> str:
        """The path of the nodes that are listed."""
        return path("" if self.where.everywhere else self.namespace)

    @property
    def scope_name(self) -> str:
        return "all namespaces" if self.where.everywhere else f"namespace {self.namespace}"

    async def node(self, name: str) -> Body:
        """One node by its name, also as kubectl prints it: ``kaitunode.fleet.kaitu.io/NAME``."""
        bare = name.rpartition("/")[2]
        if self.where.everywhere:
            raise UsageError("a node that is named is in one namespace: say -n, not -A")
        try:
            return await self.api.get(path(self.namespace, bare))
        except Missing as error:
            told = f"{PLURAL} {bare!r} not found in namespace {self.namespace}"
            raise Missing(404, told if bare in str(error) else str(error)) from None

    async def nodes(self, names: Sequence[str] = (), selector: str = "") -> list[Body]:
        """Those that are named, else those that the selector fits, else all in scope."""
        if names and selector:
            raise UsageError("name the nodes or give a selector, not both")
        if names:
            return [await self.node(name) for name in dict.fromkeys(names)]
        query = {"labelSelector": selector} if selector else {}
        return [body async for body in self.api.list(self.scope, **query)]
