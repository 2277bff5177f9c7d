"""Which server a view asks: what is sent, and which views make no sense."""

from __future__ import annotations

from typing import Any

import pytest

from rowgate._begin import begin_request
from rowgate._options import CallOptions
from rowgate._results import Stats
from rowgate._table_requests import Asked
from rowgate.v1 import result_pb2, routing_pb2
from rowgate.v1 import table_service_pb2 as pb

THERE = CallOptions(read_only=True, route="replica", max_staleness=1.5)


def test_route_goes_with_statements_pages_and_transactions() -> None:
    page = Asked("t").page_request("", "", 10, pb.COUNT_MODE_NONE, **THERE.routed())
    for request in (THERE.to_wire(), page, begin_request("", THERE, {})):
        assert request.route == routing_pb2.ROUTE_REPLICA
        assert request.max_staleness.ToNanoseconds() == 1_500_000_000


def test_without_a_route_nothing_is_said() -> None:
    options = CallOptions(read_only=True).to_wire()
    assert options.route == routing_pb2.ROUTE_UNSPECIFIED
    assert not options.HasField("max_staleness")


@pytest.mark.parametrize(
    "options",
    [
        {"route": "replica"},
        {"route": "nearest"},
        {"route": "elsewhere", "read_only": True},
        {"max_staleness": 1, "read_only": True},
        {"route": "replica", "max_staleness": 0, "read_only": True},
        {"route": "replica", "max_staleness": float("inf"), "read_only": True},
    ],
)
def test_view_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"route|read_only|max_staleness"):
        CallOptions(**options)


def test_figures_name_the_replica() -> None:
    assert Stats.from_wire(result_pb2.QueryStats(replica="eu")).replica == "eu"
    assert Stats.from_wire(result_pb2.QueryStats()).replica == ""
