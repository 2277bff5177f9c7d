"""The settings as a tree of names, for what walks them: the sources, the printout, the schema, the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal, get_args, get_origin

from rowgate_server.config.fields import Derived, Path, Section, Visibility
from rowgate_server.config.settings import Settings
from rowgate_server.config.values import Unit, format_quantity

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

NAME = "<name>"  # stands in a path for the name of a database
PREFIX = "ROWGATE_"
_NO_KEY = re.compile(r"[^A-Za-z0-9_.-].*", re.DOTALL)


@dataclass(frozen=True)
class Leaf:
    """One setting."""

    path: Path
    info: FieldInfo

    @property
    def variable(self) -> str:
        """The environment variable that gives it."""
        return variable(self.path)

    @property
    def description(self) -> str:
        """What it is, in a line."""
        return self.info.description or ""

    @property
    def required(self) -> bool:
        """Whether it has to be given."""
        return self.info.is_required()

    @property
    def visibilities(self) -> list[Visibility]:
        """Its marks; a test keeps them at exactly one."""
        return [mark for mark in self.info.metadata if isinstance(mark, Visibility)]

    @property
    def secret(self) -> bool:
        """Whether its value is to be hidden; what is not marked is."""
        return self.visibilities != [Visibility.VISIBLE]

    @property
    def unit(self) -> Unit | None:
        """What its number counts, if that has a notation of its own."""
        return next((mark for mark in self.info.metadata if isinstance(mark, Unit)), None)

    @property
    def derived(self) -> str | None:
        """In words, what it is when left out, if that is no constant."""
        return next((mark.words for mark in self.info.metadata if isinstance(mark, Derived)), None)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The least and greatest number, both allowed."""
        least: list[float] = [mark.ge for mark in self.info.metadata if hasattr(mark, "ge")]
        greatest: list[float] = [mark.le for mark in self.info.metadata if hasattr(mark, "le")]
        return (max(least), min(greatest)) if least and greatest else None

    @property
    def choices(self) -> tuple[str, ...]:
        """The names it can be, if it is one of a few."""
        return get_args(self.info.annotation) if get_origin(self.info.annotation) is Literal else ()

    def show(self, number: float) -> str:
        """A number of this setting's, as a person writes it."""
        return format_quantity(number, self.unit)


@dataclass(frozen=True)
class Branch:
    """A section, or the databases: what stands below one name."""

    path: Path
    description: str
    model: type[Section]
    children: Mapping[str, Branch | Leaf]

    def step(self, segment: str) -> Branch | Leaf | None:
        """What stands below `segment`; every name of a database leads to the same place."""
        return self.children.get(NAME) or self.children.get(segment)


def _grow(model: type[Section], path: Path, description: str) -> Branch:
    children: dict[str, Branch | Leaf] = {}
    for name, info in model.model_fields.items():
        here = (*path, name)
        inner = info.annotation
        if get_origin(inner) is Mapping:
            member = get_args(inner)[1]
            one = _grow(member, (*here, NAME), member.__doc__ or "")
            children[name] = Branch(here, info.description or "", member, {NAME: one})
        elif isinstance(inner, type) and issubclass(inner, Section):
            children[name] = _grow(inner, here, info.description or "")
        else:
            children[name] = Leaf(here, info)
    return Branch(path, description, model, children)


ROOT = _grow(Settings, (), Settings.__doc__ or "")


def leaves(branch: Branch = ROOT) -> Iterator[Leaf]:
    """Every setting, in the order of the models, with `<name>` in the paths of a database's."""
    for child in branch.children.values():
        if isinstance(child, Leaf):
            yield child
        else:
            yield from leaves(child)


def find(path: Path) -> Leaf | None:
    """The setting of this path, if it is one."""
    node: Branch | Leaf | None = ROOT
    for segment in path:
        node = node.step(segment) if isinstance(node, Branch) else None
    return node if isinstance(node, Leaf) else None


def variable(path: Path) -> str:
    """The environment variable that gives the setting of this path."""
    return PREFIX + "__".join(segment.upper() for segment in path)


def spell(key: str) -> str:
    """A key or variable up to the first character that belongs in none: what follows may be a secret."""
    return _NO_KEY.sub("…", key)


def misfit(path: Path, *, empty: bool) -> str | None:
    """Why nothing can be given at this path, in words that fit behind it; None if something can.

    Args:
        path: as the user gave it.
        empty: whether nothing was given there: that suits a section only.
    """
    node: Branch | Leaf = ROOT
    for depth, segment in enumerate(path):
        if isinstance(node, Leaf):
            return f"no such setting: {spell('.'.join(path[:depth]))} is a single value"
        below = node.step(segment)
        if below is None:
            return f"no such setting; {_hint(segment, node)}"
        node = below
    if isinstance(node, Leaf):
        return "has no value; leave it out for the default" if empty else None
    return None if empty else f"is a section, not a value; {_settings_of(node)}"


def _hint(segment: str, node: Branch) -> str:
    close = get_close_matches(segment.lower(), node.children, n=1)
    return f"did you mean {close[0]}?" if close else _settings_of(node)


def _settings_of(node: Branch) -> str:
    return f"it has {', '.join(node.children)}" if node.path else f"there are {', '.join(node.children)}"
