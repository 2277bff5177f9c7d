"""The chart refuses settings that the server would refuse, and takes all that it would take."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from rowgate_server import config
from support.available import ROOT
from support.manifests import CHART, DEMO, run_helm

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
VALUES = jsonschema.Draft7Validator(SCHEMA)
SAMPLES = (
    *("0", "1", "2", "1.5", "0.05", "-1", "+7", "4.0", "1e3", "1000000000000", "5000", "65536"),
    *("5s", "1.5 h", "999999h", "300ms", "10m", "64MiB", "5k", "2G", "9B"),
    *("true", "False", "yes", "NO", "on", "off", "INFO", "warning", "json", "Auto", "text", "shape", "none"),
    *("a", "a, b", "main", "127.0.0.1:80", "unix:/tmp/a.sock", "/a/b", "http://a:1", "RS256", "a=b"),
)
MAIN = {"urlSecret": {"name": "databases", "key": "main"}}


def leaves() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every setting by its dotted key, and what the server's schema says of it."""
    schema = config.json_schema()

    def below(described: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
        inner = schema["$defs"].get(described.get("$ref", "").removeprefix("#/$defs/"), described)
        for name, child in inner.get("properties", {}).items():
            yield from below(child, (*path, name))
        for child in inner.get("patternProperties", {}).values():
            yield from below(child, (*path, "any"))
        if "x-variable" in inner:
            yield ".".join(path), inner

    return below(schema, ())


LEAVES = {path: leaf for path, leaf in leaves() if not leaf["x-secret"]}
TYPED = {path: leaf for path, leaf in LEAVES.items() if leaf.get("type") != "string" or "enum" in leaf}


def chart_values(path: str, value: Any) -> dict[str, Any]:
    """The chart's values that have the setting."""
    keys = path.split(".")
    values: dict[str, Any] = {"databases": {"any": {**MAIN}}}
    place: dict[str, Any] = values
    if keys[:2] == ["databases", "any"]:
        place, keys = values["databases"]["any"], keys[2:]
        if keys[:2] in (["logins", "any"], ["replicas", "any"]):
            place = place.setdefault(keys[0], {}).setdefault("any", {**MAIN})
            keys = keys[2:]
    elif keys[:3] == ["auth", "api_keys", "any"]:
        place = values.setdefault("apiKeys", {}).setdefault("any", {"hashSecret": {"name": "a", "key": "b"}})
        keys = keys[3:]
    place = place.setdefault("settings", {})
    for key in keys[:-1]:
        place = place.setdefault(key, {})
    place[keys[-1]] = value
    return values


def server_takes(path: str, text: str) -> bool:
    """Whether the server finds nothing wrong with the setting itself, whatever it finds elsewhere."""
    try:
        config.load({"databases.any.url": "postgresql://a:b@h/c", path: text}, {})
    except config.ConfigError as error:
        return not any(problem.startswith(f"{path} (") for problem in error.problems)
    return True


def test_the_chart_s_schema_is_that_of_the_server_s_settings() -> None:
    """After a change to a setting: `.venv/bin/python scripts/chart_schema.py write`."""
    assert runpy.run_path(str(ROOT / "scripts/chart_schema.py"))["written"](SCHEMA) == SCHEMA
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", LEAVES)
def test_what_the_server_takes_the_chart_takes(path: str) -> None:
    for text in SAMPLES:
        if server_takes(path, text):
            for value in (text, yaml.safe_load(text)):
                assert not (told := [*VALUES.iter_errors(chart_values(path, value))]), f"{value!r}: {told}"


@pytest.mark.parametrize("path", TYPED)
def test_what_can_be_no_value_of_a_setting_is_refused(path: str) -> None:
    for value in ("no such word", [1], {"a": 1}, None):
        assert not VALUES.is_valid(chart_values(path, value)), value
    assert not VALUES.is_valid(chart_values(f"{path}_", "1"))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"log": {"level": "loud"}}, "level"),
        ({"log": {"levle": "info"}}, "levle"),
        ({"server": {"workers": 0}}, "workers"),
        ({"limits": {"unary_rows": 5}}, "limits"),
        ({"tracing": {"ratio": 2}}, "ratio"),
    ],
    ids=str,
)
def test_helm_refuses_a_wrong_setting_by_its_name(settings: dict[str, Any], told: str) -> None:
    for command in ("lint", "template"):
        done = run_helm(command, {**DEMO, "settings": settings})
        assert done.returncode != 0
        assert told in done.stdout + done.stderr
