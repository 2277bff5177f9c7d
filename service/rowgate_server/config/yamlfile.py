"""A YAML file as settings by path, each with its line.

The file is read as text throughout: `off`, `010` and `1:30` are what they look like, not a boolean, an eight and
ninety, and a setting's own kind decides what its text means, as it does for variables and flags. Only the node tree
is taken from PyYAML, by its safe loader, so that no tag constructs anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rowgate_server.config.fields import Path

_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = {_TAG + kind for kind in ("str", "int", "float", "bool", "timestamp")}
_DEEPEST = 8  # settings are at most four deep; an alias inside its own anchor has no end
# What PyYAML quotes from the file may be a part of a secret; what it says in angle brackets is a kind of token.
_QUOTED = re.compile(r"'(?!<).{2,}'", re.DOTALL)


class Line(NamedTuple):
    """One value, empty section or fault of the file.

    Attributes:
        path: the keys that lead to it.
        text: the value; None where there is none (nothing, `null`, `{}`).
        number: of the line in the file, from 1.
        fault: why it cannot be read, in words that fit behind its key.
    """

    path: Path
    text: str | None
    number: int
    fault: str | None = None


def read_yaml(text: str) -> list[Line]:
    """Every value of a document, in its order.

    Raises:
        ValueError: if it is not YAML, with the place and none of the text.
    """
    root = compose(text, "a configuration")
    return [] if root is None else list(_lines(root, ()))


def compose(text: str, what: str) -> yaml.Node | None:
    """The nodes of a document that is to be a configuration, or what else; None where it has none.

    Raises:
        ValueError: if it is not YAML, with the place and none of the text.
    """
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise ValueError(_described(error)) from None
    except yaml.YAMLError:
        raise ValueError("is not YAML: it has characters that YAML does not allow") from None
    except RecursionError:
        raise ValueError(f"is not {what}: it is nested too deeply") from None
    return root


def _described(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"is not YAML{place}: {_QUOTED.sub('…', error.problem or 'it cannot be read')}"


def _lines(node: yaml.Node, path: Path) -> Iterator[Line]:
    number = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode):
        if node.tag == _TAG + "null":
            yield Line(path, None, number)
        elif node.tag in _TEXT_TAGS:
            yield Line(path, node.value, number)
        else:
            yield Line(path, None, number, "has a YAML tag; no setting takes one")
    elif not isinstance(node, yaml.MappingNode):
        yield Line(path, None, number, "is a list; no setting takes one")
    elif node.tag != _TAG + "map":
        yield Line(path, None, number, "has a YAML tag; no setting takes one")
    elif len(path) >= _DEEPEST:
        yield Line(path, None, number, "is nested too deeply")
    elif not node.value:
        yield Line(path, None, number)
    else:
        yield from _members(node, path)


def _members(node: yaml.MappingNode, path: Path) -> Iterator[Line]:
    seen: dict[str, int] = {}
    for key, value in node.value:
        number = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            yield Line(path, None, number, "has a key that is not text")
        elif key.tag == _TAG + "merge":
            yield Line(path, None, number, "has a merge key <<, which is not read; an alias of a whole section is")
        elif key.value in seen:
            yield Line((*path, key.value), None, number, f"is given twice, first in line {seen[key.value]}")
        else:
            seen[key.value] = number
            yield from _lines(value, (*path, key.value))
