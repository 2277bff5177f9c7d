"""Transactions and batches as a person at a terminal meets them, mistakes above all: one JSON message a line."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.process import Gateway
from support.tools import grpcurl

BEGIN: dict[str, Any] = {"begin": {}}
COMMIT: dict[str, Any] = {"commit": {}}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    file: Path = tmp_path_factory.mktemp("grpcurl") / "shop.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("create table plants (id integer primary key, name text not null)")
    with Gateway.start(environment={"ROWGATE_DATABASES__SHOP__URL": f"sqlite:///{file}"}) as gateway:
        yield gateway


def asked(gateway: Gateway, method: str, text: str) -> subprocess.CompletedProcess[str]:
    command = [str(grpcurl()), "-plaintext", "-d", "@", gateway.address, f"rowgate.v1.QueryService/{method}"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)


def transact(gateway: Gateway, *requests: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers to each of them."""
    done = asked(gateway, "Transact", "\n".join(map(json.dumps, requests)))
    assert done.returncode == 0, done.stderr
    decoder, text, found = json.JSONDecoder(), done.stdout.strip(), []
    while text:
        answer, end = decoder.raw_decode(text)
        found.append(answer)
        text = text[end:].lstrip()
    return found


def sql(text: str) -> dict[str, Any]:
    return {"executeQuery": {"sql": text}}


def told(answers: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Of each answer, the error's reason or the kind, and the state."""
    kinds = [answer.get("error", {}).get("reason") or _kind(answer) for answer in answers]
    states = [answer["state"].removeprefix("TRANSACTION_STATE_") for answer in answers]
    return list(zip(kinds, states, strict=True))


def _kind(answer: dict[str, Any]) -> str:
    return next(iter(answer.keys() - {"sequence", "last", "state"}))


def test_each_request_is_a_line_and_each_answer_a_message(gateway: Gateway) -> None:
    answers = transact(gateway, BEGIN, sql("insert into plants values (1, 'kale')"), sql("select 1 as x"), COMMIT)
    assert [answer["sequence"] for answer in answers] == ["1", "2", "3", "4"]
    assert [state for _, state in told(answers)] == ["ACTIVE"] * 3 + ["COMMITTED"]


@pytest.mark.parametrize("first", [COMMIT, sql("select 1"), {}, {"savepoint": {"name": "x"}}], ids=str)
def test_a_request_before_begin_ends_the_call(gateway: Gateway, first: dict[str, Any]) -> None:
    done = asked(gateway, "Transact", json.dumps(first))
    assert done.returncode != 0
    assert "InvalidArgument" in done.stderr
    assert "the first request is not begin" in done.stderr


def test_mistakes_are_answered_and_the_transaction_goes_on(gateway: Gateway) -> None:
    answers = transact(
        gateway,
        BEGIN,
        BEGIN,
        {"rollbackTo": {"name": "nowhere"}},
        {"release": {"name": "nowhere"}},
        {"savepoint": {}},
        {},
        sql("selct 1"),
        sql("commit"),
        COMMIT,
    )
    reasons = ["begin", *["INVALID_REQUEST"] * 5, "INVALID_SQL", "NOT_SUPPORTED", "commit"]
    assert told(answers) == list(zip(reasons, ["ACTIVE"] * 8 + ["COMMITTED"], strict=True))


@pytest.mark.parametrize(("end", "state"), [("commit", "COMMITTED"), ("rollback", "ROLLED_BACK")])
def test_whatever_comes_after_the_end_is_refused(gateway: Gateway, end: str, state: str) -> None:
    late = [COMMIT, {"rollback": {}}, sql("select 1"), {"savepoint": {"name": "x"}}, {"begin": {}}, {}]
    answers = told(transact(gateway, BEGIN, {end: {}}, *late))
    assert answers[1:] == [(end, state), *[("INVALID_REQUEST", state)] * len(late)]


def test_a_stream_of_nothing_is_no_error(gateway: Gateway) -> None:
    assert transact(gateway) == []


@pytest.mark.parametrize("count", [0, 1001, 100_000])
def test_too_few_or_too_many_steps_are_refused(gateway: Gateway, count: int) -> None:
    done = asked(gateway, "ExecuteBatch", json.dumps({"steps": [{"sql": "select 1"}] * count}))
    assert "InvalidArgument" in done.stderr
    assert "1 to 1000 steps" in done.stderr
