"""The health service: which names, what moves them, and that no watcher holds up another."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from unit.core.sqlite_files import databases, fill
from unit.transport.own_services import Served

from rowgate_server.observability.metrics import Metrics
from rowgate_server.transport.health import Health

Response = health_pb2.HealthCheckResponse
SERVING, NOT_SERVING, UNKNOWN = Response.SERVING, Response.NOT_SERVING, Response.SERVICE_UNKNOWN


def _stub(served: Served) -> Any:
    return health_pb2_grpc.HealthStub(served.channel)


async def _statuses(served: Served) -> dict[str, int]:
    names = ("", "readiness", "liveness", "database/main", "database/other")
    stub = _stub(served)
    return {name: (await stub.Check(health_pb2.HealthCheckRequest(service=name))).status for name in names}


async def _rest(watch: Any) -> list[int]:
    """What a watcher is still told, up to the end."""
    found = []
    while (answer := await watch.read()) is not grpc.aio.EOF:
        found.append(answer.status)
    return found


async def test_before_the_first_probe_the_process_lives_and_nothing_is_ready(served: Served) -> None:
    assert not served.health.ready
    assert await _statuses(served) == {
        "": NOT_SERVING,
        "readiness": NOT_SERVING,
        "liveness": SERVING,
        "database/main": NOT_SERVING,
        "database/other": NOT_SERVING,
    }


async def test_one_database_that_answers_is_enough_to_be_ready(served: Served) -> None:
    for database in served.databases:
        await database.availability.probe()
    assert served.health.ready
    assert await _statuses(served) == {
        "": SERVING,
        "readiness": SERVING,
        "liveness": SERVING,
        "database/main": SERVING,
        "database/other": NOT_SERVING,
    }


async def test_a_database_that_goes_and_comes_takes_readiness_with_it(served: Served, tmp_path: Path) -> None:
    main = served.databases.get("main")
    file = tmp_path / "main.db"
    for here, expected in ((True, SERVING), (False, NOT_SERVING), (True, SERVING)):
        if here and not file.exists():
            file.touch()
        elif not here:
            file.unlink()
        await main.availability.probe()
        found = await _statuses(served)
        assert (found["database/main"], found["readiness"], found[""]) == (expected,) * 3
        assert found["liveness"] == SERVING


async def test_draining_takes_readiness_alone(served: Served) -> None:
    await served.databases.get("main").availability.probe()
    served.health.drain()
    assert not served.health.ready
    found = await _statuses(served)
    assert (found[""], found["readiness"]) == (NOT_SERVING, NOT_SERVING)
    assert (found["liveness"], found["database/main"]) == (SERVING, SERVING)


async def test_a_probe_while_draining_does_not_bring_readiness_back(served: Served) -> None:
    served.health.drain()
    await served.databases.get("main").availability.probe()
    assert (await _statuses(served))["readiness"] == NOT_SERVING


@pytest.mark.parametrize("name", ["database/", "database/MAIN", "main", "Liveness", "rowgate.v1.QueryService"])
async def test_a_name_that_is_not_there(served: Served, name: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _stub(served).Check(health_pb2.HealthCheckRequest(service=name))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    watch = _stub(served).Watch(health_pb2.HealthCheckRequest(service=name))
    assert (await watch.read()).status == UNKNOWN
    watch.cancel()


async def test_a_watcher_is_told_of_each_change_and_of_nothing_else(served: Served, tmp_path: Path) -> None:
    main, other = served.databases.get("main").availability, served.databases.get("other").availability
    watch = _stub(served).Watch(health_pb2.HealthCheckRequest(service="database/main"))
    assert (await watch.read()).status == NOT_SERVING
    await other.probe()
    await main.probe()
    await main.probe()
    assert (await watch.read()).status == SERVING
    (tmp_path / "main.db").unlink()
    await main.probe()
    assert (await watch.read()).status == NOT_SERVING
    watch.cancel()


async def test_draining_ends_every_watch_after_its_last_word(served: Served) -> None:
    # The server's stop waits for calls under way: a watcher would make it wait for the whole grace.
    await served.databases.get("main").availability.probe()
    names = ("", "liveness", "database/main", "nowhere")
    watches = [_stub(served).Watch(health_pb2.HealthCheckRequest(service=name)) for name in names]
    for watch in watches:
        await watch.read()
    served.health.drain()
    served.health.close()
    assert [await _rest(watch) for watch in watches] == [[NOT_SERVING], [], [], []]
    assert [await watch.code() for watch in watches] == [grpc.StatusCode.OK] * len(names)


async def test_watches_are_counted_message_by_message(served: Served) -> None:
    watch = _stub(served).Watch(health_pb2.HealthCheckRequest(service="readiness"))
    await watch.read()
    await served.databases.get("main").availability.probe()
    await watch.read()
    served.health.drain()
    served.health.close()
    assert await _rest(watch) == [NOT_SERVING]
    labels = {"grpc_type": "server_stream", "grpc_service": "grpc.health.v1.Health", "grpc_method": "Watch"}
    assert served.metrics.registry.get_sample_value("grpc_server_msg_sent_total", labels) == 3


async def test_a_gateway_without_a_database_that_answers_is_not_ready(tmp_path: Path) -> None:
    async with databases({"gone": tmp_path / "gone.db"}, metrics=Metrics()) as found:
        health = Health(found)
        await found.get("gone").availability.probe()
        assert not health.ready
        fill(tmp_path / "gone.db", "create table x (y)")
        await found.get("gone").availability.probe()
        assert health.ready


# A watcher that reads no more


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _header(name: bytes, value: bytes) -> bytes:
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


@asynccontextmanager
async def _watching_without_room(port: int) -> AsyncIterator[None]:
    """Watch the empty name over HTTP/2 by hand, with a flow control window of no bytes."""
    headers = (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/grpc.health.v1.Health/Watch"),
        (b":authority", b"localhost"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
    )
    settings, ping, request, data, no_window = 4, 6, 1, 0, struct.pack(">HI", 4, 0)
    acknowledgement, end_of_headers, end_of_stream = 1, 4, 1
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(settings, 0, 0, no_window))
        writer.write(_frame(settings, acknowledgement, 0))
        writer.write(_frame(request, end_of_headers, 1, b"".join(_header(*header) for header in headers)))
        writer.write(_frame(data, end_of_stream, 1, bytes(5)) + _frame(ping, 0, 0, b"answered"))
        await writer.drain()
        # The answer to the ping shows that the frames before it have been read.
        await reader.readuntil(b"answered")
        yield
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_watcher_that_reads_no_more_holds_up_nobody(served: Served) -> None:
    labels = {"grpc_type": "server_stream", "grpc_service": "grpc.health.v1.Health", "grpc_method": "Watch"}
    async with _watching_without_room(served.port), asyncio.timeout(20):
        # It is there, and its first answer is stuck: the handler has begun and a call after it is answered.
        while served.metrics.registry.get_sample_value("grpc_server_started_total", labels) != 1:
            await _statuses(served)
        await served.databases.get("main").availability.probe()
        assert (await _statuses(served))[""] == SERVING
        served.health.drain()
        assert (await _statuses(served))[""] == NOT_SERVING
