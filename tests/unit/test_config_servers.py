"""Several hosts in a URL, and replicas: what is accepted, and what they must agree on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.config import ConfigError, DatabaseUrl, Settings, SslMode, load
from rowgate_server.config.values import bracketed

NAMES = st.sampled_from(["a", "db.internal", "127.0.0.1", "::1", "10.0.0.7"])
HOSTS = st.lists(st.tuples(NAMES, st.integers(1, 65_535)), min_size=1, max_size=16, unique=True)
SHOP = "mariadb://u:p@a,b/shop"


def settings(**database: Any) -> Settings:
    flags = {f"databases.main.{key.replace('__', '.')}": value for key, value in database.items()}
    return load(flags, {}, extra_databases={}, extra={})


def problem(**database: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        settings(**database)
    return "; ".join(caught.value.problems)


@given(HOSTS)
def test_hosts_keep_their_order_and_come_back_as_they_were(hosts: list[tuple[str, int]]) -> None:
    addresses = ",".join(f"{bracketed(host)}:{port}" for host, port in hosts)
    url = DatabaseUrl.parse(f"postgresql://u:p@{addresses}/shop")
    assert url.hosts == tuple(hosts)
    assert (url.host, url.port) == hosts[0]
    assert DatabaseUrl.parse(url.render(hide_password=False)) == url


@given(HOSTS)
def test_plaintext_is_the_default_only_where_all_hosts_are_this_machine(hosts: list[tuple[str, int]]) -> None:
    addresses = ",".join(f"{bracketed(host)}:{port}" for host, port in hosts)
    local = all(host in ("127.0.0.1", "::1") for host, _ in hosts)
    url = DatabaseUrl.parse(f"mysql://u:p@{addresses}/shop")
    assert url.ssl_mode is (SslMode.PREFER if local else SslMode.VERIFY_FULL)


def test_each_host_without_a_port_has_the_default_one() -> None:
    assert DatabaseUrl.parse("mysql://u@a,b:3307,[::1]").hosts == (("a", 3306), ("b", 3307), ("::1", 3306))


@pytest.mark.parametrize(
    ("addresses", "words"),
    [
        ("a,,b", "names no host"),
        ("a,", "names no host"),
        (",a", "names no host"),
        ("a,a:3306", "names a host twice"),
        ("a,b:x", "has a port that is not a number"),
        ("a,b c", "has a space"),
        (",".join(f"h{number}" for number in range(17)), "names more than 16 hosts"),
    ],
)
def test_malformed_hosts_are_refused(addresses: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DatabaseUrl.parse(f"mysql://u:p@{addresses}/shop")


def test_replicas_and_routing_are_read() -> None:
    database = settings(url=SHOP, replicas__eu__url="mariadb://r:p@c/shop", routing__spread="true").databases["main"]
    assert database.replicas["eu"].url.host == "c"
    assert database.routing.spread
    assert database.routing.max_staleness == 60.0


def test_replica_must_be_of_the_same_engine_and_database() -> None:
    for url in ("postgresql://r:p@c/shop", "mariadb://r:p@c/other"):
        said = problem(url=SHOP, replicas__eu__url=url)
        assert said.startswith("databases.main.replicas.eu.url (")
        assert "must be of the same engine and name the same database" in said


def test_replica_has_one_host() -> None:
    said = problem(url=SHOP, replicas__eu__url="mariadb://r:p@c,d/shop")
    assert "must name one host (for each of several give a replica of its own name, with its own url)" in said


def test_sqlite_has_no_replicas_and_no_hosts() -> None:
    file = "sqlite:///shop.db"
    assert "must not be given for SQLite" in problem(url=file, replicas__eu__url="sqlite:///copy.db")
    assert "needs several hosts in databases.main.url" in problem(url=file, routing__spread="true")
    assert "must have three slashes" in problem(url="sqlite://a,b/shop.db")


def test_spread_needs_several_hosts() -> None:
    said = problem(url="mariadb://u:p@a/shop", routing__spread="true")
    assert said.startswith("databases.main.routing.spread (")
    assert said.endswith("needs several hosts in databases.main.url")


def test_login_must_name_the_same_hosts_in_the_same_order() -> None:
    settings(url=SHOP, logins__other__url="mariadb://o:p@a,b/shop")
    assert "must lead to the same database" in problem(url=SHOP, logins__other__url="mariadb://o:p@b,a/shop")


def test_password_of_a_replica_is_never_shown() -> None:
    shown = repr(settings(url=SHOP, replicas__eu__url="mariadb://r:hidden-word@c/shop"))
    assert "hidden-word" not in shown
