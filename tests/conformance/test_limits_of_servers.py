"""The limits of the databases' own are longer than any that the gateway has by its settings, here the defaults."""

from __future__ import annotations

import pytest

import rowgate
from support.engines import Engine

ASKED = {
    "mariadb": "select @@max_statement_time as statement, @@net_write_timeout as reader",
    "postgresql": "select extract(epoch from current_setting('statement_timeout')::interval) as statement,"
    " extract(epoch from current_setting('idle_in_transaction_session_timeout')::interval) as reader",
}


@pytest.mark.engines("mariadb", "postgresql")
async def test_a_statement_and_a_paused_reader_have_longer_than_a_stream_may_take(
    db: rowgate.Database, engine: Engine
) -> None:
    """That is `timeouts.stream`, 1 h, the longest of them; a limit of 35 s ended streams and transactions."""
    for _ in range(3):  # a connection that is new, and one that was used
        row = (await db.query(ASKED[engine.name])).one()
        assert [float(value) for value in row] == [3605, 3605]
