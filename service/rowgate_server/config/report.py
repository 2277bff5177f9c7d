"""The settings for people and tools: a printout that hides secrets, and a JSON schema."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import SecretStr

from rowgate_server.config.marks import TableColumns
from rowgate_server.config.settings import Settings
from rowgate_server.config.shape import NAME, ROOT, Branch, Leaf
from rowgate_server.config.url import HIDDEN, DatabaseUrl
from rowgate_server.config.values import DURATION_PATTERN, SIZE_PATTERN, Unit, format_optional_address
from rowgate_server.config.words import Pairs, Words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rowgate_server.config.fields import Path

_TEXTS = (TableColumns, Words, Pairs)
_EMPTY = ("", SecretStr(""), *(kind() for kind in _TEXTS))
"""Given as text these would be nothing, which is no value."""
_STRING_PATTERNS = {Unit.SECONDS: DURATION_PATTERN, Unit.BYTES: SIZE_PATTERN}


def effective(settings: Settings) -> str:
    """The settings as YAML, each with where it came from as a comment, passwords as `***`."""
    return "\n".join(_lines(ROOT, settings, (), settings)) + "\n"


def _lines(branch: Branch, values: Any, path: Path, settings: Settings) -> Iterator[str]:
    indent = "  " * len(path)
    for name, child, value in _children(branch, values):
        here = (*path, name)
        if isinstance(child, Branch):
            yield f"{indent}{_scalar(name)}:"
            yield from _lines(child, value, here, settings)
        elif (value is None and child.derived is not None) or value in _EMPTY:
            yield f"{indent}# {name} is not set"
        else:
            yield f"{indent}{name}: {_scalar(show(child, value))}  # {settings.origin(here)}"


def _children(branch: Branch, values: Any) -> Iterator[tuple[str, Branch | Leaf, Any]]:
    if NAME in branch.children:
        for name, value in values.items():
            yield name, branch.children[NAME], value
        return
    for name, child in branch.children.items():
        yield name, child, getattr(values, name)


def show(leaf: Leaf, value: Any) -> Any:
    """A value as YAML has it: text, number or boolean; a secret only in the part that may be seen."""
    if leaf.secret:
        return value.render(hide_password=True) if isinstance(value, DatabaseUrl) else HIDDEN
    if leaf.unit is not None:
        text = leaf.show(value)
        return int(text) if text.isdecimal() else text
    if isinstance(value, bool | int | str):
        return value
    if isinstance(value, _TEXTS):
        return str(value)
    return format_optional_address(value)


def _scalar(value: Any) -> str:
    # PyYAML ends a plain scalar with a line of its own ("...").
    return yaml.safe_dump(value, width=sys.maxsize, allow_unicode=True).splitlines()[0]


def json_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of the configuration file, with each setting's variable and default."""
    schema = Settings.model_json_schema()
    definitions = schema["$defs"]
    _annotate(ROOT, schema, definitions)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Rowgate's configuration"}


def _annotate(branch: Branch, schema: dict[str, Any], definitions: Mapping[str, dict[str, Any]]) -> None:
    """Add to every setting what pydantic does not know; every section's model is used in one place only."""
    for name, child in branch.children.items():
        if isinstance(child, Leaf):
            schema["properties"][name] = _property(child, schema["properties"][name])
            continue
        if name != NAME:
            # A section's defaults are those of its settings.
            schema["properties"][name].pop("default", None)
            schema["properties"][name].pop("title", None)
        _annotate(child, definitions[child.model.__name__], definitions)


def _property(leaf: Leaf, generated: dict[str, Any]) -> dict[str, Any]:
    described = {key: text for key, text in generated.items() if key not in {"title", "type", "ge", "le"}}
    described |= {"x-variable": leaf.variable, "x-secret": leaf.secret}
    if "default" in described and leaf.unit is None:
        described["default"] = show(leaf, leaf.info.default)
    if leaf.unit is None:
        return {"type": generated["type"], **described} if "type" in generated else described
    least, greatest = leaf.bounds or (0, 0)
    number = {"type": generated["type"], "minimum": least, "maximum": greatest}
    text = {"type": "string", "pattern": f"^{_STRING_PATTERNS[leaf.unit]}$"}
    return {"anyOf": [number, text], **described}
