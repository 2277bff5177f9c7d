"""Follows the heads of PostgreSQL's messages through what is received, to find one that is too long to be read.

asyncpg waits for the whole of a message, and puts the text of an error or a notice together byte by byte and piece by
piece: of 100 MB, all callers waited for 24 s. Whoever may run SQL decides how long either is, and how large a cell.

Where each message begins is known only by all before it. So that this costs a result nothing, what came is looked at
once it is more than a few hundred kilobytes without a rest. A row of arrays that may have too many members is looked
into: see `arrays`.
"""

from __future__ import annotations

import re
import struct

from rowgate_server.engines.dialects.postgresql.arrays import NONE, ArraysOfRow, Costs

LONGEST = 1024 * 1024
"""Bytes of a message that is no row. asyncpg takes 4 ms to read as much of an error."""
_UNSEEN = 768 * 1024
"""Bytes that may come before anybody looks: fewer than any message may have. To look costs 70 ns a message."""

_MAY_BE_DEAR = 256 * 1024
"""Bytes of a row whose arrays may be dear: asyncpg takes 50 ms to read as many of dates."""

HEAD = struct.Struct("!cI")
_LENGTH = struct.Struct("!I")
_ROW, _ERROR = b"D", b"E"
_READY = struct.pack("!cI", b"Z", 5)

_ENOUGH = 256
"""Bytes in which an error says its code: before it come two words for how grave it is."""
_CODE = re.compile(rb"(?:[SV][^\0]*\0)*C([0-9A-Z]{5})\0")


class TooLongError(Exception):
    """The database began a message that is too long; the link was cut before it had come.

    Args:
        most: the bytes that it may have.
        row: it is a row.
        arrays: it is a row, whose arrays cost too much; whatever its bytes are.
        sqlstate: it is an error, of this code.
    """

    def __init__(self, most: int, *, row: bool = False, arrays: bool = False, sqlstate: str | None = None) -> None:
        super().__init__(f"a message of the database's is longer than {most} bytes")
        self.most = most
        self.row = row
        self.arrays = arrays
        self.sqlstate = sqlstate


class Heads:
    """Those of one connection.

    Args:
        longest_row: the bytes that a row may have.

    Attributes:
        arrays: those among the columns of the rows that come; exchanged while nothing does.
    """

    __slots__ = ("_begun", "_longest_row", "_row", "_size", "_skipping", "_unseen", "arrays")

    def __init__(self, longest_row: int) -> None:
        self._longest_row = longest_row
        self._unseen: list[bytes] = []
        self._size = 0
        """Bytes since the last rest."""
        self._skipping = 0
        """Bytes of the message under way that are still to come, as far as was looked."""
        self._begun = b""
        """A head that has not come whole."""
        self.arrays: Costs = NONE
        self._row: ArraysOfRow | None = None
        """The arrays of the row under way."""

    def rest(self) -> None:
        """Nothing was asked that is not answered: the next byte begins a message, if the last answer ended so."""
        if self._unseen:
            if self._unseen[-1][-6:-1] != _READY:
                return
            self._unseen.clear()
        elif self._skipping or self._begun:
            return
        self._size = 0

    def follow(self, data: bytes) -> TooLongError | None:
        """Take what came; tell of a message in it that is too long."""
        self._size += len(data)
        if self._size <= _UNSEEN:
            self._unseen.append(data)
            return None
        unseen, self._unseen = self._unseen, []
        for each in (*unseen, data):
            if (found := self._look(each)) is not None:
                return found
        return None

    def _look(self, data: bytes) -> TooLongError | None:
        if self._begun:
            data = self._begun + data
        if self._row_goes_on(data):
            return self._too_dear()
        at, end, unpack = self._skipping + 1, len(data), _LENGTH.unpack_from
        last = end - _LENGTH.size
        while at <= last:  # a message's length is at `at`, one behind its kind
            (length,) = unpack(data, at)
            if length > LONGEST and (data[at - 1 : at] != _ROW or length > self._longest_row):
                if end - at < _ENOUGH:
                    break  # there is more to come, so it can wait for its code
                return self._too_long(data[at - 1 : at + _ENOUGH])
            if length > _MAY_BE_DEAR and self._row_begins(data, at, length):
                return self._too_dear()
            at += 1 + length
        at -= 1
        self._begun, self._skipping = (data[at:], 0) if at < end else (b"", at - end)
        return None

    def _row_begins(self, data: bytes, at: int, length: int) -> bool:
        """Whether it is a row, whose arrays are too dear as far as they have come; its length is there."""
        if not self.arrays or data[at - 1 : at] != _ROW:
            return False
        row = ArraysOfRow(self.arrays)
        if at + length > len(data):
            self._row = row
        return row.follow(data[at + _LENGTH.size : at + length])

    def _row_goes_on(self, data: bytes) -> bool:
        """The same of the row under way."""
        row = self._row
        if row is None:
            return False
        if self._skipping <= len(data):
            self._row = None
        return row.follow(data[: self._skipping])

    def _too_dear(self) -> TooLongError:
        return TooLongError(self._longest_row, row=True, arrays=True)

    def _too_long(self, beginning: bytes) -> TooLongError:
        kind = beginning[:1]
        if kind == _ROW:
            return TooLongError(self._longest_row, row=True)
        if kind != _ERROR:
            return TooLongError(LONGEST)
        code = _CODE.match(beginning, HEAD.size)
        return TooLongError(LONGEST, sqlstate=code[1].decode() if code else "")
