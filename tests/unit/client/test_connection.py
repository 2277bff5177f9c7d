from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from unit.client.scripted import Hang, ScriptedGateway, answer, head, product, serving

import rowgate


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_a_closed_client_says_so(target: str) -> None:
    db = rowgate.connect(target)
    view = db.using("other")
    await db.aclose()
    await db.aclose()
    for ask in (db.query("select 1"), view.query("select 1"), anext(db.stream("select 1")), db.databases()):
        with pytest.raises(rowgate.ClientClosed, match="the client is closed"):
            await ask


async def test_closing_ends_the_calls_that_are_under_way(target: str, gateway: ScriptedGateway) -> None:
    gateway.will(Hang())
    db = rowgate.connect(target)
    task = asyncio.create_task(db.query("select 1"))
    async with asyncio.timeout(10):
        await gateway.under_way.wait()
        await db.aclose()
        with pytest.raises(rowgate.ClientClosed, match="during the call"):
            await task
        await gateway.cancelled.wait()


async def test_closing_ends_the_streams_that_are_under_way(target: str, gateway: ScriptedGateway) -> None:
    gateway.will([head(product(1)), Hang()])
    db = rowgate.connect(target)
    rows = db.stream("select 1")
    await anext(rows)
    task = asyncio.create_task(anext(rows))
    async with asyncio.timeout(10):
        await gateway.under_way.wait()
        await db.aclose()
        with pytest.raises(rowgate.ClientClosed):
            await task
        await gateway.cancelled.wait()


async def test_a_task_that_is_cancelled_while_the_client_closes_is_cancelled(
    target: str, gateway: ScriptedGateway
) -> None:
    gateway.will(Hang())
    db = rowgate.connect(target)
    task = asyncio.create_task(db.query("select 1"))
    async with asyncio.timeout(10):
        await gateway.under_way.wait()
        task.cancel()
        await db.aclose()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_nobody_at_the_address_is_an_error_of_its_own() -> None:
    async with rowgate.connect(f"127.0.0.1:{free_port()}", retry=None, timeout=10) as db:
        with pytest.raises(rowgate.GatewayUnreachable):
            await db.query("select 1")


async def test_a_gateway_that_comes_back_is_found() -> None:
    gateway = ScriptedGateway()
    gateway.will(answer(product(1)), answer(product(2)))
    async with serving(gateway) as port:
        db = rowgate.connect(f"127.0.0.1:{port}", retry=None)
        await db.query("select 1")
    with pytest.raises(rowgate.GatewayUnreachable):
        await db.query("select 1")
    async with serving(gateway, port=port):
        patient = db.with_options(read_only=True, retry=rowgate.Retry(attempts=50), timeout=20)
        assert (await patient.query("select 1")).one()["id"] == 2
        await db.aclose()


async def test_calls_are_spread_over_all_addresses() -> None:
    gateways = ScriptedGateway(), ScriptedGateway()
    for gateway in gateways:
        gateway.will(*[answer()] * 100)
    async with (
        asyncio.timeout(10),
        serving(gateways[0]) as one,
        serving(gateways[1]) as two,
        rowgate.connect(f"ipv4:127.0.0.1:{one},127.0.0.1:{two}") as db,
    ):
        while not all(gateway.received for gateway in gateways):
            await db.query("select 1")


async def test_an_answer_that_is_no_message_is_an_error_of_its_own() -> None:
    ended = asyncio.Event()

    async def unary(_request: bytes, _context: object) -> bytes:
        return b"\xff"

    async def stream(_request: bytes, _context: object) -> AsyncIterator[bytes]:
        try:
            yield b"\xff"
            await asyncio.Event().wait()
        finally:
            ended.set()

    server = grpc.aio.server()
    methods: dict[str, Any] = {
        "ExecuteQuery": grpc.unary_unary_rpc_method_handler(unary),
        "StreamQuery": grpc.unary_stream_rpc_method_handler(stream),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("rowgate.v1.QueryService", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with asyncio.timeout(10), rowgate.connect(f"127.0.0.1:{port}") as db:
        with pytest.raises(rowgate.ProtocolError, match="no message of this protocol"):
            await db.query("select 1")
        with pytest.raises(rowgate.ProtocolError, match="no message of this protocol"):
            await anext(db.stream("select 1"))
        await ended.wait()
    await server.stop(None)


def test_connecting_needs_no_loop_and_no_gateway() -> None:
    rowgate.connect("localhost:1")


def test_a_client_belongs_to_the_loop_it_was_first_used_in() -> None:
    db = rowgate.connect(f"127.0.0.1:{free_port()}", retry=None)

    async def use() -> None:
        await db.query("select 1")

    async def use_and_close() -> None:
        with pytest.raises(rowgate.GatewayUnreachable):
            await use()
        await db.aclose()

    asyncio.run(use_and_close())
    with pytest.raises(rowgate.ClientClosed):
        asyncio.run(use())


async def test_a_client_used_in_another_loop_is_refused(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(answer())
    await db.query("select 1")

    def elsewhere() -> None:
        async def use() -> None:
            await db.query("select 1")

        asyncio.run(use())

    with pytest.raises(RuntimeError, match="belongs to the event loop"):
        await asyncio.to_thread(elsewhere)


async def test_an_answer_over_the_largest_message_is_refused(target: str, gateway: ScriptedGateway) -> None:
    gateway.will(answer(product(1, "x" * 10_000)))
    async with rowgate.connect(target, max_message_bytes=5_000) as db:
        with pytest.raises(rowgate.LimitExceeded, match="larger than max"):
            await db.query("select 1")


async def test_an_answer_over_grpcs_own_limit_of_4_mib_is_taken(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(answer(product(1, "x" * 6_000_000)))
    assert len((await db.query("select 1")).one()["name"]) == 6_000_000


@pytest.mark.parametrize("arguments", [{"target": ""}, {"max_message_bytes": 0}, {"timeout": 0}])
def test_an_argument_out_of_range_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        rowgate.connect(**{"target": "localhost:1", **arguments})


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of the name `gateway.test`, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "tls.crt", folder / "tls.key"
    subprocess.run(
        [
            *["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
            *["-days", "1", "-subj", "/CN=gateway.test", "-addext", "subjectAltName=DNS:gateway.test"],
            *["-keyout", str(key), "-out", str(certificate)],
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def server_credentials(pem: tuple[Path, Path], *, mutual: bool) -> grpc.ServerCredentials:
    certificate, key = (path.read_bytes() for path in pem)
    return grpc.ssl_server_credentials(
        [(key, certificate)], root_certificates=certificate if mutual else None, require_client_auth=mutual
    )


async def test_tls_trusts_the_given_authority(pem: tuple[Path, Path]) -> None:
    gateway = ScriptedGateway()
    gateway.will(answer(product(1)), answer(product(2)))
    async with serving(gateway, server_credentials(pem, mutual=False)) as port:
        tls = rowgate.Tls.from_files(ca=pem[0], server_name="gateway.test")
        async with rowgate.connect(f"127.0.0.1:{port}", tls=tls) as db:
            assert (await db.query("select 1")).one()["id"] == 1


async def test_tls_shows_the_clients_certificate(pem: tuple[Path, Path]) -> None:
    gateway = ScriptedGateway()
    gateway.will(answer(product(1)))
    async with serving(gateway, server_credentials(pem, mutual=True)) as port:
        tls = rowgate.Tls.from_files(ca=pem[0], certificate=pem[0], key=pem[1], server_name="gateway.test")
        async with rowgate.connect(f"127.0.0.1:{port}", tls=tls) as db:
            assert (await db.query("select 1")).one()["id"] == 1


async def test_tls_refuses_a_certificate_of_another_name(pem: tuple[Path, Path]) -> None:
    async with serving(ScriptedGateway(), server_credentials(pem, mutual=False)) as port:
        tls = rowgate.Tls.from_files(ca=pem[0], server_name="elsewhere.test")
        async with rowgate.connect(f"127.0.0.1:{port}", tls=tls, retry=None, timeout=10) as db:
            with pytest.raises(rowgate.GatewayUnreachable):
                await db.query("select 1")


async def test_grpcs_own_credentials_are_taken(pem: tuple[Path, Path]) -> None:
    async with serving(ScriptedGateway(), server_credentials(pem, mutual=False)) as port:
        credentials = grpc.ssl_channel_credentials()  # trusts the public authorities, so not this one
        async with rowgate.connect(f"127.0.0.1:{port}", tls=credentials, retry=None, timeout=10) as db:
            with pytest.raises(rowgate.GatewayUnreachable):
                await db.query("select 1")


def test_a_certificate_needs_its_key_which_is_not_shown() -> None:
    with pytest.raises(ValueError, match="needs its key"):
        rowgate.Tls(certificate=b"c")
    assert "secret" not in repr(rowgate.Tls(certificate=b"c", key=b"secret"))
