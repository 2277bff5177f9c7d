"""COPY over the wire is found whatever stands before it, in time that grows with the text alone."""

from __future__ import annotations

import pytest

from rowgate_server.engines.dialects.postgresql.session import _COPY_OVER_THE_WIRE


@pytest.mark.parametrize("before", ["", " \n", "-- a\n", "/* a */", "/**/" * 10_000, "-- a\n/* b */\t" * 10_000])
def test_comments_before_a_statement_cost_no_time(before: str) -> None:
    assert _COPY_OVER_THE_WIRE.match(f"{before}copy t from stdin")
    assert not _COPY_OVER_THE_WIRE.match(f"{before}select 1")
