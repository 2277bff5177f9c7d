"""The other workers of the same gateway, asked through the supervisor: which queries they run, and to cancel one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rowgate_server.core.administration import Administration, Query, Viewer, plain
from rowgate_server.workers.channel import Answering, Channel, ChannelClosedError

_WITHIN = 0.8
"""Seconds: the supervisor waits for the others less long than that."""


class Others:
    """What AdminService of one worker asks of the others, and answers them."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def queries(self, viewer: Viewer, database: str, tag: str) -> tuple[Sequence[Query], Sequence[int]]:
        """What they run, and which of them did not answer."""
        asked = {"viewer": plain(viewer), "database": database, "tag": tag}
        try:
            told = await self._channel.ask("list_all", asked, within=_WITHIN)
        except (ChannelClosedError, TimeoutError):
            return (), (0,)
        return [Query(**each) for queries in told["answers"] for each in queries], told["silent"]

    async def cancel(self, viewer: Viewer, query_id: str) -> tuple[Query | None, Sequence[int]]:
        """Cancel a query of theirs, None if none has it; and which of them did not answer."""
        asked = {"viewer": plain(viewer), "query_id": query_id}
        try:
            told = await self._channel.ask("cancel_anywhere", asked, within=_WITHIN)
        except (ChannelClosedError, TimeoutError):
            return None, (0,)
        found = [answer for answer in told["answers"] if answer is not None]
        return Query(**found[0]) if found else None, told["silent"]


def answers_about(administration: Administration) -> dict[str, Answering]:
    """What a worker answers the others."""

    async def listed(asked: Any) -> Any:
        viewer = Viewer(**asked["viewer"])
        return [plain(query) for query in administration.queries_here(viewer, asked["database"], asked["tag"])]

    async def cancelled(asked: Any) -> Any:
        query = administration.cancel_here(Viewer(**asked["viewer"]), asked["query_id"])
        return None if query is None else plain(query)

    return {"list": listed, "cancel": cancelled}
