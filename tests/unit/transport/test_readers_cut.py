"""Connections that read nothing, and keep others from large answers, are cut: on real sockets, encrypted ones too."""

from __future__ import annotations

import asyncio
import io
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from unit.transport.test_answers_unread import HALF, LARGE, Large, asked
from unit.transport.test_tls_served import CA, metrics, serving
from unit.transport.wrapped import MOST_UNREAD, ending, request, wrapping

from rowgate.v1 import query_service_pb2_grpc
from rowgate.v1.query_service_pb2 import ExecuteQueryRequest
from rowgate_server.transport.interceptors import readers, unread
from rowgate_server.transport.interceptors.unread import Unread
from support import bare_http2
from support.eventually import eventually

METHOD = "/rowgate.v1.QueryService/ExecuteQuery"
PAUSE = 0.5


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "_PAUSE", PAUSE)
    monkeypatch.setattr(unread, "_MOMENT", PAUSE)


async def closed(reader: asyncio.StreamReader) -> bool:
    """Whether the other end has closed the connection, as is seen from what it sent before."""
    try:
        async with asyncio.timeout(10):
            await reader.read(-1)
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True


async def test_others_have_their_large_answers_though_two_connections_read_nothing(log: io.StringIO) -> None:
    async with (
        wrapping(Large(), log) as served,
        bare_http2.connected(served.address) as (one, to_one),
        bare_http2.connected(served.address) as (_, to_other),
    ):
        for writer in (to_one, to_other):
            writer.write(asked(0, HALF - 100))
            await served.left.get()
        await asyncio.sleep(2 * PAUSE)
        assert len(served.under_way.reading) == 2, "nobody is cut while there is room"
        assert (await ending(served.unary(request(str(LARGE))))).code is grpc.StatusCode.OK
        assert await closed(one)
        host, port = to_one.get_extra_info("sockname")
        (line,) = [line for line in served.lines() if line["event"] == "slow reader cut"]
        assert HALF - 100 < line.pop("bytes") < HALF
        assert line.items() >= {"peer": f"ipv4:{host}:{port}", "level": "warning", "part": "rowgate.unread"}.items()
        assert "request_id" not in line, "it is about no call"
        assert served.metrics.registry.get_sample_value("rowgate_readers_cut_total") == 1
        to_other.write(asked(1, 1))
        await served.left.get()
        async with asyncio.timeout(10):
            last = await served.left.get()
        assert last.peer.endswith(f":{to_other.get_extra_info('sockname')[1]}"), "one was enough"


def holds(found: Unread, octets: float) -> bool:
    return found._total > octets


async def test_encrypted_ones_are_cut_too(tmp_path: Path) -> None:
    sql = f"select hex(zeroblob({HALF // 2 - 1000}))"
    message = ExecuteQueryRequest(sql=sql).SerializeToString()
    call = bare_http2.begun(0, bare_http2.call_headers(METHOD), message)
    async with (
        serving(tmp_path, server__max_unread_bytes=str(MOST_UNREAD)) as (gateway, addresses),
        grpc.aio.secure_channel(addresses.grpc, grpc.ssl_channel_credentials(CA.pem)) as channel,
        bare_http2.connected(addresses.grpc, CA.pem) as (one, to_one),
        bare_http2.connected(addresses.grpc, CA.pem) as (_, to_other),
    ):
        for number, writer in enumerate((to_one, to_other)):
            writer.write(call)
            await eventually(partial(holds, gateway._unread, (number + 0.5) * HALF), 10, "it is on its way")
        stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
        assert (await stub.ExecuteQuery(ExecuteQueryRequest(sql=sql), timeout=30)).HasField("result")
        assert await closed(one)
        assert "rowgate_readers_cut_total 1.0" in await metrics(addresses.admin)
