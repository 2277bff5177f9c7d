"""TLS of the ports: who is trusted, who is let in, and certificates that change while the gateway serves."""

from __future__ import annotations

import asyncio
import socket
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from unit.core.sqlite_files import fill

from rowgate.v1 import query_service_pb2_grpc
from rowgate.v1.query_service_pb2 import ExecuteQueryRequest
from rowgate_server import config
from rowgate_server.app import Addresses, Gateway
from rowgate_server.transport.certificates import CertificateError, ServedCertificates, TlsFiles
from rowgate_server.transport.healthcheck import healthcheck, trust_in
from rowgate_server.transport.tls import GrpcCredentials
from support.certificates import Authority, Issued
from support.eventually import eventually

CA, OTHER_CA = Authority.make("ours"), Authority.make("theirs")
GOOD = CA.issue()
CLIENT = CA.issue("dns:billing.internal", "uri:spiffe://cluster/ns/billing")


@asynccontextmanager
async def serving(folder: Path, *, mutual: bool = False, **more: str) -> AsyncIterator[tuple[Gateway, Addresses]]:
    certificate, key = GOOD.write(folder)
    main = fill(folder / "main.db", "create table things (id integer primary key, name text)")
    files = {
        "certificate": str(certificate),
        "key": str(key),
        **({"client_ca": str(CA.write(folder))} if mutual else {}),
    }
    settings = {
        "listen": "127.0.0.1:0",
        "admin_listen": "127.0.0.1:0",
        "server.drain_grace": "0",
        "databases.main.url": f"sqlite:///{main}",
        **{f"{section}.{name}": path for section in ("tls", "admin_tls") for name, path in files.items()},
        **{name.replace("__", "."): text for name, text in more.items()},
    }
    gateway = Gateway(config.load(settings, {}))
    addresses = await gateway.start()
    try:
        yield gateway, addresses
    finally:
        await gateway.stop(pause=False)


async def ask(address: str, ca: bytes | None = CA.pem, client: Issued | None = None) -> grpc.StatusCode:
    """How a call over a new connection ends."""
    pair = (client.key, client.certificate) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(ca, *pair)
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(address, credentials, options) as channel:
        return await outcome(channel)


async def outcome(channel: grpc.aio.Channel) -> grpc.StatusCode:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
    try:
        await stub.ExecuteQuery(ExecuteQueryRequest(sql="select 1"), timeout=10)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def shown(address: str) -> bytes:
    """The certificate that a port shows to whoever connects."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), 5) as plain, context.wrap_socket(plain) as wrapped:
        return ssl.DER_cert_to_PEM_cert(wrapped.getpeercert(binary_form=True) or b"").encode()


def shows(address: str, issued: Issued) -> bool:
    return shown(address) == issued.certificate


async def metrics(address: str, client: Issued | None = None, folder: Path | None = None) -> str:
    context = ssl.create_default_context(cadata=CA.pem.decode())
    if client and folder:
        context.load_cert_chain(*client.write(folder, "caller"))
    host = f"https://localhost:{address.rpartition(':')[2]}"
    async with aiohttp.ClientSession() as session, session.get(f"{host}/metrics", ssl=context) as response:
        return await response.text()


async def test_a_caller_that_trusts_the_authority_is_answered_on_both_ports(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, addresses):
        assert await ask(addresses.grpc) is grpc.StatusCode.OK
        assert await ask(addresses.grpc, OTHER_CA.pem) is grpc.StatusCode.UNAVAILABLE
        assert "rowgate_tls_certificate_expires_seconds" in await metrics(addresses.admin)


async def test_plaintext_to_the_tls_port_and_the_reverse_end_soon_and_harm_nobody(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, addresses), grpc.aio.insecure_channel(addresses.grpc) as channel:
        assert await outcome(channel) is grpc.StatusCode.UNAVAILABLE
        assert await ask(addresses.grpc) is grpc.StatusCode.OK
        with pytest.raises(aiohttp.ClientError):
            async with aiohttp.ClientSession() as session, session.get(f"http://{addresses.admin}/metrics"):
                pass
    async with plain(tmp_path) as address:
        assert await ask(address) is grpc.StatusCode.UNAVAILABLE


@asynccontextmanager
async def plain(folder: Path) -> AsyncIterator[str]:
    settings = {"listen": "127.0.0.1:0", "admin_listen": "off", "databases.main.url": f"sqlite:///{folder / 'main.db'}"}
    gateway = Gateway(config.load(settings, {}))
    addresses = await gateway.start()
    try:
        yield addresses.grpc
    finally:
        await gateway.stop(pause=False)


@pytest.mark.parametrize("port", ["grpc", "admin"])
async def test_old_versions_of_tls_are_refused(tmp_path: Path, port: str) -> None:
    async with serving(tmp_path) as (_, addresses):
        host, _, number = getattr(addresses, port).rpartition(":")

        def handshake(version: ssl.TLSVersion) -> str | None:
            context = ssl.create_default_context(cadata=CA.pem.decode())
            context.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = context.maximum_version = version
            with (
                socket.create_connection((host, int(number)), 5) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as wrapped,
            ):
                return wrapped.version()

        for old in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            with pytest.raises((ssl.SSLError, OSError)):
                await asyncio.to_thread(handshake, old)
        assert await asyncio.to_thread(handshake, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
        assert await asyncio.to_thread(handshake, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"


async def test_without_a_certificate_of_the_right_authority_nobody_gets_in(tmp_path: Path) -> None:
    async with serving(tmp_path, mutual=True) as (_, addresses):
        assert await ask(addresses.grpc, client=CLIENT) is grpc.StatusCode.OK
        expired = CA.issue("dns:billing.internal", until=timedelta(hours=-1))
        for client in (None, OTHER_CA.issue("dns:billing.internal"), expired):
            assert await ask(addresses.grpc, client=client) is grpc.StatusCode.UNAVAILABLE
        assert "rowgate" in await metrics(addresses.admin, CLIENT, tmp_path)
        with pytest.raises(aiohttp.ClientError):
            await metrics(addresses.admin)
        with pytest.raises(aiohttp.ClientError):
            await metrics(addresses.admin, OTHER_CA.issue("dns:x"), tmp_path)


@pytest.mark.parametrize("san", ["dns:billing.internal", "uri:spiffe://cluster/ns/billing"])
async def test_a_client_certificate_is_a_principal_by_its_name(tmp_path: Path, san: str) -> None:
    async with serving(tmp_path, mutual=True, auth__certificates__billing__san=san) as (_, addresses):
        assert await ask(addresses.grpc, client=CLIENT) is grpc.StatusCode.OK
        stranger = CA.issue("dns:x.billing.internal", "uri:spiffe://cluster/ns/billing/more", "dns:uri")
        assert await ask(addresses.grpc, client=stranger) is grpc.StatusCode.UNAUTHENTICATED


# While it serves


async def test_new_certificates_are_served_to_new_connections_and_old_ones_go_on(tmp_path: Path) -> None:
    async with serving(tmp_path, tls__reload_interval="20ms") as (_, addresses):
        credentials = grpc.ssl_channel_credentials(CA.pem)
        async with grpc.aio.secure_channel(addresses.grpc, credentials) as channel:
            assert await outcome(channel) is grpc.StatusCode.OK
            fresh = OTHER_CA.issue()
            fresh.write(tmp_path)
            for port in (addresses.grpc, addresses.admin):
                await eventually(partial(shows, port, fresh), 5, "the new one is shown")
            assert await ask(addresses.grpc, OTHER_CA.pem) is grpc.StatusCode.OK
            assert await ask(addresses.grpc) is grpc.StatusCode.UNAVAILABLE
            assert await outcome(channel) is grpc.StatusCode.OK


async def test_a_new_authority_of_clients_is_taken_over_on_both_ports(tmp_path: Path) -> None:
    async with serving(tmp_path, mutual=True, tls__reload_interval="20ms") as (gateway, addresses):
        theirs = OTHER_CA.issue("dns:x")
        OTHER_CA.write(tmp_path)
        admin = gateway._admin_tls
        assert admin is not None
        await eventually(lambda: admin.material.client_ca == OTHER_CA.pem, 5, "it is taken over")
        assert await ask(addresses.grpc, client=theirs) is grpc.StatusCode.OK
        assert await ask(addresses.grpc, client=CLIENT) is grpc.StatusCode.UNAVAILABLE
        assert "rowgate" in await metrics(addresses.admin, theirs, tmp_path)
        with pytest.raises(aiohttp.ClientError):
            await metrics(addresses.admin, CLIENT, tmp_path)


def spoil(kind: str, folder: Path) -> None:
    """Puts something there that cannot be served."""
    certificate, key = folder / "tls.crt", folder / "tls.key"
    if kind == "expired":
        CA.issue(until=timedelta(hours=-1)).write(folder)
    elif kind == "not yet valid":
        CA.issue(since=timedelta(hours=1)).write(folder)
    elif kind == "another's key":
        key.write_bytes(CA.issue().key)
    elif kind == "junk":
        certificate.write_bytes(b"junk")
    elif kind == "empty":
        key.write_bytes(b"")
    else:
        certificate.unlink()


@pytest.mark.parametrize("kind", ["expired", "not yet valid", "another's key", "junk", "empty", "gone"])
async def test_a_bad_new_certificate_leaves_the_good_old_one_and_shouts(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(tmp_path, tls__reload_interval="1h") as (gateway, addresses):
        spoil(kind, tmp_path)
        gateway.look_at_files()
        failures = gateway.metrics.registry.get_sample_value
        name = "rowgate_tls_reload_failures_total"
        await eventually(lambda: failures(name, {"port": "admin"}) == 1, 5, "it was looked at")
        assert failures(name, {"port": "grpc"}) == 1
        assert await ask(addresses.grpc) is grpc.StatusCode.OK
        for port in (addresses.grpc, addresses.admin):
            assert await asyncio.to_thread(shown, port) == GOOD.certificate
        assert capsys.readouterr().out.count("certificate not exchanged, the one before stays") == 2
        again = CA.issue()
        again.write(tmp_path)
        gateway.look_at_files()
        await eventually(partial(shows, addresses.admin, again), 5, "the next good one is taken")
        assert await ask(addresses.grpc) is grpc.StatusCode.OK


@pytest.mark.parametrize("kind", ["expired", "not yet valid", "another's key", "junk", "empty"])
def test_a_gateway_does_not_start_with_what_it_cannot_serve(tmp_path: Path, kind: str) -> None:
    certificate, key = GOOD.write(tmp_path)
    spoil(kind, tmp_path)
    settings = {
        "databases.main.url": "sqlite:////nowhere.db",
        "tls.certificate": str(certificate),
        "tls.key": str(key),
    }
    with pytest.raises(config.ConfigError, match=r"^tls: the "):
        Gateway(config.load(settings, {}))


def test_a_fetcher_that_grpc_asks_never_raises(tmp_path: Path) -> None:
    class Quiet:
        def failed(self) -> None:
            pass

        def serving(self, _: Any) -> None:
            pass

    quiet: Any = Quiet()
    certificate, key = (str(path) for path in GOOD.write(tmp_path))
    served = ServedCertificates("grpc", TlsFiles(certificate, key), quiet)
    spoil("gone", tmp_path)
    given = GrpcCredentials(served)
    assert (served.reload(), given._fetch()) == (False, None)
    CA.issue().write(tmp_path)
    assert served.reload()
    assert given._fetch() is not None
    assert given._fetch() is None
    with pytest.raises(CertificateError, match=r"client_ca cannot be read"):
        ServedCertificates("grpc", TlsFiles(certificate, key, str(tmp_path / "none")), quiet)


# Health


async def test_the_health_port_answers_in_plaintext_about_health_only(tmp_path: Path) -> None:
    async with serving(tmp_path, mutual=True, health_listen="127.0.0.1:0") as (_, addresses):
        assert await healthcheck(addresses.health, "readiness", 5) == "SERVING"
        async with grpc.aio.insecure_channel(addresses.health) as channel:
            assert await outcome(channel) is grpc.StatusCode.UNIMPLEMENTED
            stub: Any = health_pb2_grpc.HealthStub(channel)
            watch = stub.Watch(health_pb2.HealthCheckRequest())
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            watch.cancel()


async def test_the_health_check_trusts_the_gateways_own_certificate_only(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, addresses):
        assert await healthcheck(addresses.grpc, "", 5, trust_in(str(tmp_path / "tls.crt"))) == "SERVING"
        other, _ = CA.issue().write(tmp_path, "other")
        assert await healthcheck(addresses.grpc, "", 5, trust_in(str(other))) == "UNAVAILABLE"
