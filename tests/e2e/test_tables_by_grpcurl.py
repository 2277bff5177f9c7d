"""TableService as a person at a terminal meets it, and page tokens from one replica to another."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from support.process import Gateway
from support.tools import grpcurl

_SECRET = "the same for all replicas"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("grpcurl") / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table plants (id integer primary key, name text not null, price real, gone integer)")
        rows = [(number, f"plant {number}", number / 2, int(number == 3)) for number in range(1, 8)]
        connection.executemany("insert into plants values (?, ?, ?, ?)", rows)
        connection.commit()
    return path


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret") / "page-tokens"
    path.write_text(_SECRET + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def replicas(file: Path, secret: Path) -> Iterator[dict[str, Gateway]]:
    """Two that share a secret, one of them out of a mounted file, and two that have none."""
    own: dict[str, dict[str, str]] = {
        "first": {"ROWGATE_SERVER__PAGE_TOKEN_SECRET": _SECRET},
        "second": {"ROWGATE_SERVER__PAGE_TOKEN_SECRET_FILE": str(secret)},
        "third": {},
        "fourth": {},
    }
    shared = {
        "ROWGATE_DATABASES__SHOP__URL": f"sqlite:///{file}",
        "ROWGATE_DATABASES__SHOP__TABLES__SOFT_DELETE_TABLES": "plants=gone",
    }
    with ExitStack() as ending:
        yield {
            name: ending.enter_context(Gateway.start(environment={**shared, **settings}))
            for name, settings in own.items()
        }


@pytest.fixture(scope="module")
def gateway(replicas: dict[str, Gateway]) -> Gateway:
    return replicas["first"]


def _asked(gateway: Gateway, method: str, request: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    service = f"rowgate.v1.TableService/{method}"
    command = [str(grpcurl()), "-plaintext", "-d", json.dumps(request), gateway.address, service]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def _answer(gateway: Gateway, method: str, request: dict[str, Any]) -> dict[str, Any]:
    asked = _asked(gateway, method, request)
    assert asked.returncode == 0, asked.stderr
    answer: dict[str, Any] = json.loads(asked.stdout)
    return answer


def _names(answer: dict[str, Any]) -> list[str]:
    rows = answer.get("result", {}).get("rows", [])
    return [next(cell["string_value"] for cell in row["values"] if "string_value" in cell) for row in rows]


def test_rows_are_listed_by_a_filter_in_an_order_page_by_page(gateway: Gateway) -> None:
    compare = {"column": "price", "op": "COMPARISON_OPERATOR_GT", "value": {"doubleValue": 0.5}}
    request: dict[str, Any] = {
        "table": "plants",
        "columns": ["name"],
        "filter": {"and": {"filters": [{"compare": compare}]}},
        "orderBy": [{"column": "price", "descending": True}],
        "pageSize": 3,
        "count": "COUNT_MODE_EXACT",
    }
    first = _answer(gateway, "ListRows", request)
    assert _names(first) == ["plant 7", "plant 6", "plant 5"]
    assert (first["total_count"], first["soft_delete_column"]) == ("5", "gone")
    second = _answer(gateway, "ListRows", {**request, "pageToken": first["next_page_token"]})
    assert _names(second) == ["plant 4", "plant 2"]
    assert not second.get("next_page_token")


def test_a_row_is_got_by_its_key(gateway: Gateway) -> None:
    assert _names(_answer(gateway, "GetRow", {"table": "plants", "key": {"id": {"intValue": 2}}})) == ["plant 2"]
    missing = _asked(gateway, "GetRow", {"table": "plants", "key": {"id": {"intValue": 3}}})
    assert "Code: NotFound" in missing.stderr
    assert '"reason": "ROW_NOT_FOUND"' in missing.stderr
    deleted = {"table": "plants", "key": {"id": {"intValue": 3}}, "includeDeleted": True}
    assert _names(_answer(gateway, "GetRow", deleted)) == ["plant 3"]


def test_rows_are_counted(gateway: Gateway) -> None:
    assert _answer(gateway, "CountRows", {"table": "plants"})["count"] == "6"
    assert _answer(gateway, "CountRows", {"table": "plants", "includeDeleted": True})["count"] == "7"


def test_a_mistake_in_a_filter_is_told_with_its_place_and_a_hint(gateway: Gateway) -> None:
    compare = {"column": "prise", "op": "COMPARISON_OPERATOR_GT", "value": {"doubleValue": 1}}
    asked = _asked(gateway, "ListRows", {"table": "plants", "filter": {"not": {"compare": compare}}})
    assert "Code: InvalidArgument" in asked.stderr
    assert '"reason": "UNKNOWN_COLUMN"' in asked.stderr
    assert '"field": "filter.not.compare.column"' in asked.stderr
    assert '"hint": "did you mean price?"' in asked.stderr


def test_replicas_of_one_secret_go_on_with_each_others_pages(replicas: dict[str, Gateway]) -> None:
    request = {"table": "plants", "pageSize": 2}
    for one, other, understood in (
        ("first", "second", True),
        ("second", "first", True),
        ("first", "third", False),
        ("third", "fourth", False),
        ("fourth", "fourth", True),
    ):
        token = _answer(replicas[one], "ListRows", request)["next_page_token"]
        asked = _asked(replicas[other], "ListRows", {**request, "pageToken": token})
        assert (asked.returncode == 0) is understood, (one, other)
        if not understood:
            assert '"field": "page_token"' in asked.stderr


def test_the_secret_is_never_shown(replicas: dict[str, Gateway]) -> None:
    for gateway in replicas.values():
        assert _SECRET not in gateway.stdout + gateway.stderr


def test_the_log_tells_the_table_and_the_number_of_rows(gateway: Gateway) -> None:
    _answer(gateway, "ListRows", {"table": "plants", "pageSize": 4})
    line = gateway.child.stderr.wait_for(r"\{.*ListRows.*\"rows\": 4\b.*\}|\{.*\"rows\": 4\b.*ListRows.*\}", within=10)
    assert line
    told = json.loads(line[0])
    assert (told["table"], told["rows"], told["code"]) == ("plants", 4, "OK")
    assert told["query_id"]
