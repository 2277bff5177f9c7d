"""Why credentials are refused: told to the operator by log and metric, and to the caller never."""

from __future__ import annotations

from enum import StrEnum

from rowgate_server.errors import Outcome, Reason, RowgateError


class Why(StrEnum):
    """A label of a metric, so there are few."""

    MISSING = "missing"
    MALFORMED = "malformed"
    DUPLICATE = "duplicate"
    TOO_LARGE = "too_large"
    UNKNOWN_KEY = "unknown_key"
    WRONG_KEY = "wrong_key"
    ALGORITHM = "algorithm"
    SIGNATURE = "signature"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    AUDIENCE = "audience"
    ISSUER = "issuer"
    CLAIMS = "claims"
    UNKNOWN_SIGNING_KEY = "unknown_signing_key"
    CERTIFICATE = "certificate"
    RATE_LIMITED = "rate_limited"


class RefusedError(Exception):
    """Credentials that prove nothing."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


def unauthenticated() -> RowgateError:
    """One and the same answer, whatever was wrong."""
    return RowgateError(
        Reason.UNAUTHENTICATED,
        "the call has no credentials that are accepted here",
        hint="send them as the metadata authorization: Bearer ..., or as a client certificate",
        outcome=Outcome.NOT_RUN,
    )


def too_many_failures(seconds: float) -> RowgateError:
    """The peer was wrong too often."""
    return RowgateError(
        Reason.QUOTA_EXCEEDED,
        "too many calls from this address had credentials that are not accepted",
        retry_after=seconds,
        limit="auth.failures",
        outcome=Outcome.NOT_RUN,
    )
