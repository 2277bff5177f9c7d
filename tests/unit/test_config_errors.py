"""A wrong configuration is answered by lines that name the key and its source, all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rowgate_server.config import ConfigError, load
from support.certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

URL = "mysql://app:secret@db/shop"
MAIN = {"databases.main.url": URL}


def problems(
    flags: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None, **more: Any
) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(MAIN if flags is None else flags, env or {}, **more)
    assert str(caught.value) == "\n".join(caught.value.problems)
    # Neither a cause nor a context: pydantic's own error holds the values.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value.problems


def in_file(tmp_path: Path, text: str) -> tuple[str, ...]:
    file = tmp_path / "rowgate.yaml"
    file.write_text(text, encoding="utf-8")
    return tuple(line.replace(str(file), "FILE") for line in problems({**MAIN, "config": str(file)}))


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        (
            "ROWGATE_DATABASES__MAIN__POOL__SISE",
            "5",
            (
                "databases.main.pool.sise (environment ROWGATE_DATABASES__MAIN__POOL__SISE): "
                "no such setting; did you mean size?"
            ),
        ),
        (
            "ROWGATE_DATABASES__MAIN__POOL__SIZE",
            "five",
            "databases.main.pool.size (environment ROWGATE_DATABASES__MAIN__POOL__SIZE): must be a whole number",
        ),
        (
            "ROWGATE_DATABASES__MAIN__POOL__SIZE",
            "0",
            "databases.main.pool.size (environment ROWGATE_DATABASES__MAIN__POOL__SIZE): must be from 1 to 1000",
        ),
        (
            "ROWGATE_LOG_LEVEL",
            "info",
            "log_level (environment ROWGATE_LOG_LEVEL): no such setting; did you mean ROWGATE_LOG__LEVEL?",
        ),
        (
            "ROWGATE_DATABASES_MY_SHOP_URL",
            URL,
            (
                "databases_my_shop_url (environment ROWGATE_DATABASES_MY_SHOP_URL): "
                "no such setting; did you mean ROWGATE_DATABASES__MY_SHOP__URL?"
            ),
        ),
        ("ROWGATE_LISTN", "x", "listn (environment ROWGATE_LISTN): no such setting; did you mean listen?"),
        (
            "ROWGATE_CONFIG_FILE",
            "/x",
            "config (environment ROWGATE_CONFIG_FILE): no such setting; did you mean ROWGATE_CONFIG?",
        ),
        (
            "ROWGATE_ZZZ",
            "x",
            (
                "zzz (environment ROWGATE_ZZZ): no such setting; "
                "there are listen, admin_listen, health_listen, insecure, databases, default_database, server, auth, "
                "tls, admin_tls, audit, policy, admin, health, log, reload, tracing"
            ),
        ),
        (
            "ROWGATE_LISTEN__PORT",
            "1",
            "listen.port (environment ROWGATE_LISTEN__PORT): no such setting: listen is a single value",
        ),
        (
            "ROWGATE_HEALTH",
            "1s",
            "health (environment ROWGATE_HEALTH): is a section, not a value; it has interval",
        ),
        ("ROWGATE_LISTEN", "", "listen (environment ROWGATE_LISTEN): has no value; leave it out for the default"),
        ("ROWGATE_CONFIG", "", "config (environment ROWGATE_CONFIG): names no file"),
        (
            "rowgate_health__interval",
            "1d",
            (
                "health.interval (environment rowgate_health__interval): "
                "must be a duration such as 250ms, 5s, 2m or 1h, or a number of seconds"
            ),
        ),
        (
            "ROWGATE_HEALTH__INTERVAL",
            "50ms",
            "health.interval (environment ROWGATE_HEALTH__INTERVAL): must be from 100ms to 168h",
        ),
        (
            "ROWGATE_SERVER__MAX_MESSAGE_BYTES",
            "2GiB",
            "server.max_message_bytes (environment ROWGATE_SERVER__MAX_MESSAGE_BYTES): must be from 4KiB to 1GiB",
        ),
        (
            "ROWGATE_SERVER__REFLECTION",
            "maybe",
            "server.reflection (environment ROWGATE_SERVER__REFLECTION): must be true or false",
        ),
        (
            "ROWGATE_LOG__LEVEL",
            "loud",
            "log.level (environment ROWGATE_LOG__LEVEL): must be one of debug, info, warning, error",
        ),
        (
            "ROWGATE_DEFAULT_DATABASE",
            "mian",
            "default_database (environment ROWGATE_DEFAULT_DATABASE): names no database; did you mean main?",
        ),
        (
            "ROWGATE_DATABASES__MIAN__POOL__SIZE",
            "5",
            "databases.mian.url (environment ROWGATE_DATABASES__MIAN__POOL__SIZE): is required of every database",
        ),
        (
            "ROWGATE_DATABASES__-X__URL",
            URL,
            (
                "databases.-x (environment ROWGATE_DATABASES__-X__URL): is no name for a database: "
                "1 to 63 of a-z 0-9 _ -, the first a letter or digit"
            ),
        ),
    ],
)
def test_a_variable_at_fault_is_named_with_what_is_wrong(name: str, value: str, line: str) -> None:
    assert problems(env={name: value}) == (line,)


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ({"listen": "50051"}, "listen (flag --listen): must be host:port, [IPv6]:port or unix:/path"),
        (
            {"admin_listen": "no"},
            "admin_listen (flag --admin-listen): must be host:port, [IPv6]:port or unix:/path; or off",
        ),
        ({"log.level": "loud"}, "log.level (flag --log-level): must be one of debug, info, warning, error"),
        ({"databases.x.url": "db"}, "databases.x.url (flag --database): must begin with one of mysql://, "),
        ({"server.drain_graze": "1s"}, "server.drain_graze (flag --set): no such setting; did you mean drain_grace?"),
        ({"config": ""}, "config (flag --config): names no file"),
        ({"admin_listen": "127.0.0.1:50051"}, "admin_listen (flag --admin-listen): is the same as listen"),
        (
            {"databases.main.limits.sql_bytes": "20MiB"},
            (
                "databases.main.limits.sql_bytes (flag --set): must be below server.max_request_bytes (20MiB), "
                "or requests cannot be received"
            ),
        ),
        (
            {"server.max_message_bytes": "16MiB"},
            (
                "databases.main.limits.unary_bytes (default): must be below server.max_message_bytes (16MiB), "
                "or results cannot be sent"
            ),
        ),
    ],
)
def test_a_flag_at_fault_is_named_with_what_is_wrong(flags: Mapping[str, str], line: str) -> None:
    (told,) = problems({**MAIN, **flags})
    assert told.startswith(line)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("log:\n  levle: info\n", ["log.levle (file FILE line 2): no such setting; did you mean level?"]),
        ("health: {interval: soon}", ["health.interval (file FILE line 1): must be a duration such as 250ms"]),
        ("log: {level: info}\nlog: {}", ["log (file FILE line 2): is given twice, first in line 1"]),
        (
            "databases:\n  main:\n    pool:\n      size: 1\n      size: 2\n",
            ["databases.main.pool.size (file FILE line 5): is given twice, first in line 4"],
        ),
        ("listen:\n", ["listen (file FILE line 1): has no value; leave it out for the default"]),
        ("listen: {}\n", ["listen (file FILE line 1): has no value"]),
        ("listen: [a]\n", ["listen (file FILE line 1): is a list; no setting takes one"]),
        ("listen: !!binary aGk=\n", ["listen (file FILE line 1): has a YAML tag"]),
        ("listen: !secret x\n", ["listen (file FILE line 1): has a YAML tag"]),
        ("health: !!python/object:os.system {}\n", ["health (file FILE line 1): has a YAML tag"]),
        ("log: &log {level: info}\nserver: {<<: *log}\n", ["server (file FILE line 2): has a merge key <<"]),
        ("server: {? [a] : b}\n", ["server (file FILE line 1): has a key that is not text"]),
        ("server: &all {server: *all}\n", ["server" + 7 * ".server" + " (file FILE line 1): is nested too deeply"]),
        (
            "databases: {main: {url: *nope}}",
            ["config file FILE: is not YAML at line 1, column 25: found undefined alias"],
        ),
        ("a: b: c", ["config file FILE: is not YAML at line 1, column 5: mapping values are not allowed here"]),
        ("a: 'x", ["config file FILE: is not YAML at line 1, column 6: found unexpected end of stream"]),
        ("a: 1\n---\nb: 2", ["config file FILE: is not YAML at line 2, column 1"]),
        ("a: \x07", ["config file FILE: is not YAML: it has characters that YAML does not allow"]),
        ("[" * 5000, ["config file FILE: is not a configuration: it is nested too deeply"]),
        ("just text", ["config file FILE: is a single value, not settings by name"]),
        ("- listen", ["config file FILE: is a list; no setting takes one"]),
    ],
)
def test_a_fault_of_the_file_is_named_with_its_line(tmp_path: Path, text: str, lines: list[str]) -> None:
    told = in_file(tmp_path, text)
    assert [line.startswith(expected) for line, expected in zip(told, lines, strict=True)] == [True] * len(lines), told


def test_a_file_that_cannot_be_read_is_named_as_it_was_written(tmp_path: Path) -> None:
    missing = tmp_path / "none.yaml"
    assert problems({"config": str(missing)}) == (f"config file {missing}: cannot be read: No such file or directory",)
    assert problems({"config": str(tmp_path)}) == (f"config file {tmp_path}: cannot be read: Is a directory",)
    # What seems to be missing may be in there, so nothing is said of it.
    assert len(problems({**MAIN, "config": str(missing), "default_database": "other"})) == 1
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"listen: caf\xe9:1")
    assert problems({}, {"ROWGATE_CONFIG": str(latin)}) == (f"config file {latin}: is not UTF-8 text",)
    assert problems({"config": "a\0b\n"}) == ("config file a?b?: cannot be read: its name has a NUL character",)


def test_every_problem_is_told_at_once_and_none_that_only_follows_from_another(tmp_path: Path) -> None:
    file = tmp_path / "rowgate.yaml"
    file.write_text("databases:\n  main:\n    ulr: x\n    timeouts: {statement: long}\n", encoding="utf-8")
    env = {"ROWGATE_CONFIG": str(file), "ROWGATE_LISTN": "x", "ROWGATE_SERVER__REFLECTION": "maybe"}
    told = problems({"log.format": "xml", "databases.main.pool.size": "-1"}, env)
    assert [line.partition(" ")[0] for line in told] == [
        "databases.main.ulr",
        "listn",
        "databases.main.pool.size",
        "databases.main.timeouts.statement",
        "server.reflection",
        "log.format",
    ]


def test_no_database_at_all_is_told_with_the_ways_to_give_one() -> None:
    (line,) = problems({})
    assert line == (
        "databases: none is configured: give one by --database NAME=URL, ROWGATE_DATABASES__NAME__URL or a config file"
    )


def test_a_value_that_is_given_twice_in_the_environment_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(URL, encoding="utf-8")
    assert problems({}, {"ROWGATE_DATABASES__MAIN__URL": URL, "ROWGATE_DATABASES__MAIN__URL_FILE": str(file)}) == (
        (
            "databases.main.url (environment ROWGATE_DATABASES__MAIN__URL_FILE): "
            "is given by ROWGATE_DATABASES__MAIN__URL too; keep one of them"
        ),
    )
    assert problems(env={"ROWGATE_LISTEN": "localhost:1", "rowgate_listen": "localhost:2"}) == (
        "listen (environment rowgate_listen): is given by ROWGATE_LISTEN too; keep one of them",
    )
    assert problems(env={"ROWGATE_CONFIG": "a", "rowgate_config": "b"}) == (
        "config (environment ROWGATE_CONFIG): is given by environment rowgate_config too; keep one of them",
    )


def test_a_file_of_a_variable_that_cannot_be_read_names_the_variable_and_not_the_file(tmp_path: Path) -> None:
    place = "databases.main.url (environment ROWGATE_DATABASES__MAIN__URL_FILE)"
    empty = tmp_path / "empty"
    empty.write_text("\n", encoding="utf-8")
    for value, words in [
        (URL, "the file it names cannot be read: No such file or directory"),
        (str(tmp_path), "the file it names cannot be read: Is a directory"),
        (str(empty), "has no value; leave it out for the default"),
    ]:
        assert problems({}, {"ROWGATE_DATABASES__MAIN__URL_FILE": value}) == (f"{place}: {words}",)


@pytest.mark.parametrize("place", ["url", "logins.other.url", "replicas.copy.url"])
def test_a_certificate_that_is_not_there_is_found_out_at_once(tmp_path: Path, place: str) -> None:
    root = tmp_path / "ca.crt"
    flags = {"databases.main.url": URL, f"databases.main.{place}": f"{URL}?sslmode=verify-full&sslrootcert={root}"}
    told = f"databases.main.{place} (flag --set): the file that its sslrootcert names"
    told = told.replace("--set", "--database") if place == "url" else told
    assert problems(flags) == (f"{told} cannot be read: No such file or directory",)
    root.write_text("no certificate", encoding="utf-8")
    (problem,) = problems(flags)
    assert problem.startswith(f"{told} cannot be used: ")
    Authority.make().write(tmp_path)
    assert load(flags, {}).databases["main"].authorities == [str(root)]


def test_what_the_program_brings_itself_is_checked_too() -> None:
    assert problems({}, extra_databases={"demo": {"url": "sqlite:///x.db", "pol": {"size": 1}}}) == (
        "databases.demo.pol.size (built in): no such setting; did you mean pool?",
    )
