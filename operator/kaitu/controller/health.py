"""Whether this process is alive and ready, for the kubelet's probes."""

import asyncio

from kaitu.controller.app import App

MOST_LAG = 10.0
MOST_BEHIND = 150.0
"""Seconds: a watch that has broken is begun anew within 80 s, and lists."""


class Health:
    """Standby is healthy and ready; a leader must also have a live loop and a live watch."""

    def __init__(self) -> None:
        self._app: App | None = None
        self._waiting = ""
        self._begun = False

    def waits(self, why: str) -> None:
        """What work cannot begin without; empty when that is there."""
        self._waiting = why

    def watch(self, app: App) -> None:
        """From now on this process leads and is judged by its work."""
        self._app = app

    def wrong(self) -> str:
        """Why the process should be restarted; empty when it should not."""
        app = self._app
        if app is None:
            return ""
        if app.beat and app.clock() - app.beat > MOST_LAG:
            return "the event loop hangs"
        if app.behind() > MOST_BEHIND:
            return f"the watch of KaituNodes has not told of a change for {app.behind():.0f} s"
        return "the watch of KaituNodes has ended" if self._ended() and not app.stopping else ""

    def not_ready(self) -> str:
        """Why the process cannot do its work right now; empty when it can."""
        app = self._app
        if app and not app.shards.may_write():
            return "the lease could not be renewed: no writes"
        return self._waiting or self.wrong()

    def _ended(self) -> bool:
        """Of a watch that has begun: while the API server is away at the start, there is none."""
        watching = _watching()
        self._begun = self._begun or watching
        return self._begun and not watching


def _watching() -> bool:
    return any(
        task.get_name().startswith("watcher for kaitunodes") for task in asyncio.all_tasks()
    )
