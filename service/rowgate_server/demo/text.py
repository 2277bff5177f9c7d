"""Small tables of words, written as text because that is how they are read."""

from __future__ import annotations


def rows(text: str) -> list[list[str]]:
    """The lines of a text; cells are parted by `|` and stripped, empty ones kept."""
    return [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]


def words(text: str, separator: str = ",") -> list[str]:
    """The members of a list, stripped."""
    return [word.strip() for word in text.split(separator)]
