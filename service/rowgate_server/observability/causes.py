"""What a driver raised, in one line for an operator."""

from __future__ import annotations


def in_a_line(error: BaseException) -> str:
    """Its number and text: `1045 Access denied for user ...`; else its type. No driver tells a password."""
    text = " ".join(" ".join(str(argument) for argument in error.args).split())
    return text or type(error).__name__
