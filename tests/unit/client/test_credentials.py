"""The client's credentials: sent with every call, over an encrypted connection only, and shown nowhere."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from unit.core.sqlite_files import fill

import rowgate
from rowgate_server import config
from rowgate_server.app import Addresses, Gateway
from rowgate_server.identity.hashing import make_key
from support.certificates import Authority

CA = Authority.make()
KEY, HASH = make_key("bob")


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Addresses]:
    certificate, key = CA.issue().write(tmp_path)
    settings = {
        "listen": "127.0.0.1:0",
        "admin_listen": "off",
        "databases.main.url": f"sqlite:///{fill(tmp_path / 'main.db', 'create table t (a)')}",
        "auth.api_keys.bob.hash": str(HASH),
        "tls.certificate": str(certificate),
        "tls.key": str(key),
    }
    gateway = Gateway(config.load(settings, {}))
    try:
        yield await gateway.start()
    finally:
        await gateway.stop(pause=False)


async def test_a_key_is_sent_over_tls_with_every_kind_of_call(guarded: Addresses) -> None:
    async with rowgate.connect(guarded.grpc, tls=rowgate.Tls(ca=CA.pem), token=KEY) as db:
        assert [tuple(row) for row in await db.query("select 1")] == [(1,)]
        assert [row[0] async for row in db.stream("select 1")] == [1]
        assert await db.tables()
        async with db.transaction() as tx:
            assert (await tx.query("select 1")).scalar() == 1


async def test_a_function_is_asked_before_every_call(guarded: Addresses) -> None:
    tokens = itertools.chain([KEY, "wrong"], itertools.repeat(KEY))
    async with rowgate.connect(guarded.grpc, tls=rowgate.Tls(ca=CA.pem), token=lambda: next(tokens)) as db:
        await db.query("select 1")
        with pytest.raises(rowgate.Unauthenticated) as caught:
            await db.query("select 1")
        assert caught.value.reason == "UNAUTHENTICATED"
        await db.query("select 1")


async def test_without_credentials_the_gateway_says_so(guarded: Addresses) -> None:
    async with rowgate.connect(guarded.grpc, tls=rowgate.Tls(ca=CA.pem)) as db:
        with pytest.raises(rowgate.PermissionDenied):
            await db.query("select 1")


@pytest.mark.parametrize(
    "given",
    [{"token": KEY}, {"token": lambda: KEY}, {"metadata": {"authorization": f"Bearer {KEY}"}}],
    ids=["token", "function", "metadata"],
)
async def test_credentials_are_not_sent_unencrypted_unless_that_is_asked_for(
    target: str, gateway: Any, given: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="not sent unencrypted") as caught:
        async with rowgate.connect(target, **given) as db:
            await db.query("select 1")
    assert KEY not in str(caught.value)
    with pytest.raises(ValueError, match="not sent unencrypted"):
        async with rowgate.connect(target, **given) as db, db.transaction():
            pass
    assert not gateway.received
    async with rowgate.connect(target, **given, credentials_in_plaintext=True, retry=None) as db:
        with pytest.raises(rowgate.RowgateError):
            await db.query("select 1")
    (call,) = gateway.received
    assert dict(call.metadata)["authorization"] == f"Bearer {KEY}"


async def test_credentials_are_given_once(target: str) -> None:
    tls = rowgate.Tls(ca=CA.pem)
    async with rowgate.connect(target, tls=tls, token=KEY, metadata={"authorization": "Bearer x"}) as db:
        with pytest.raises(ValueError, match="as token and as metadata"):
            await db.query("select 1")


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "ünïcode"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="the token is empty, or has"):
        rowgate.connect("localhost:1", tls=rowgate.Tls(), token=token)
