"""A query that this worker does not run is cancelled in another; of one that is silent it is not said to run none."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast

import pytest

from rowgate_server.core.administration import Administration, Query, Viewer
from rowgate_server.engines.database import Databases
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.transport.status import CODES
from rowgate_server.workers.channel import Channel
from rowgate_server.workers.others import Others

VIEWER = Viewer("ipv4:127.0.0.1:1", "", ())
QUERY = Query("it", "main", "ExecuteQuery", "", "select", 1.0, 2.0, 2, VIEWER.peer, 0, worker=3)


class Supervised:
    """Answers as the supervisor does."""

    def __init__(self, *answers: Query | None, silent: tuple[int, ...] = (), late: bool = False) -> None:
        self._told = {"answers": [answer and asdict(answer) for answer in answers], "silent": silent}
        self._late = late

    async def ask(self, name: str, content: Any, *, within: float) -> Any:
        del content
        assert (name, within > 0) == ("cancel_anywhere", True)
        if self._late:
            raise TimeoutError
        return self._told


async def cancelled(supervised: Supervised) -> Query:
    others = Others(cast("Channel", supervised))
    administration = Administration(Databases({}, None), list, others, text=False, all_queries=False)
    return await administration.cancel(VIEWER, "it")


async def test_what_another_worker_has_cancelled_is_told_though_a_third_is_silent() -> None:
    assert await cancelled(Supervised(None, QUERY)) == QUERY
    assert await cancelled(Supervised(QUERY, silent=(2,))) == QUERY


async def test_it_is_not_found_once_all_have_answered() -> None:
    with pytest.raises(RowgateError) as caught:
        await cancelled(Supervised(None, None))
    assert caught.value.reason is Reason.QUERY_NOT_FOUND


@pytest.mark.parametrize(
    ("supervised", "silent"), [(Supervised(None, silent=(2, 4)), "2, 4"), (Supervised(late=True), "0")]
)
async def test_a_worker_that_did_not_answer_may_run_it_so_the_caller_is_to_ask_again(
    supervised: Supervised, silent: str
) -> None:
    with pytest.raises(RowgateError) as caught:
        await cancelled(supervised)
    error = caught.value
    assert CODES[error.reason].name == "UNAVAILABLE"
    assert error.retry_after
    assert error.metadata == {"query_id": "it", "silent_workers": silent, "outcome": "UNKNOWN"}
