"""Names that can be sent, and the words for what can't be."""

from __future__ import annotations

from rowgate._errors import InvalidParameter, Outcome


def checked_name(name: object, what: str) -> str:
    """A name that can be sent: of a column, a table or a schema.

    Raises:
        TypeError: it is no text.
        InvalidParameter: it is empty, or has a lone surrogate.
    """
    if not isinstance(name, str):
        raise TypeError(f"a {what}'s name is a str, not {a_kind(name)}")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise refused(f"the {what}'s name has a lone surrogate, which UTF-8 has no form for") from None
    if not name:
        raise refused(f"the {what}'s name is empty")
    return str(name)


def refused(problem: str) -> InvalidParameter:
    """The error of a request that was not sent."""
    return InvalidParameter(problem, outcome=Outcome.NOT_RUN)


def a_kind(thing: object) -> str:
    """What something is, for an error: `a list`; never the thing itself."""
    return "None" if thing is None else f"a {type(thing).__qualname__}"
