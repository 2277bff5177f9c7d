"""A YAML document as plain values, each with its line; what a policy has no use for is refused."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, NamedTuple

import yaml

from rowgate_server.config.yamlfile import compose

_TAG = "tag:yaml.org,2002:"
_SCALARS = {"str", "int", "float", "bool", "null", "timestamp"}
_DEEPEST = 60

Path = tuple[str, ...]


class Fault(NamedTuple):
    """Something wrong with the document: where, and in words that fit behind it."""

    path: Path
    words: str


class Document:
    """Plain values (dict, list, str, int, float, bool, None), their lines by their paths, and what is wrong."""

    def __init__(self, text: str) -> None:
        """Reads it.

        Raises:
            ValueError: it is not YAML; without any of the text.
        """
        self.lines: dict[Path, int] = {}
        self.faults: list[Fault] = []
        root = compose(text, "a policy")
        self.value: Any = None if root is None else self._read(root, ())

    def line(self, path: Path) -> int | None:
        """The line of what stands there, or of what it would stand in."""
        found = (self.lines.get(path[:length]) for length in range(len(path), -1, -1))
        return next((line for line in found if line is not None), None)

    def _fault(self, path: Path, words: str) -> None:
        self.faults.append(Fault(path, words))

    def _read(self, node: yaml.Node, path: Path) -> Any:
        self.lines[path] = node.start_mark.line + 1
        if len(path) > _DEEPEST:
            self._fault(path[:_DEEPEST], "is nested too deeply")
            return None
        if isinstance(node, yaml.SequenceNode):
            return [self._read(each, (*path, str(index))) for index, each in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return dict(self._members(node, path))
        return self._scalar(node, path)

    def _members(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == f"{_TAG}merge":
                self._fault(path, "has a key that is not text, or a merge key <<")
            elif key.value in seen:
                self._fault((*path, key.value), "is given twice")
            else:
                seen.add(key.value)
                yield key.value, self._read(value, (*path, key.value))

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if not isinstance(node, yaml.ScalarNode) or kind not in _SCALARS:
            self._fault(path, "has a YAML tag, which nothing here takes")
            return None
        if kind in ("str", "timestamp"):
            return node.value
        loader = yaml.SafeLoader("")
        try:
            made: Hashable = loader.construct_object(node)
        except ValueError:
            self._fault(path, "is no number")
            return None
        finally:
            loader.dispose()
        return made
