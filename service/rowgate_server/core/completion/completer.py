"""Completes SQL: where the cursor is, what may stand there, and which of it fits what is already typed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rowgate_server.core.browsing import Browser
from rowgate_server.core.completion.candidates import Offer
from rowgate_server.core.completion.place import Place, place_at
from rowgate_server.core.completion.records import Candidate, CandidateKind
from rowgate_server.core.completion.wanted import Wanted
from rowgate_server.core.policy.guard import enter
from rowgate_server.engines.database import Databases
from rowgate_server.errors import Reason, RowgateError

DEFAULT_CANDIDATES, MOST_CANDIDATES = 200, 2000
LONGEST = 64 * 1024
"""Bytes: a text that somebody types."""


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """What to complete, and where; empty means what `schema_service.proto` says."""

    database: str
    sql: str
    cursor: int
    schema: str = ""
    max_candidates: int = 0
    call_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """The candidates, and the characters that each replaces."""

    start: int
    end: int
    candidates: tuple[Candidate, ...]
    truncated: bool = False


class Completer:
    """Completes SQL from the trees.

    Args:
        databases: every one that is served.
        browser: tells what there is in each.
    """

    def __init__(self, databases: Databases, browser: Browser) -> None:
        self._databases = databases
        self._browser = browser

    async def complete(self, request: CompletionRequest) -> Completion:
        """What could stand at the cursor.

        Raises:
            RowgateError: PERMISSION_DENIED, UNKNOWN_DATABASE, INVALID_REQUEST, INVALID_SQL for too long a text, and
                what the database has against telling its tables.
        """
        database = enter(self._databases, request.database)[1]
        _check(request, database.bounds.sql_bytes)
        # In a thread: a long text, or a schema of many thousand tables, is not to hold up everybody else.
        place = await asyncio.to_thread(place_at, request.sql, request.cursor, database.dialect)
        if place.wanted is Wanted.NOTHING:
            return Completion(place.start, place.end, ())
        tree = await self._browser.tree_for(request.database, request.schema, request.call_timeout)
        offer = Offer(database.dialect, tree, request.schema)
        return await asyncio.to_thread(_best, offer, place, request.max_candidates)


def _best(offer: Offer, place: Place, most: int) -> Completion:
    limit = min(most or DEFAULT_CANDIDATES, MOST_CANDIDATES)
    best = list(_fitting(offer.candidates(place), place))
    return Completion(place.start, place.end, tuple(best[:limit]), truncated=len(best) > limit)


def _fitting(candidates: Iterable[Candidate], place: Place) -> Iterator[Candidate]:
    """Those that begin with what is typed, then names that contain it; each once."""
    typed = place.prefix.casefold()
    later: list[Candidate] = []
    seen: set[tuple[str, str]] = set()
    for candidate in candidates:
        key = (candidate.text, candidate.table)
        label = candidate.label.casefold()
        if key in seen or typed not in label:
            continue
        seen.add(key)
        if label.startswith(typed):
            yield candidate
        elif candidate.kind is not CandidateKind.KEYWORD:
            later.append(candidate)
    yield from later


def _check(request: CompletionRequest, sql_bytes: int) -> None:
    if request.max_candidates < 0:
        raise RowgateError(Reason.INVALID_REQUEST, "max_candidates is negative", field="max_candidates")
    if not 0 <= request.cursor <= len(request.sql):
        raise RowgateError(Reason.INVALID_REQUEST, "the cursor is not within the text", field="cursor")
    most = min(sql_bytes, LONGEST)
    if len(request.sql) > most or len(request.sql.encode("utf-8", "surrogatepass")) > most:
        raise RowgateError(Reason.INVALID_SQL, "the SQL is too long", field="sql", limit=f"{most} bytes")
