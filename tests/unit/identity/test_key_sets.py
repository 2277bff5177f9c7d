"""The keys of an issuer: kept when it cannot be reached, exchanged when they change, looked for now and then."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from rowgate_server.identity import key_sets
from rowgate_server.identity.key_sets import KeySet
from rowgate_server.identity.refusal import RefusedError, Why
from rowgate_server.identity.sources import file_source, url_source
from rowgate_server.identity.tokens import Issuer, Tokens
from support.certificates import Authority, Issued, self_signed
from support.eventually import eventually
from support.identities import AUDIENCE, ISSUER, SigningKey, jwks

ONE, TWO = SigningKey.make("ES256", "one"), SigningKey.make("ES256", "two")


class Endpoint:
    """What answers for the issuer."""

    def __init__(self, document: bytes) -> None:
        self.document: bytes | Exception = document
        self.reads = 0
        self.failures = 0

    async def __call__(self) -> bytes:
        self.reads += 1
        await asyncio.sleep(0)
        if isinstance(self.document, Exception):
            raise self.document
        return self.document

    def failed(self) -> None:
        self.failures += 1


@asynccontextmanager
async def kept(endpoint: Endpoint, refresh: float = 600, cooldown: float = 30) -> AsyncIterator[KeySet]:
    keys = KeySet("test", endpoint, refresh, cooldown, endpoint.failed)
    await keys.start()
    try:
        yield keys
    finally:
        await keys.stop()


async def test_a_key_that_is_new_is_found_and_one_that_is_gone_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint, now = Endpoint(jwks(ONE)), [0.0]
    monkeypatch.setattr(key_sets, "monotonic", lambda: now[0])
    async with kept(endpoint) as keys:
        tokens = Tokens([Issuer("test", ISSUER, (AUDIENCE,), ("ES256",), 10, "sub", "roles", keys)])
        proved = await tokens.prove(ONE.token())
        endpoint.document = jwks(TWO)
        now[0] = 31
        assert (await tokens.prove(TWO.token())).principal.name == "alice"
        assert not proved.holds()
        with pytest.raises(RefusedError):
            await tokens.prove(ONE.token())


async def test_a_key_that_nobody_has_is_looked_for_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint, now = Endpoint(jwks(ONE)), [0.0]
    monkeypatch.setattr(key_sets, "monotonic", lambda: now[0])
    async with kept(endpoint) as keys:
        for _ in range(50):
            with pytest.raises(RefusedError) as caught:
                await keys.find("nobody's", "ES256")
            assert caught.value.why is Why.UNKNOWN_SIGNING_KEY
        assert endpoint.reads == 1
        now[0] = 30
        await asyncio.gather(*(keys.find("nobody's", "ES256") for _ in range(50)), return_exceptions=True)
        assert endpoint.reads == 2


@pytest.mark.parametrize(
    "wrong",
    [
        OSError("unreachable"),
        TimeoutError(),
        ValueError("status 500"),
        b"",
        b"no json",
        b"[]",
        b'{"keys": 1}',
        b'{"keys": []}',
        b'{"keys": [1, {}, {"kty": "oct", "k": "AAAA"}]}',
        b"[" * 100_000,
        b"\xff",
    ],
    ids=lambda each: repr(each)[:24],
)
async def test_keys_stay_when_no_others_can_be_read(wrong: bytes | Exception) -> None:
    endpoint = Endpoint(jwks(ONE))
    async with kept(endpoint, cooldown=0.001) as keys:
        endpoint.document = wrong
        await asyncio.sleep(0.002)
        with pytest.raises(RefusedError):
            await keys.find("other", "ES256")
        assert (endpoint.reads, endpoint.failures) == (2, 1)
        assert (await keys.find("one", "ES256")).id == "one"


async def test_keys_are_read_anew_by_themselves() -> None:
    endpoint = Endpoint(jwks(ONE))
    async with kept(endpoint, refresh=0.01, cooldown=600) as keys:
        endpoint.document = jwks(TWO)
        await eventually(lambda: keys.generation == 2, 5, "the keys were read anew")
        assert (await keys.find("two", "ES256")).id == "two"


async def test_keys_are_read_anew_when_an_operator_says_so() -> None:
    endpoint = Endpoint(jwks(ONE))
    async with kept(endpoint, refresh=600, cooldown=600) as keys:
        endpoint.document = jwks(TWO)
        keys.look_now()
        await eventually(lambda: keys.generation == 2, 5, "the keys were read anew")


async def test_an_issuer_that_is_away_at_the_start_is_found_later() -> None:
    endpoint = Endpoint(b"")
    async with kept(endpoint, cooldown=0.001) as keys:
        endpoint.document = jwks(ONE)
        await asyncio.sleep(0.002)
        assert (await keys.find("one", "ES256")).id == "one"


# Where they are read from


@asynccontextmanager
async def answering(issued: Issued, folder: Path, response: web.Response) -> AsyncIterator[str]:
    certificate, key = issued.write(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def answer(_: web.Request) -> web.Response:
        return response

    app = web.Application()
    app.router.add_get("/keys", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        await web.SockSite(runner, taken, ssl_context=context).start()
        try:
            yield f"https://localhost:{taken.getsockname()[1]}/keys"
        finally:
            await runner.cleanup()


async def test_a_url_is_trusted_by_its_certificate_only(tmp_path: Path) -> None:
    authority = Authority.make()
    ca = str(authority.write(tmp_path))
    async with answering(authority.issue(), tmp_path, web.Response(body=jwks(ONE))) as url:
        assert await url_source(url, ca)() == jwks(ONE)
        with pytest.raises(OSError, match="ertificate"):
            await url_source(url)()
    for impostor in (self_signed(), authority.issue("dns:elsewhere.test")):
        async with answering(impostor, tmp_path, web.Response(body=jwks(ONE))) as url:
            with pytest.raises(OSError, match="ertificate"):
                await url_source(url, ca)()


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (web.Response(status=404), "status 404"),
        (web.Response(status=302, headers={"Location": "https://evil.test/"}), "status 302"),
        (web.Response(body=b"x" * 300_000), "longer than"),
    ],
    ids=["status", "redirection", "size"],
)
async def test_an_answer_that_is_none_is_refused(tmp_path: Path, response: web.Response, words: str) -> None:
    authority = Authority.make()
    async with answering(authority.issue(), tmp_path, response) as url:
        with pytest.raises(ValueError, match=words):
            await url_source(url, str(authority.write(tmp_path)))()


async def test_a_file_is_read_as_it_is_now(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    with pytest.raises(OSError, match="No such file"):
        await file_source(str(file))()
    file.write_bytes(jwks(ONE))
    assert await file_source(str(file))() == jwks(ONE)
    file.write_bytes(b"x" * 300_000)
    with pytest.raises(ValueError, match="longer than"):
        await file_source(str(file))()
