"""What `load` makes of flags, variables and a file: precedence, names, and the values that come out."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rowgate_server.config import Address, ConfigError, Settings, load
from rowgate_server.config.shape import NAME, leaves, variable
from rowgate_server.config.sources import environment_path, from_environment, is_service_link

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

URL = "mysql://app:secret@db/shop"
MAIN = {"databases.main.url": URL}

# Names that a variable can spell: no two underscores in a row, none at the end, none that reads as `_FILE`.
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]|_[a-z0-9-]){0,8}", fullmatch=True)


@pytest.fixture
def config_file(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Write a file; returns the flag that names it."""

    def write(text: str) -> dict[str, str]:
        file = tmp_path / "rowgate.yaml"
        file.write_text(text, encoding="utf-8")
        return {"config": str(file)}

    return write


def test_the_defaults_are_those_of_the_design() -> None:
    settings = load(MAIN, {})
    assert settings.listen == Address(host="127.0.0.1", port=50051)
    assert settings.admin_listen == Address(host="127.0.0.1", port=9464)
    assert settings.default_database == "main"
    assert settings.databases["main"].pool.size == 5
    assert settings.server.max_concurrent_streams == 100
    assert settings.log.format == "auto"


def test_a_flag_beats_a_variable_beats_the_file_beats_what_is_built_in_beats_the_default(
    config_file: Callable[[str], dict[str, str]],
) -> None:
    file = config_file("databases: {main: {pool: {size: 2, max_overflow: 2, recycle: 2s}}}")
    env = {"ROWGATE_DATABASES__MAIN__POOL__SIZE": "3", "ROWGATE_DATABASES__MAIN__POOL__MAX_OVERFLOW": "3"}
    built_in = {"main": {"url": URL, "pool": {"size": 1, "max_overflow": 1, "recycle": 1, "wait_timeout": 1}}}
    settings = load({**file, "databases.main.pool.size": "4"}, env, extra_databases=built_in)
    pool = settings.databases["main"].pool
    assert (pool.size, pool.max_overflow, pool.recycle, pool.wait_timeout) == (4, 3, 2.0, 1.0)
    assert pool.pre_ping is True
    origins = [settings.origin(("databases", "main", "pool", name)) for name in type(pool).model_fields]
    assert origins == [
        "flag --set",
        "environment ROWGATE_DATABASES__MAIN__POOL__MAX_OVERFLOW",
        f"file {file['config']} line 1",
        "default",
        "built in",
        "default",
    ]


def test_the_file_is_named_by_the_flag_or_else_by_the_variable(
    config_file: Callable[[str], dict[str, str]], tmp_path: Path
) -> None:
    flags = config_file(f"databases: {{flagged: {{url: '{URL}'}}}}")
    other = tmp_path / "other.yaml"
    other.write_text(f"databases: {{named: {{url: '{URL}'}}}}", encoding="utf-8")
    env = {"ROWGATE_CONFIG": str(other)}
    assert list(load({}, env).databases) == ["named"]
    assert list(load(flags, env).databases) == ["flagged"]


def test_text_in_the_file_means_what_it_looks_like(config_file: Callable[[str], dict[str, str]]) -> None:
    flags = config_file(
        """
        admin_listen: off
        databases:
          on: {url: &url "sqlite:///shop.db", pool: &pool {size: 010, pre_ping: no}}
          1: {url: *url, pool: *pool}
        default_database: 1
        server: {keepalive_time: 1m, max_message_bytes: 0064MiB}
        log:
        """
    )
    settings = load(flags, {})
    assert settings.admin_listen is None
    assert list(settings.databases) == ["on", "1"]
    assert settings.default_database == "1"
    assert settings.databases["1"].pool == settings.databases["on"].pool
    assert (settings.databases["on"].pool.size, settings.databases["on"].pool.pre_ping) == (10, False)
    assert (settings.server.keepalive_time, settings.server.max_message_bytes) == (60.0, 64 << 20)


def test_an_empty_file_leaves_the_defaults(config_file: Callable[[str], dict[str, str]]) -> None:
    for text in ("", "# nothing\n", "---\n", "{}", "null"):
        assert load({**MAIN, **config_file(text)}, {}).model_dump() == load(MAIN, {}).model_dump()


def test_variables_have_any_case_and_database_names_come_out_in_lower_case() -> None:
    settings = load({}, {"rowgate_Databases__MAIN__Url": URL, "ROWGATE_LOG__LEVEL": "WARNING"})
    assert list(settings.databases) == ["main"]
    assert settings.log.level == "warning"


def test_a_variable_may_name_a_file_that_holds_the_value(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(URL + "\n", encoding="utf-8")
    settings = load({}, {"ROWGATE_DATABASES__MAIN__URL_FILE": str(file)})
    password = settings.databases["main"].url.password
    assert password is not None
    assert password.get_secret_value() == "secret"
    assert settings.origin(("databases", "main", "url")) == "environment ROWGATE_DATABASES__MAIN__URL_FILE"


@pytest.mark.parametrize("content", [b"error", b"error\n", b"error\r\n", b"\xef\xbb\xbferror\n"])
def test_a_line_break_or_byte_order_mark_of_the_file_is_no_part_of_the_value(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "level"
    file.write_bytes(content)
    assert load(MAIN, {"ROWGATE_LOG__LEVEL_FILE": str(file)}).log.level == "error"


def test_both_addresses_may_leave_the_port_to_the_system() -> None:
    settings = load({**MAIN, "listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0"}, {})
    assert settings.listen == settings.admin_listen


@given(name=NAMES)
def test_every_setting_has_a_variable_that_leads_back_to_it(name: str) -> None:
    for leaf in leaves():
        path = tuple(name if part == NAME else part for part in leaf.path)
        assert environment_path(variable(path)) == path
        source = from_environment({variable(path): "x", "HOME": "/root", "ROWGATEWAY_LISTEN": "x"})
        assert [(one.path, one.value) for one in source.given] == [(path, "x")]
        assert source.problems == []


@given(st.dictionaries(NAMES, st.tuples(st.integers(1, 1000), st.integers(1, 600_000)), min_size=1, max_size=4))
def test_variables_and_nested_values_make_the_same_settings(databases: Mapping[str, tuple[int, int]]) -> None:
    env = {}
    nested = {}
    for name, (size, milliseconds) in databases.items():
        env[variable(("databases", name, "url"))] = URL
        env[variable(("databases", name, "pool", "size"))] = str(size)
        env[variable(("databases", name, "timeouts", "statement"))] = f"{milliseconds}ms"
        nested[name] = {
            "url": URL,
            "pool": {"size": size},
            "timeouts": {"statement": milliseconds / 1000},
        }
    assert load({}, env).model_dump() == load({}, {}, extra_databases=nested).model_dump()


KUBERNETES = {
    "ROWGATE_SERVICE_HOST": "10.96.12.7",
    "ROWGATE_SERVICE_PORT": "50051",
    "ROWGATE_SERVICE_PORT_GRPC": "50051",
    "ROWGATE_SERVICE_PORT_HTTP_METRICS": "9464",
    "ROWGATE_PORT": "tcp://10.96.12.7:50051",
    "ROWGATE_PORT_50051_TCP": "tcp://10.96.12.7:50051",
    "ROWGATE_PORT_50051_TCP_PROTO": "tcp",
    "ROWGATE_PORT_50051_TCP_PORT": "50051",
    "ROWGATE_PORT_50051_TCP_ADDR": "10.96.12.7",
    "ROWGATE_PORT_53_UDP": "udp://[fd00::7]:53",
    "ROWGATE_ADMIN_SERVICE_HOST": "10.96.12.8",
    "ROWGATE_ADMIN_PORT": "tcp://10.96.12.8:9464",
    "ROWGATE_ADMIN_PORT_9464_TCP_ADDR": "10.96.12.8",
}


def test_the_service_links_of_kubernetes_are_passed_over() -> None:
    settings = load(MAIN, KUBERNETES)
    assert settings.model_dump() == load(MAIN, {}).model_dump()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ROWGATE_PORT", "50051"),
        ("ROWGATE_LISTEN_PORT", "50051"),
        ("ROWGATE_SERVER__PORT", "tcp://10.96.12.7:1"),
        ("ROWGATE_PORT_50051_TCP_NAME", "x"),
        ("rowgate_service_host", "10.96.12.7"),
    ],
)
def test_what_only_resembles_a_service_link_is_no_such_setting(name: str, value: str) -> None:
    assert not is_service_link(name, value)
    with pytest.raises(ConfigError, match="no such setting"):
        load(MAIN, {name: value})


def test_the_default_database_is_the_only_one_or_the_one_that_is_named() -> None:
    two = {**MAIN, "databases.other.url": URL}
    assert load(two, {}).default_database is None
    assert load({**two, "default_database": "other"}, {}).default_database == "other"


def test_a_connection_that_never_ages_may_carry_longer_streams() -> None:
    flags = {**MAIN, "databases.main.timeouts.stream": "2h"}
    assert load({**flags, "server.max_connection_age": "0"}, {}).databases["main"].timeouts.stream == 7200.0
    with pytest.raises(ConfigError, match=r"must not be longer than server\.max_connection_age_grace"):
        load(flags, {})


def test_settings_cannot_be_changed() -> None:
    settings = load(MAIN, {})
    with pytest.raises(ValidationError, match="frozen"):
        settings.databases["main"].pool.size = 6  # type: ignore[misc] # frozen: what is tested
    with pytest.raises(TypeError):
        settings.databases["other"] = settings.databases["main"]  # type: ignore[index] # the same


def test_settings_can_be_sent_to_a_spawned_process() -> None:
    settings = load(MAIN, {})
    copy = pickle.loads(pickle.dumps(settings))
    assert copy == settings
    assert isinstance(copy, Settings)
    assert copy.databases["main"].url.password == settings.databases["main"].url.password
