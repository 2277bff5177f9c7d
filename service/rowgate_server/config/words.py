"""Settings that hold several words in one text: `reader, billing`, and `tenant=acme, region=eu`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,127}")
_WORDS_FORM = "must be names of letters, digits and _ . : / -, with commas between them"
_PAIRS_FORM = "must be name=value, with commas between several"


def text_of(value: object, form: str) -> str:
    """What such a setting is read from.

    Raises:
        ValueError: it is no text; says the form that it would have.
    """
    match value:
        case str():
            return value
        case _:
            raise ValueError(form)


@dataclass(frozen=True)
class Words:
    """Some names, each once, in their order."""

    words: tuple[str, ...] = ()

    @classmethod
    def parse(cls, value: object) -> Words:
        """From text with commas."""
        if isinstance(value, Words):
            return value
        words = [part.strip() for part in text_of(value, _WORDS_FORM).split(",")]
        if not all(_WORD.fullmatch(word) for word in words):
            raise ValueError(_WORDS_FORM)
        if len(set(words)) < len(words):
            raise ValueError("has a name twice")
        return cls(tuple(words))

    def __str__(self) -> str:
        return ", ".join(self.words)


@dataclass(frozen=True)
class Pairs:
    """Some values by name."""

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, value: object) -> Pairs:
        """From text in which no value has a comma."""
        if isinstance(value, Pairs):
            return value
        pairs = []
        for part in text_of(value, _PAIRS_FORM).split(","):
            name, equals, held = part.strip().partition("=")
            if not _WORD.fullmatch(name) or not equals:
                raise ValueError(_PAIRS_FORM)
            pairs.append((name, held))
        if len(dict(pairs)) < len(pairs):
            raise ValueError("has a name twice")
        return cls(tuple(pairs))

    def __str__(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.pairs)

    def by_name(self) -> Mapping[str, str]:
        """The values by their names."""
        return dict(self.pairs)


Names = Annotated[Words, PlainValidator(Words.parse), PlainSerializer(str), WithJsonSchema({"type": "string"})]
NamedValues = Annotated[Pairs, PlainValidator(Pairs.parse), PlainSerializer(str), WithJsonSchema({"type": "string"})]
