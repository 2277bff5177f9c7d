"""The message of one statement: its SQL, its parameters, its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from rowgate._encode import encode_named, encode_positional
from rowgate._errors import InvalidParameter, InvalidSql, Outcome
from rowgate._requests import Asking
from rowgate.v1.query_service_pb2 import ExecuteQueryRequest, StreamQueryRequest

_Request = TypeVar("_Request", ExecuteQueryRequest, StreamQueryRequest)


def statement(
    kind: type[_Request], calls: Asking, sql: str, positional: Sequence[Any], named: Mapping[str, Any]
) -> _Request:
    """The request for one statement.

    Raises:
        InvalidParameter: a value can't be sent, or there are values of both kinds.
        InvalidSql: the SQL can't be sent.
    """
    check_one_kind(positional, named)
    try:
        return kind(
            database=calls.database,
            sql=sql,
            params=encode_named(named),
            positional_params=encode_positional(positional),
            options=calls.options.to_wire(),
        )
    except UnicodeEncodeError:
        raise not_utf8() from None


def check_one_kind(positional: Sequence[Any], named: Mapping[str, Any]) -> None:
    """Refuse values for `?` and for `:name` at once.

    Raises:
        InvalidParameter: there are both.
    """
    if positional and named:
        raise InvalidParameter("a statement takes values for `?` or for `:name`, not both", outcome=Outcome.NOT_RUN)


def not_utf8() -> InvalidSql:
    """The error for SQL that no message can hold."""
    return InvalidSql(
        "the SQL, or a parameter's name, has a lone surrogate, which UTF-8 has no form for", outcome=Outcome.NOT_RUN
    )
