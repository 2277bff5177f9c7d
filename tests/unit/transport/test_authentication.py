"""Credentials as a caller sends them: who is let in, and what the others, the log and the metrics are told."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from unit.core.sqlite_files import fill

from rowgate.v1 import query_service_pb2_grpc
from rowgate.v1.query_service_pb2 import ExecuteQueryRequest, StreamQueryRequest, TransactRequest
from rowgate_server import config
from rowgate_server.app import Gateway
from rowgate_server.core.query import QueryRequest, QueryRunner
from rowgate_server.engines.caller import caller
from rowgate_server.identity.hashing import make_key
from rowgate_server.identity.principal import Principal, current_principal
from rowgate_server.transport.interceptors import current_call
from support.identities import AUDIENCE, ISSUER, SigningKey, claims, jwks
from support.streams import answers

KEY, HASH = make_key("bob")
WRONG = make_key("bob")[0]
SIGNER = SigningKey.make()
QUERY = ExecuteQueryRequest(sql="select 1")


def _files(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "keys.json").write_bytes(jwks(SIGNER))
    return fill(folder / "main.db", "create table things (id integer primary key, name text)")


@asynccontextmanager
async def guarded(folder: Path, **more: str) -> AsyncIterator[tuple[Gateway, grpc.aio.Channel]]:
    """The gateway with a key and an issuer."""
    settings = {
        "listen": "127.0.0.1:0",
        "admin_listen": "off",
        "server.drain_grace": "0",
        "databases.main.url": f"sqlite:///{_files(folder)}",
        "auth.api_keys.bob.hash": str(HASH),
        "auth.api_keys.bob.roles": "reader",
        "auth.jwt.test.issuer": ISSUER,
        "auth.jwt.test.audience": AUDIENCE,
        "auth.jwt.test.jwks": str(folder / "keys.json"),
        **{name.replace("__", "."): text for name, text in more.items()},
    }
    gateway = Gateway(config.load(settings, {}))
    addresses = await gateway.start()
    try:
        async with grpc.aio.insecure_channel(addresses.grpc) as channel:
            yield gateway, channel
    finally:
        await gateway.stop(pause=False)


async def ask(channel: grpc.aio.Channel, *headers: str) -> Any:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
    return await stub.ExecuteQuery(QUERY, metadata=[("authorization", header) for header in headers])


async def refused(channel: grpc.aio.Channel, *headers: str) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await ask(channel, *headers)
    return caught.value


def told(error: grpc.aio.AioRpcError) -> tuple[Any, ...]:
    """All that the caller is told, but for the correlation id."""
    status: Any = rpc_status.from_call(error)  # type: ignore[arg-type]  # it takes an AioRpcError as well
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    metadata = {key: text for key, text in info.metadata.items() if key != "correlation_id"}
    return error.code(), error.details(), info.reason, metadata, len(status.details)


def failures(gateway: Gateway) -> dict[str, float]:
    samples = [sample for metric in gateway.metrics.registry.collect() for sample in metric.samples]
    counted = {s.labels["reason"]: s.value for s in samples if s.name == "rowgate_auth_failures_total"}
    return {reason: count for reason, count in counted.items() if count}


async def test_a_key_and_a_token_let_in_and_the_access_log_says_whom(log: io.StringIO, tmp_path: Path) -> None:
    async with guarded(tmp_path) as (_, channel):
        await ask(channel, f"Bearer {KEY}")
        await ask(channel, f"bearer {SIGNER.token()}")
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    calls = [line for line in lines if line["event"] == "call"]
    assert [(line["principal"], line["auth"], line.get("issuer")) for line in calls] == [
        ("bob", "api_key", None),
        ("alice", "jwt", "test"),
    ]
    assert KEY not in log.getvalue()


async def test_a_principal_has_one_share_of_a_pool_whatever_it_comes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    run = QueryRunner.execute

    async def noted(runner: QueryRunner, request: QueryRequest) -> Any:
        seen.append(caller.get())
        return await run(runner, request)

    monkeypatch.setattr(QueryRunner, "execute", noted)
    async with guarded(tmp_path) as (_, channel):
        await ask(channel, f"Bearer {KEY}")
        await ask(channel, f"Bearer {SIGNER.token()}")
    assert seen == ["api_key::bob", "jwt:test:alice"]


async def test_every_wrong_credential_gets_one_and_the_same_answer(log: io.StringIO, tmp_path: Path) -> None:
    stranger = make_key("eve")[0]
    wrong = [
        (),
        (f"Bearer {WRONG}",),
        (f"Bearer {stranger}",),
        (f"Bearer {KEY}", f"Bearer {KEY}"),
        ("Bearer " + "x" * 9000,),
        ("Basic Ym9iOmJvYg==",),
        (f"Bearer {SIGNER.token(claims(exp=1))}",),
        (f"Bearer {SIGNER.token(claims(aud='other'))}",),
        (f"Bearer {SigningKey.make().token()}",),
    ]
    async with guarded(tmp_path) as (gateway, channel):
        answers = [told(await refused(channel, *headers)) for headers in wrong]
        counted = failures(gateway)
    assert answers[0][:3] == (
        grpc.StatusCode.UNAUTHENTICATED,
        "the call has no credentials that are accepted here",
        "UNAUTHENTICATED",
    )
    assert answers == [answers[0]] * len(wrong)
    expected = [
        *("missing", "wrong_key", "unknown_key", "duplicate", "too_large"),
        *("malformed", "expired", "audience", "signature"),
    ]
    assert counted == dict.fromkeys(expected, 1)
    whys = [json.loads(line).get("refused") for line in log.getvalue().splitlines()]
    assert [why for why in whys if why] == expected
    assert WRONG not in log.getvalue()


async def test_whoever_shows_nothing_is_a_guest_where_the_policy_has_roles_for_guests(tmp_path: Path) -> None:
    rules = "[{database: main, allow: raw_read}]"
    policy = tmp_path / "policy.yaml"
    roles = f"roles: {{guest: {{rules: {rules}}}, reader: {{rules: [{{database: main, allow: admin}}]}}}}\n"
    policy.write_text(f"anonymous: [guest]\n{roles}", encoding="utf-8")
    unauthenticated, denied = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED
    async with guarded(tmp_path, policy__path=str(policy)) as (gateway, channel):
        await ask(channel)
        assert (await refused(channel, f"Bearer {WRONG}")).code() is unauthenticated
        assert (await refused(channel, "")).code() is unauthenticated
        assert (await refused(channel, f"Bearer {KEY}")).code() is denied, "guests have rules of their own"
        assert failures(gateway) == {"wrong_key": 1, "malformed": 1}
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _reflected(channel)
        assert caught.value.code() is unauthenticated
        policy.write_text(roles, encoding="utf-8")
        gateway._served.look_now()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await asyncio.wait_for(_ask_on(channel), 10)
        assert caught.value.code() is unauthenticated


async def _ask_on(channel: grpc.aio.Channel) -> None:
    """Until it is refused at the door; one that was let in as a guest before may be denied what it asks for."""
    while True:
        try:
            await ask(channel)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.PERMISSION_DENIED:
                raise


async def _reflected(channel: grpc.aio.Channel, **more: Any) -> list[Any]:
    make: Any = reflection_pb2_grpc.ServerReflectionStub
    question = reflection_pb2.ServerReflectionRequest(list_services="*")
    return await answers(make(channel).ServerReflectionInfo(iter([question]), **more))


async def test_streams_are_refused_before_they_begin(tmp_path: Path) -> None:
    async with guarded(tmp_path) as (_, channel):
        stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
        # Nothing is written: grpc's client reports a refusal that meets a write as a fault of its own.
        for call in (stub.StreamQuery(StreamQueryRequest(sql="select 1")), stub.Transact()):
            assert await call.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_refusal_that_meets_requests_on_their_way_is_told_as_it_was_given(tmp_path: Path) -> None:
    async with guarded(tmp_path) as (_, channel):
        stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
        for _ in range(50):  # of so many, grpc.aio puts an INTERNAL over some forty
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await answers(stub.Transact(iter([TransactRequest()] * 6)))
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_health_is_open_and_reflection_only_where_it_is_said(tmp_path: Path) -> None:
    for open_reflection in ("false", "true"):
        async with guarded(tmp_path / open_reflection, auth__open_reflection=open_reflection) as (_, channel):
            health: Any = health_pb2_grpc.HealthStub(channel)
            assert (await health.Check(health_pb2.HealthCheckRequest())).status == 1
            assert await _reflected(channel, metadata=[("authorization", f"Bearer {KEY}")])
            if open_reflection == "true":
                assert await _reflected(channel)
            else:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await _reflected(channel)
                assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_peer_that_guesses_is_slowed_down_and_told_for_how_long(tmp_path: Path) -> None:
    async with guarded(tmp_path, auth__failures__burst="2", auth__failures__every="1h") as (gateway, channel):
        await ask(channel, f"Bearer {KEY}")
        for _ in range(2):
            assert (await refused(channel, f"Bearer {WRONG}")).code() is grpc.StatusCode.UNAUTHENTICATED
        error = await refused(channel, f"Bearer {WRONG}")
        assert (error.code(), told(error)[2], told(error)[4]) == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "QUOTA_EXCEEDED",
            2,
        )
        await ask(channel, f"Bearer {KEY}")
        assert failures(gateway) == {"wrong_key": 2, "rate_limited": 1}


async def test_the_principal_is_there_for_what_is_further_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Principal] = []

    async with guarded(tmp_path) as (gateway, channel):
        runner = gateway._transacting._transactions._queries
        execute = runner.execute

        async def watched(request: Any) -> Any:
            seen.append(current_principal.get())
            assert current_call().principal is seen[-1]
            return await execute(request)

        monkeypatch.setattr(runner, "execute", watched)
        await ask(channel, f"Bearer {SIGNER.token(claims(tenant='acme'))}")
        await ask(channel, f"Bearer {KEY}")
    assert [(each.name, each.roles, each.claims.get("tenant")) for each in seen] == [
        ("alice", ("reader",), "acme"),
        ("bob", ("reader",), None),
    ]
