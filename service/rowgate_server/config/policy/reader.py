"""Picks plain values apart, and collects all that is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from rowgate_server.config.policy.document import Fault, Path

_T = TypeVar("_T")
_PLAIN = re.compile(r"[\w.*:-]{1,64}")


def spelt(name: object) -> str:
    """A name as a message may repeat it; whatever does not look like one may be a secret in the wrong place."""
    return name if isinstance(name, str) and _PLAIN.fullmatch(name) else "…"


class Reader:
    """Answers with None, or with nothing, where something is wrong, and goes on."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def refuse(self, path: Path, words: str) -> None:
        """Note what is wrong."""
        self.faults.append(Fault(path, words))

    def section(self, value: Any, path: Path, known: Collection[str]) -> Mapping[str, Any]:
        """Settings by their names, of which only these are known."""
        if not isinstance(value, dict):
            self.refuse(path, f"must be settings by name: {', '.join(known)}")
            return {}
        for name in value:
            if name not in known:
                self.refuse((*path, spelt(name)), self._unknown(name, known, "no such setting"))
        return {name: each for name, each in value.items() if name in known}

    def mapping(self, value: Any, path: Path, what: str) -> Mapping[str, Any]:
        """Anything by names."""
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        self.refuse(path, f"must be {what} by name")
        return {}

    def items(self, value: Any, path: Path) -> Iterator[tuple[Any, Path]]:
        """The members of a list, with their paths."""
        if not isinstance(value, list):
            self.refuse(path, "must be a list")
            return
        for index, each in enumerate(value):
            yield each, (*path, str(index))

    def names(self, value: Any, path: Path) -> tuple[str, ...]:
        """A name, or a list of them."""
        if isinstance(value, str):
            value = [value]
        found = []
        for each, place in self.items(value, path):
            if isinstance(each, str) and each and "\0" not in each:
                found.append(each)
            else:
                self.refuse(place, "must be a name; one that YAML takes for something else goes in quotes")
        if isinstance(value, list) and not value:
            self.refuse(path, "is empty; leave it out")
        return tuple(found)

    def one_of(self, value: Any, path: Path, known: Mapping[str, _T], what: str) -> _T | None:
        """What a name stands for."""
        found = known.get(value) if isinstance(value, str) else None
        if found is None:
            self.refuse(path, self._unknown(value, known, f"{spelt(value)} is no {what}"))
        return found

    def quantity(self, value: Any, path: Path, parse: Callable[[Any], _T], lowest: float) -> _T | None:
        """A number, in whatever notation `parse` reads."""
        try:
            number = parse(value)
        except ValueError as error:
            self.refuse(path, str(error))
            return None
        if isinstance(number, (int, float)) and number < lowest:
            self.refuse(path, f"must be at least {lowest:g}")
            return None
        return number

    @staticmethod
    def _unknown(name: Any, known: Collection[str], words: str) -> str:
        close = get_close_matches(name, known, n=1) if isinstance(name, str) else []
        return f"{words}; {f'did you mean {close[0]}?' if close else 'there are ' + ', '.join(sorted(known))}"
