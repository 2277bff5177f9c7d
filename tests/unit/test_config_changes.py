"""What of a configuration can change while the server runs."""

from __future__ import annotations

import pytest

from rowgate_server import config

HASH = "scrypt:14:8:1:c2FsdHNhbHRzYWx0c2FsdA:aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"
BASE = {"databases.main.url": "postgresql://u:secret@db/main", "auth.api_keys.a.hash": HASH}


def loaded(**changes: str) -> config.Settings:
    return config.load({**BASE, **{key.replace("__", "."): text for key, text in changes.items()}}, {})


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("databases__main__url", "postgresql://u:other@db/main"),
        ("databases__other__url", "sqlite:////other"),
        ("databases__main__limits__unary_rows", "7"),
        ("auth__api_keys__a__roles", "reader"),
        ("auth__open_reflection", "true"),
        ("policy__interval", "9s"),
        ("admin__all_queries", "true"),
        ("admin__enabled", "false"),
        ("log__level", "debug"),
        ("server__replicas", "7"),
    ],
)
def test_what_is_asked_at_each_call_may_change(setting: str, text: str) -> None:
    assert config.fixed(loaded(), loaded(**{setting: text}, default_database="main")) == []


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("listen", "127.0.0.1:1"),
        ("server__drain_grace", "9s"),
        ("server__page_token_secret", "0123456789abcdef"),
        ("policy__mask_secret", "0123456789abcdef"),
        ("log__format", "json"),
        ("tracing__ratio", "0.5"),
        ("health__interval", "9s"),
    ],
)
def test_what_is_built_at_the_start_is_named(setting: str, text: str) -> None:
    assert config.fixed(loaded(), loaded(**{setting: text})) == [setting.replace("__", ".")]


@pytest.mark.parametrize(
    ("setting", "text", "stay"),
    [
        ("limits__unary_rows", "7", True),
        ("tables__max_age", "7s", True),
        ("catalog__ddl", "true", True),
        ("transactions__timeout", "7s", True),
        ("transactions__timeout", "2h", False),
        ("transactions__idle_timeout", "2h", False),
        ("catalog__load_timeout", "2h", False),
        ("url", "postgresql://u:other@db/main", False),
        ("pool__size", "7", False),
        ("timeouts__statement", "7s", False),
        ("logins__reader__url", "postgresql://r:secret@db/main", False),
        ("replicas__near__url", "postgresql://u:secret@near/main", False),
        ("limits__read_only", "true", True),
    ],
)
def test_connections_stay_unless_they_would_be_other_ones(setting: str, text: str, stay: bool) -> None:
    """Those with a longer limit than any before are: each session has one of the server's, longer still."""
    before, after = loaded().databases, loaded(**{f"databases__main__{setting}": text}).databases
    assert config.same_connections(before["main"], after["main"]) is stay


def test_a_database_of_several_servers_that_is_only_read_has_others_to_ask() -> None:
    several = {"databases__main__url": "postgresql://u:secret@db,other/main"}
    before, after = loaded(**several).databases, loaded(**several, databases__main__limits__read_only="true").databases
    assert not config.same_connections(before["main"], after["main"])


def test_the_files_are_the_one_that_is_named_and_those_of_variables() -> None:
    env = {"ROWGATE_CONFIG": "/a.yaml", "ROWGATE_DATABASES__MAIN__URL_FILE": "/url", "ROWGATE_LISTEN": "127.0.0.1:1"}
    assert config.files({}, env) == ["/a.yaml", "/url"]
    assert config.files({"config": "/b.yaml"}, env) == ["/b.yaml", "/url"]
