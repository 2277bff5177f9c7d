"""Who configures a pool that transactions can take whole is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rowgate_server import config
from rowgate_server.sharing import unshared
from support.process import Gateway


def lines(**changes: str) -> list[str]:
    settings = {"databases.main.url": "sqlite:///main.db"} | {
        f"databases.main.{key.replace('__', '.')}": value for key, value in changes.items()
    }
    return list(unshared(config.load(settings, {})))


def test_a_pool_that_leaves_something_is_not_mentioned() -> None:
    assert lines() == []
    assert lines(pool__size="1", pool__max_overflow="1") == []


@pytest.mark.parametrize(
    "changes",
    [{"pool__size": "1", "pool__max_overflow": "0"}, {"transactions__pool_share": "100"}],
    ids=["one", "all"],
)
def test_a_pool_that_leaves_nothing_is_told_of(changes: dict[str, str]) -> None:
    (line,) = lines(**changes)
    assert line.startswith("databases.main.pool: ")
    assert "transactions.pool_share" in line


def test_the_pool_of_a_login_is_told_of_too() -> None:
    (line,) = lines(
        url="postgresql://a:b@h/d", **{"logins.other.url": "postgresql://c:d@h/d"},
        **{"logins.other.pool.size": "1", "logins.other.pool.max_overflow": "0"},
    )  # fmt: skip
    assert line.startswith("databases.main.logins.other.pool: ")


def test_the_start_warns_of_it(tmp_path: Path) -> None:
    (tmp_path / "main.db").touch()
    environment = {
        "ROWGATE_DATABASES__MAIN__URL": f"sqlite:///{tmp_path / 'main.db'}",
        "ROWGATE_DATABASES__MAIN__TRANSACTIONS__POOL_SHARE": "100",
    }
    with Gateway.start(environment=environment) as gateway:
        assert gateway.child.stderr.wait_for("transactions may take all of a pool", within=20), gateway.stderr
