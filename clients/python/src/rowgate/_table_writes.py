"""What every write to a table goes through: refused where it would silently mean less than was said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rowgate._errors import Outcome, ReadOnly
from rowgate._requests import Asking
from rowgate._table_requests import Asked, column_names, counted
from rowgate.v1.result_pb2 import RESULT_ENCODING_COLUMNS


def check_write(calls: Asking, asked: Asked, what: str) -> None:
    """Refuse what the request has no field for, and a write through a view that may not.

    Raises:
        TypeError: the query says something that goes with reading only.
        ReadOnly: the view is `read_only`.
    """
    if asked.columns:
        raise TypeError(f"select(...) does not go with {what}: returning=... names the columns to answer with")
    for name, said in (("limit", asked.limit), ("order_by", asked.orders), ("page_size", asked.page_size)):
        if said:
            raise TypeError(f"{name}(...) does not go with {what}: it means every row that the conditions let through")
    if asked.include_deleted and what != "an update":
        raise TypeError(f"include_deleted() does not go with {what}: rows that are marked already stay as they are")
    if calls.options.read_only:
        raise ReadOnly("this view of the database is read_only", outcome=Outcome.NOT_RUN)


def terms(returning: str | Iterable[str] | None, max_affected: int | None, *, dry_run: bool) -> dict[str, Any]:
    """The fields that updates and deletes have in common.

    Raises:
        TypeError: an argument is of another kind.
        InvalidParameter: a name can't be sent, or `max_affected` is out of range.
    """
    return {
        "returning": column_names(returning, of="returning"),
        "max_affected": 0 if max_affected is None else counted(max_affected, of="max_affected"),
        "dry_run": dry_run,
        "encoding": RESULT_ENCODING_COLUMNS,
    }
