"""What a column says to a value that it does not hold exactly; `coercion` adds which column, and where it was given."""

from __future__ import annotations

from rowgate_server.errors import Reason


class UnfitError(Exception):
    """The column does not hold the value.

    Args:
        reason: INVALID_PARAMETER for a value of another kind, or malformed; VALUE_OUT_OF_RANGE for one that does not
            fit.
        text: what the column holds instead, behind "it". Never the value.
    """

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason
        self.text = text


def wrong(text: str) -> UnfitError:
    """A value of another kind, or malformed."""
    return UnfitError(Reason.INVALID_PARAMETER, text)


def beyond(text: str) -> UnfitError:
    """A value of the right kind that does not fit."""
    return UnfitError(Reason.VALUE_OUT_OF_RANGE, text)
