"""Database URLs: what is accepted, and that nothing of a refused one is ever repeated."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from rowgate_server.config import DatabaseUrl, SslMode
from rowgate_server.engines.dialects import Dialect

# Any text without control characters; surrogates cannot be encoded.
TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=12)
PASSWORDS = TEXT.filter(lambda text: text != "***")
HOSTS = st.sampled_from(["db", "db.internal", "127.0.0.1", "::1", "a-b_c.d"])


def secret_of(url: DatabaseUrl) -> str | None:
    return None if url.password is None else url.password.get_secret_value()


@pytest.mark.parametrize(
    ("scheme", "dialect", "port"),
    [
        ("mysql", Dialect.MYSQL, 3306),
        ("mysql+asyncmy", Dialect.MYSQL, 3306),
        ("mariadb", Dialect.MYSQL, 3306),
        ("mariadb+asyncmy", Dialect.MYSQL, 3306),
        ("postgresql", Dialect.POSTGRESQL, 5432),
        ("postgresql+asyncpg", Dialect.POSTGRESQL, 5432),
        ("postgres", Dialect.POSTGRESQL, 5432),
        ("PostgreSQL", Dialect.POSTGRESQL, 5432),
    ],
)
def test_each_scheme_has_its_dialect_and_port(scheme: str, dialect: Dialect, port: int) -> None:
    url = DatabaseUrl.parse(f"{scheme}://app:secret@db/shop")
    assert (url.dialect, url.scheme) == (dialect, scheme.lower())
    assert (url.host, url.port, url.username, secret_of(url), url.database) == ("db", port, "app", "secret", "shop")
    assert (url.ssl_mode, url.ssl_root_cert, url.read_only) == (SslMode.VERIFY_FULL, "", False)


@pytest.mark.parametrize(
    "scheme", ["mysql+pymysql", "postgresql+psycopg", "oracle", "mssql", "http", "sqlite+pysqlite"]
)
def test_another_scheme_is_refused_with_those_that_are_accepted(scheme: str) -> None:
    with pytest.raises(ValueError, match=re.escape("must begin with one of mysql://, mysql+asyncmy://, mariadb://")):
        DatabaseUrl.parse(f"{scheme}://app:secret@db/shop")


def test_tls_options_are_read() -> None:
    url = DatabaseUrl.parse("mysql://app@db:3307/shop?sslmode=verify-full&sslrootcert=/etc/ssl/my%20ca.pem")
    assert (url.port, url.ssl_mode, url.ssl_root_cert) == (3307, SslMode.VERIFY_FULL, "/etc/ssl/my ca.pem")
    assert url.password is None


def test_mysql_needs_no_default_schema_but_postgresql_needs_a_database() -> None:
    assert DatabaseUrl.parse("mysql://app@db").database == ""
    assert DatabaseUrl.parse("mysql://app@db/").database == ""
    with pytest.raises(ValueError, match="names no database"):
        DatabaseUrl.parse("postgresql://app@db")


@pytest.mark.parametrize(
    ("text", "path"),
    [("sqlite:///shop.db", "shop.db"), ("sqlite:////var/lib/shop.db", "/var/lib/shop.db"), ("sqlite:///a%20b", "a b")],
)
def test_sqlite_paths_are_relative_with_three_slashes_and_absolute_with_four(text: str, path: str) -> None:
    url = DatabaseUrl.parse(text)
    assert (url.dialect, url.database, url.ssl_mode) == (Dialect.SQLITE, path, SslMode.DISABLE)
    assert not url.read_only
    assert DatabaseUrl.parse(f"{text}?mode=ro").read_only


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sqlite://", "empty database of its own"),
        ("sqlite:///", "empty database of its own"),
        ("sqlite:///:memory:", "empty database of its own"),
        ("sqlite:///%3Amemory%3A", "empty database of its own"),
        ("sqlite:///file:shop.db", "file: and its parameters"),
        ("sqlite://shop.db", "three slashes"),
        ("sqlite:///shop.db?mode=rwc", "mode that is not ro"),
        ("sqlite:///shop.db?mode=", "mode that is not ro"),
        ("sqlite:///shop.db?cache=shared", "the option cache, which is not accepted; accepted here: mode"),
        ("sqlite:///shop.db?sslmode=require", "the option sslmode, which is not accepted"),
        ("mysql://app@db/shop?mode=ro", "the option mode, which is not accepted; accepted here: sslmode, sslrootcert"),
        ("mysql://app@db/shop?charset=latin1", "the option charset"),
        ("mysql://app@db/shop?p%61ss=x", "has an option, which is not accepted"),
        ("postgresql://app@db/shop?options=-c%20x", "the option options"),
        ("mysql://app@db/shop?sslmode=require&sslmode=disable", "sslmode twice"),
        ("mysql://app@db/shop?sslmode=required", "not one of disable, prefer, require, verify-ca, verify-full"),
        ("mysql://app@db/shop?sslmode=require&sslrootcert=/ca.pem", "needs a path, and sslmode=verify-ca"),
        ("mysql://app@db/shop?sslmode=verify-ca&sslrootcert=", "needs a path"),
        ("mysql://db/shop", "names no user"),
        ("mysql://:x@db/shop", "names no user"),
        ("mysql://app@/shop", "names no host"),
        ("mysql://app@:3306/shop", "names no host"),
        ("mysql://app@db:0/shop", "from 1 to 65535"),
        ("mysql://app@db:x/shop", "from 1 to 65535"),
        ("mysql://app@::1/shop", "goes in brackets"),
        ("mysql://app@db/shop/more", "second slash"),
        ("mysql://app:%zz@db/shop", "two hexadecimal digits"),
        ("mysql://app:%ff@db/shop", "not UTF-8"),
        ("mysql://app:%00@db/shop", "control character"),
        ("mysql://app:a b@db/shop", "a space"),
        ("mysql://app:***@db/shop", "put the real one"),
        (5, "must be a URL"),
    ],
)
def test_what_would_be_a_trap_is_refused_with_a_reason(text: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DatabaseUrl.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "mysql://app:hun@ter2@db/shop",
        "mysql://app:hun/ter2@db/shop",
        "mysql://app:33/06hun@ter2",
        "mysql://app:hun?ter2@db/shop",
        "mysql://app:hun#ter2@db/shop",
        "mysql://app@hun/ter2@db/shop",
        "mysql://app:x@db/shop@hun",
    ],
)
def test_a_password_that_was_not_encoded_is_not_taken_for_a_host_or_database(text: str) -> None:
    with pytest.raises(ValueError, match="percent-encoded") as caught:
        DatabaseUrl.parse(text)
    assert not re.search("hun|ter2", str(caught.value))


@given(
    scheme=st.sampled_from(["mysql", "mariadb+asyncmy", "postgresql"]),
    username=TEXT,
    password=st.none() | PASSWORDS,
    host=HOSTS,
    port=st.integers(1, 65535),
    database=TEXT,
    ssl_mode=st.sampled_from(SslMode),
)
def test_a_url_is_rendered_as_it_is_read(
    scheme: str, username: str, password: str | None, host: str, port: int, database: str, ssl_mode: SslMode
) -> None:
    url = DatabaseUrl(
        scheme=scheme,
        dialect=DatabaseUrl.parse(f"{scheme}://u@h/d").dialect,
        host=host,
        port=port,
        username=username,
        password=None if password is None else SecretStr(password),
        database=database,
        ssl_mode=ssl_mode,
        ssl_root_cert="/etc/ssl/ca.pem" if ssl_mode.verifies else "",
    )
    assert DatabaseUrl.parse(url.render(hide_password=False)) == url


@given(
    path=TEXT.filter(lambda path: path not in {":memory:", "/"} and not path.startswith("file:")),
    read_only=st.booleans(),
)
def test_a_path_is_rendered_as_it_is_read(path: str, read_only: bool) -> None:
    url = DatabaseUrl(
        scheme="sqlite", dialect=Dialect.SQLITE, database=path, ssl_mode=SslMode.DISABLE, read_only=read_only
    )
    assert DatabaseUrl.parse(url.render()) == url


@given(username=TEXT, password=PASSWORDS)
def test_sqlalchemy_reads_the_same_user_and_password(username: str, password: str) -> None:
    url = DatabaseUrl(
        scheme="mysql", dialect=Dialect.MYSQL, host="db", port=3306, username=username, password=SecretStr(password)
    )
    theirs = make_url(url.render(hide_password=False))
    assert (theirs.username, theirs.password, theirs.host, theirs.port) == (username, password, "db", 3306)


def test_the_password_is_hidden_unless_asked_for() -> None:
    url = DatabaseUrl.parse("postgresql://app:hunter2@db/shop?sslmode=disable")
    assert url.render() == str(url) == "postgresql://app:***@db:5432/shop?sslmode=disable"
    assert "hunter2" in url.render(hide_password=False)
    assert "hunter2" not in repr(url)


def refusal(text: str) -> ValueError | None:
    try:
        DatabaseUrl.parse(text)
    except ValueError as error:
        return error
    return None


@given(st.text(max_size=40) | TEXT.map(lambda text: f"mysql://app:{text}@db/shop"))
def test_any_text_is_a_url_or_refused_in_words_of_our_own(text: str) -> None:
    error = refusal(text)
    assert error is None or (type(error) is ValueError and error.__cause__ is None)
