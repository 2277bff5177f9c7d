"""A primary that comes back when another one was promoted gets no calls: it lacks what was written meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import structlog.testing
from unit.engines.clock import on_the_clock
from unit.engines.test_routes_to_servers import IN_ORDER, STANDBY, Breaker

from rowgate_server.engines.connections import Member
from rowgate_server.engines.driver import Driver, ServerFacts
from rowgate_server.engines.hosts import Host
from rowgate_server.engines.lookout import Lookout
from rowgate_server.engines.pool import Pool
from rowgate_server.engines.roles import Role
from rowgate_server.engines.routing import Router

PRIMARY, NODE = Role(), Role(shared=True)


@dataclass
class Server:
    """What the probes find; None: nothing."""

    found: Role | None
    breaker: Breaker = field(default_factory=Breaker)

    async def probe(self) -> ServerFacts:
        if self.found is None:
            raise ConnectionRefusedError
        return ServerFacts()

    async def role(self) -> Role:
        assert self.found is not None
        return self.found


class Two:
    """Two hosts, the first before the second."""

    def __init__(self, first: Role, second: Role) -> None:
        self.servers = [Server(first), Server(second)]
        self._hosts = [
            Host("main", name, cast("Driver", server), 1.0, 1.0, replica=False)
            for name, server in zip("ab", self.servers, strict=True)
        ]
        members = [Member(host, cast("Pool", server)) for host, server in zip(self._hosts, self.servers, strict=True)]
        self._router = Router(members, [], IN_ORDER)
        self._lookout = Lookout("main", self._hosts, [], self._router)

    async def leading(self, *found: Role | None) -> str:
        """Who leads when this was found, and everything has settled."""
        for server, role in zip(self.servers, found, strict=True):
            server.found, server.breaker.closed = role, role is not None
        await self._lookout.probe()
        for host in self._hosts:
            host._settled_at = float("-inf")
        await self._lookout.probe()
        leading = self._router.leading()
        assert leading is not None
        return leading.name


@on_the_clock
async def test_calls_stay_with_the_promoted_one_while_it_is_there() -> None:
    both = Two(PRIMARY, STANDBY)
    assert await both.leading(PRIMARY, STANDBY) == "a"
    assert await both.leading(None, PRIMARY) == "b"
    with structlog.testing.capture_logs() as lines:
        assert await both.leading(PRIMARY, PRIMARY) == "b"
    assert [line["hosts"] for line in lines if line["event"] == "several servers take writes"] == ["a, b"]
    assert await both.leading(PRIMARY, None) == "a"


@on_the_clock
async def test_calls_go_back_to_a_node_that_has_what_the_others_have() -> None:
    both = Two(NODE, NODE)
    with structlog.testing.capture_logs() as lines:
        assert await both.leading(None, NODE) == "b"
        assert await both.leading(NODE, NODE) == "a"
    assert not [line for line in lines if line["event"] == "several servers take writes"]


@on_the_clock
async def test_where_both_take_writes_from_the_start_the_first_is_taken() -> None:
    assert await Two(PRIMARY, PRIMARY).leading(PRIMARY, PRIMARY) == "a"
