"""The savepoints of one transaction by the names that its caller gives them: the latest of a name counts."""

from __future__ import annotations

from rowgate_server.errors import Outcome, Reason, RowgateError


class Savepoints:
    """In the order in which they were set. The database knows each by its number.

    So nothing is to be quoted, and a name twice means the same on every engine.
    """

    def __init__(self) -> None:
        self._names: list[str] = []

    def next(self) -> str:
        """What the database is to call the next one."""
        return _place(len(self._names))

    def add(self, name: str) -> None:
        """It is set."""
        self._names.append(name)

    def find(self, name: str) -> tuple[int, str]:
        """Its number, and what the database calls it.

        Raises:
            RowgateError: INVALID_REQUEST: there is none of that name.
        """
        for index in range(len(self._names) - 1, -1, -1):
            if self._names[index] == name:
                return index, _place(index)
        raise RowgateError(
            Reason.INVALID_REQUEST, "the transaction has no savepoint of that name", outcome=Outcome.NOT_RUN
        )

    def forget(self, index: int) -> None:
        """This one and those after it are gone."""
        del self._names[index:]


def _place(index: int) -> str:
    return f"rowgate_{index}"
