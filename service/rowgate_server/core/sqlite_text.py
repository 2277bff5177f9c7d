"""The CREATE statements that SQLite keeps of its tables and indexes, read token by token.

No pragma tells checks, collations, names of constraints and what is done in a conflict. What is not known of a table is
told as it is written, so that nothing is passed over in silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rowgate_server.core.completion.records import Kind, Token
from rowgate_server.core.completion.tokens import tokenise
from rowgate_server.core.tables import Check, Deferral
from rowgate_server.engines.dialects import Dialect

_OF_COLUMNS = frozenset({
    *("CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS"),
})  # fmt: skip
"""Up to one of these it is a column's type."""
_OF_TABLES = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})
_ACTIONS = frozenset({"ON", "MATCH", "NOT", "DEFERRABLE"})
_ORDER = frozenset({"ASC", "DESC"})
_BINARY = "BINARY"
_QUOTES = "'\"`]"
Columns = tuple[str, ...]


@dataclass(slots=True)
class ColumnWords:
    """What is written of a column. `descending` is a primary key's."""

    name: str
    type: str = ""
    collation: str = ""
    generation: str = ""
    virtual: bool = False
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Reference:
    """What is written of a foreign key."""

    name: str
    columns: Columns
    table: str
    deferral: Deferral


@dataclass(slots=True)
class TableWords:
    """What is written of a table, in its order; `besides` is what is not known here, or has no other place."""

    columns: list[ColumnWords] = field(default_factory=list)
    primary_name: str = ""
    unique: list[tuple[str, Columns]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    besides: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class IndexWords:
    """What is written of an index: its parts, each without its direction and collation, and these; its condition."""

    parts: tuple[str, ...]
    collations: tuple[str, ...]
    condition: str


def table_words(sql: str) -> TableWords:
    """Of a CREATE TABLE."""
    reader = _Reader(sql)
    found = TableWords()
    if "VIRTUAL" in [reader.word(place) for place in range(2)]:
        found.besides.append(" ".join(sql.split()))
        return found
    inside = reader.parentheses(0)
    if inside is None:
        return found
    for start, end in reader.members(*inside):
        _Member(reader.part(start, end), found).read()
    behind = reader.part(inside[1] + 1, reader.end)
    options = [behind.text(*member).upper() for member in behind.members(0, behind.end)]
    found.options += [option for option in options if option in ("STRICT", "WITHOUT ROWID")]
    found.besides += [option for option in options if option and option not in found.options]
    _check_descending(found)
    return found


def index_words(sql: str) -> IndexWords:
    """Of a CREATE INDEX."""
    reader = _Reader(sql)
    inside = reader.parentheses(0) or (0, 0)
    parts, collations = [], []
    for start, end in reader.members(*inside):
        stop, collation = end, ""
        if reader.word(stop - 1) in _ORDER:
            stop -= 1
        if reader.word(stop - 2) == "COLLATE":
            collation = reader.name(stop - 1)
            stop -= 2
        parts.append(reader.bare(start, stop))
        collations.append(collation)
    where = inside[1] + 1
    condition = reader.bare(where + 1, reader.end) if reader.word(where) == "WHERE" else ""
    return IndexWords(tuple(parts), tuple(collations), condition)


class _Reader:
    """Tokens, without comments and blanks; places count them."""

    def __init__(self, sql: str, tokens: list[Token] | None = None) -> None:
        self._sql = sql
        self._tokens = tokens if tokens is not None else tokenise(sql, Dialect.SQLITE)
        self._told = [token for token in self._tokens if token.kind not in (Kind.SPACE, Kind.COMMENT)]
        self.end = len(self._told)

    def part(self, start: int, end: int) -> _Reader:
        """The same of a part."""
        return _Reader(self._sql, self._told[start:end])

    def word(self, place: int) -> str:
        """The word there, in upper case; empty for a quoted name and for what is no word."""
        token = self._told[place] if 0 <= place < self.end else None
        if token is None or token.quoted or token.kind not in (Kind.NAME, Kind.KEYWORD):
            return ""
        return token.text.upper()

    def name(self, place: int) -> str:
        """The name there; SQLite takes a string for one, too."""
        if not 0 <= place < self.end:
            return ""
        token = self._told[place]
        if token.kind is Kind.LITERAL and token.text.startswith("'"):
            return token.text[1:-1].replace("''", "'")
        # A keyword's token has it in upper case.
        return token.text if token.quoted else self._sql[token.start : token.end]

    def symbol(self, place: int) -> str:
        """The operator there, such as a parenthesis; empty for anything else."""
        found = 0 <= place < self.end and self._told[place].kind is Kind.OPERATOR
        return self._told[place].text if found else ""

    def is_one(self, place: int) -> bool:
        """Whether the next token goes on with a literal: X'00' and 0x1F are two to the tokeniser; a quote ends one."""
        if not 0 <= place < self.end - 1:
            return False
        here, behind = self._told[place : place + 2]
        ended = self._sql[here.end - 1] in _QUOTES
        return here.end == behind.start and not ended and behind.kind is not Kind.OPERATOR

    def text(self, start: int, end: int) -> str:
        """What is written there, without comments."""
        text, stop = "", None
        for token in self._told[start:end]:
            text += " " if stop is not None and stop < token.start else ""
            text += self._sql[token.start : token.end]
            stop = token.end
        return text

    def bare(self, start: int, end: int) -> str:
        """The same without parentheses around the whole of it."""
        while self.symbol(start) == "(" and self.closing(start) == end - 1:
            start, end = start + 1, end - 1
        return self.text(start, end)

    def parentheses(self, start: int) -> tuple[int, int] | None:
        """The first that open from there: the place behind them, and that of what closes them."""
        opening = next((place for place in range(start, self.end) if self.symbol(place) == "("), None)
        if opening is None:
            return None
        return opening + 1, self.closing(opening)

    def closing(self, opening: int) -> int:
        """Where the parenthesis closes; the end where nothing does."""
        depth = 0
        for place in range(opening, self.end):
            depth += (self.symbol(place) == "(") - (self.symbol(place) == ")")
            if not depth:
                return place
        return self.end

    def members(self, start: int, end: int) -> list[tuple[int, int]]:
        """What stands between commas that are in no parentheses of their own."""
        found, begun, place = [], start, start
        while place < end:
            if self.symbol(place) == "(":
                place = self.closing(place)
            elif self.symbol(place) == ",":
                found.append((begun, place))
                begun = place + 1
            place += 1
        return [*found, (begun, end)] if begun < end else found


class _Member:
    """A column's definition, or constraints of the table; these need no commas between them."""

    def __init__(self, reader: _Reader, found: TableWords) -> None:
        self._reader, self._found = reader, found
        self._at = 0
        self._column: ColumnWords | None = None

    def read(self) -> None:
        if self._reader.word(0) not in _OF_TABLES:
            self._begin_column()
        name = ""
        while self._at < self._reader.end:
            if self._takes("CONSTRAINT"):
                name = self._name()
                continue
            self._constraint(name)
            name = ""

    def _begin_column(self) -> None:
        column = ColumnWords(self._name())
        start = self._at
        while self._at < self._reader.end and self._reader.word(self._at) not in _OF_COLUMNS:
            self._at = self._reader.closing(self._at) if self._reader.symbol(self._at) == "(" else self._at
            self._at += 1
        column.type = self._reader.text(start, self._at).lower()
        self._column = column
        self._found.columns.append(column)

    def _constraint(self, name: str) -> None:
        """One that stands with a column or with the table."""
        found = self._found
        if self._takes("PRIMARY", "KEY"):
            found.primary_name = name
            self._key("PRIMARY KEY")
        elif self._takes("UNIQUE"):
            found.unique.append((name, self._key("UNIQUE")))
        elif self._takes("CHECK"):
            found.checks.append(Check(name, self._inside()))
            self._conflict("CHECK")
        elif self._takes("FOREIGN", "KEY"):
            columns = self._names()
            self._takes("REFERENCES")
            self._reference(name, columns)
        elif self._column is None:
            self._unknown()
        elif self._takes("REFERENCES"):
            self._reference(name, (self._column.name,))
        else:
            self._of_column(self._column)

    def _of_column(self, column: ColumnWords) -> None:
        if self._takes("NOT", "NULL") or self._takes("NULL"):
            self._conflict(f"{column.name} NOT NULL")
        elif self._takes("COLLATE"):
            collation = self._name()
            column.collation = "" if collation.upper() == _BINARY else collation
        elif self._takes("DEFAULT"):
            self._skip_default()
        elif self._takes("GENERATED", "ALWAYS", "AS") or self._takes("AS"):
            column.generation = self._inside()
            column.virtual = not self._takes("STORED")
            self._takes("VIRTUAL")
        else:
            self._unknown()

    def _skip_default(self) -> None:
        reader = self._reader
        self._at += reader.symbol(self._at) in ("+", "-")
        if reader.symbol(self._at) == "(":
            self._at = reader.closing(self._at)
        else:
            while reader.is_one(self._at):
                self._at += 1
        self._at += 1

    def _key(self, what: str) -> Columns:
        """The columns of a key, here or the one that it stands with."""
        columns: Columns = ()
        if self._reader.symbol(self._at) == "(":
            columns = self._names()
        elif self._column is not None:
            columns = (self._column.name,)
            self._column.descending = self._takes("DESC")
            self._takes("ASC")
        self._conflict(f"{what} ({', '.join(columns)})")
        if self._takes("AUTOINCREMENT"):
            self._found.options.append("AUTOINCREMENT")
        return columns

    def _names(self) -> Columns:
        """A list of columns; one that is compared otherwise than its column has no place in a description."""
        reader, names = self._reader, []
        inside = reader.parentheses(self._at) or (self._at, self._at)
        collations = {column.name.lower(): column.collation.upper() or _BINARY for column in self._found.columns}
        for start, end in reader.members(*inside):
            names.append(reader.name(start))
            words = [reader.word(place) for place in range(start + 1, end)]
            if words[:1] == ["COLLATE"] and reader.name(start + 2).upper() != collations.get(names[-1].lower()):
                self._found.besides.append(reader.text(start, end))
            if "AUTOINCREMENT" in words:
                self._found.options.append("AUTOINCREMENT")
        self._at = inside[1] + 1
        return tuple(names)

    def _reference(self, name: str, columns: Columns) -> None:
        reader, table = self._reader, self._name()
        if reader.symbol(self._at) == "(":
            self._at = reader.closing(self._at) + 1
        deferral = Deferral.NEVER
        while reader.word(self._at) in _ACTIONS:
            if self._takes("NOT", "NULL"):
                self._at -= 2
                break
            if self._takes("ON"):
                self._at += 1
                self._at += 2 if reader.word(self._at) in ("SET", "NO") else 1
            elif self._takes("MATCH"):
                self._at += 1
            else:
                never = self._takes("NOT")
                self._takes("DEFERRABLE")
                deferred = self._takes("INITIALLY", "DEFERRED")
                self._takes("INITIALLY", "IMMEDIATE")
                deferral = Deferral.NEVER if never else Deferral.DEFERRED if deferred else Deferral.IMMEDIATE
        self._found.references.append(Reference(name, columns, table, deferral))

    def _inside(self) -> str:
        inside = self._reader.parentheses(self._at)
        if inside is None:
            self._at = self._reader.end
            return ""
        self._at = inside[1] + 1
        return self._reader.text(*inside)

    def _conflict(self, what: str) -> None:
        if self._takes("ON", "CONFLICT"):
            resolution = self._name().upper()
            if resolution != "ABORT":
                self._found.besides.append(f"{what} ON CONFLICT {resolution}")

    def _unknown(self) -> None:
        of = f"{self._column.name} " if self._column is not None else ""
        self._found.besides.append(of + self._reader.text(self._at, self._at + 1))
        self._at += 1

    def _name(self) -> str:
        self._at += 1
        return self._reader.name(self._at - 1)

    def _takes(self, *words: str) -> bool:
        found = all(self._reader.word(self._at + place) == word for place, word in enumerate(words))
        self._at += len(words) if found else 0
        return found


def _check_descending(found: TableWords) -> None:
    """INTEGER PRIMARY KEY DESC is, by an old mistake of SQLite's, not the row's own number, which it would be else."""
    for column in found.columns:
        if column.descending and column.type == "integer" and "WITHOUT ROWID" not in found.options:
            found.besides.append(f"{column.name} PRIMARY KEY DESC")
