"""What is wrong with a configuration, in lines that name the key and its source and never repeat a value.

A value may be a secret that went to the wrong place, and so may a key (`--database` with a URL and no name).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rowgate_server.config.shape import find, spell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

    from rowgate_server.config.fields import Path

_NAME_FORM = "is no name{}: 1 to 63 of a-z 0-9 _ -, the first a letter or digit"
_WORDS = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
}


class ConfigError(Exception):
    """The configuration cannot be used.

    Attributes:
        problems: each a line that names the key as it was written and where; the exception's text is all of them.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class UnreachedError(ConfigError):
    """A database of it does not answer, or refuses the login, while the one before it does."""


class Problem(NamedTuple):
    """One thing that is wrong.

    Attributes:
        path: the keys that lead to it; empty for a file as a whole.
        source: where it was given, as `environment ROWGATE_LISTEN`; may be empty.
        words: what is wrong, so that it fits behind the two.
    """

    path: Path
    source: str
    words: str

    def __str__(self) -> str:
        """The line: `key (source): words`."""
        key = spell(".".join(self.path))
        place = f"{key} ({self.source})" if key and self.source else key or self.source
        return f"{place}: {self.words}"


def explain(errors: Sequence[ErrorDetails], origins: Mapping[Path, str], known: Sequence[Problem]) -> Iterator[Problem]:
    """What the models refused.

    Args:
        errors: pydantic's own account, which is only asked for kinds and places.
        origins: where each setting was given.
        known: the problems that there are already; what merely follows from them is left out.
    """
    for error in errors:
        path = tuple(str(segment) for segment in error["loc"] if segment != "[key]")
        kind = error["type"]
        # What a default is derived from has a line of its own, and what is missing may just be misspelt.
        beside = any(problem.path[: len(path) - 1] == path[:-1] for problem in known)
        if kind == "default_factory_not_called" or (beside and kind in {"missing", "no_databases"}):
            continue
        if kind == "disagreement":
            for place, words in error["ctx"]["problems"]:
                yield Problem(place, _source(place, origins), words)
        else:
            yield Problem(path, _source(path, origins), _words(error, path))


def _words(error: ErrorDetails, path: Path) -> str:
    kind, context, leaf = error["type"], error.get("ctx", {}), find(path)
    if kind == "value_error":
        return str(context["error"])
    if kind == "no_databases":
        return error["msg"]
    if error["loc"][-1:] == ("[key]",):
        return _NAME_FORM.format(" for a database" if path[:-1] == ("databases",) else "")
    if leaf is not None and leaf.choices:
        return f"must be one of {', '.join(leaf.choices)}"
    if leaf is not None and leaf.bounds and kind in {"greater_than_equal", "less_than_equal"}:
        least, greatest = leaf.bounds
        return f"must be from {leaf.show(least)} to {leaf.show(greatest)}"
    required = "is required of every database" if path[:1] == ("databases",) else "is required"
    return required if kind == "missing" else _WORDS.get(kind, "is a value of the wrong kind")


def _source(path: Path, origins: Mapping[Path, str]) -> str:
    """Where the setting was given, or what is below it, or, for one that is required, what is beside it."""
    if path in origins:
        return origins[path]
    leaf = find(path)
    prefix = path[:-1] if leaf is not None and leaf.required else path
    below = (source for place, source in origins.items() if prefix and place[: len(prefix)] == prefix)
    return next(below, "" if leaf is None else "default")
