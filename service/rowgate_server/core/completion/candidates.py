"""What there is to offer: columns of what is in scope, tables, schemas, functions, keywords; the likeliest first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from sqlalchemy.dialects.mysql.reserved_words import RESERVED_WORDS_MARIADB, RESERVED_WORDS_MYSQL
from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS as RESERVED_WORDS_POSTGRESQL
from sqlalchemy.dialects.sqlite.base import SQLiteIdentifierPreparer

from rowgate_server.core.completion.following import CLAUSES, STATEMENTS
from rowgate_server.core.completion.place import Place
from rowgate_server.core.completion.records import Candidate, CandidateKind
from rowgate_server.core.completion.sources import Source
from rowgate_server.core.completion.tokens import all_keywords
from rowgate_server.core.completion.wanted import Wanted
from rowgate_server.core.tables import TableKind
from rowgate_server.core.tree import RoutineKind, Tree, TreeSchema, TreeTable
from rowgate_server.engines.dialects import Dialect

_FUNCTIONS = (
    "count sum avg min max coalesce nullif lower upper length trim substr replace round abs cast row_number rank "
    "dense_rank lag lead first_value last_value"
)
_OWN_FUNCTIONS = {
    Dialect.MYSQL: "now curdate date_format date_add date_sub datediff concat concat_ws group_concat ifnull "
    "if greatest least json_extract year month day char_length substring floor ceil mod rand uuid last_insert_id "
    "str_to_date unix_timestamp",
    Dialect.POSTGRESQL: "now date_trunc extract to_char to_date to_timestamp age concat string_agg array_agg json_agg "
    "jsonb_agg jsonb_build_object greatest least generate_series substring position split_part regexp_replace unnest "
    "floor ceil random gen_random_uuid",
    Dialect.SQLITE: "date time datetime julianday strftime unixepoch group_concat ifnull iif instr json_extract "
    "json_each printf random typeof total changes last_insert_rowid",
}
_FUNCTIONS_OF_ROWS = {
    Dialect.MYSQL: "json_table",
    Dialect.POSTGRESQL: "generate_series unnest json_each jsonb_each json_array_elements jsonb_array_elements "
    "regexp_split_to_table string_to_table",
    Dialect.SQLITE: "json_each json_tree",
}
_RESERVED = {
    Dialect.MYSQL: RESERVED_WORDS_MYSQL | RESERVED_WORDS_MARIADB,
    Dialect.POSTGRESQL: RESERVED_WORDS_POSTGRESQL,
    Dialect.SQLITE: SQLiteIdentifierPreparer.reserved_words,
}
_MOST_VISITS, _MOST_COLUMNS = 2000, 50_000
"""Sources that are looked at for their columns, and columns that are told of them."""
_FOLDED = "folded"
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PLAIN_POSTGRESQL = re.compile(r"[a-z_][a-z0-9_]*\Z")


class Offer:
    """What a database has to offer to one caller.

    Args:
        dialect: how its names are written.
        tree: what there is, as the caller sees it.
        schema: whose tables need no qualifier; empty: the default one's.
    """

    def __init__(self, dialect: Dialect, tree: Tree, schema: str) -> None:
        self._dialect = dialect
        self._tree = tree
        self._offers: dict[Wanted, Callable[[Place], Iterator[Candidate]]] = {
            Wanted.NOTHING: lambda _: _words(),
            Wanted.MEMBER: self._members,
            Wanted.TABLE: self._tables,
            Wanted.RELATION: self._relations,
            Wanted.COLUMN: self._targeted,
            Wanted.ALTERED: self._altered,
            Wanted.COMMON: self._common,
            Wanted.EXPRESSION: self._expressions,
            Wanted.KEYWORD: self._keywords,
            Wanted.ROUTINE: lambda _: self._routines(RoutineKind.PROCEDURE),
        }
        self._visits = self._told = 0
        self._found: dict[tuple[str, ...], TreeTable | None] = {}
        self._home = next(
            (each for each in tree.schemas if (each.name.name == schema if schema else each.name.is_default)), None
        )

    def candidates(self, place: Place) -> Iterator[Candidate]:
        """What may stand there; a name may come twice."""
        return self._offers[place.wanted](place)

    def _common(self, place: Place) -> Iterator[Candidate]:
        """Columns that both sides of a join have."""
        left, right = place.scope.sides
        there = {column.label.casefold() for source in left for column in self._columns(source)}
        for source in right:
            yield from (column for column in self._columns(source) if column.label.casefold() in there)

    def _relations(self, place: Place) -> Iterator[Candidate]:
        yield from self._tables(place)
        for name in _FUNCTIONS_OF_ROWS[self._dialect].split():
            yield Candidate(name, CandidateKind.FUNCTION, name)
        if self._dialect is Dialect.POSTGRESQL:
            yield from self._routines(RoutineKind.FUNCTION)
        yield from _words("SELECT", "LATERAL", "VALUES")

    def _targeted(self, place: Place) -> Iterator[Candidate]:
        if place.scope.target is not None:
            yield from self._columns(place.scope.target)

    def _altered(self, place: Place) -> Iterator[Candidate]:
        yield from self._targeted(place)
        yield from _words("COLUMN", "CONSTRAINT", "TO", "INDEX", "PRIMARY KEY")

    def _routines(self, kind: RoutineKind) -> Iterator[Candidate]:
        for schema in self._tree.schemas:
            for routine in schema.routines:
                if routine.kind is kind:
                    written = self._written(routine.name)
                    if schema is not self._home:
                        written = f"{self._written(schema.name.name)}.{written}"
                    yield Candidate(written, CandidateKind.FUNCTION, routine.name, schema.name.name)

    def _expressions(self, place: Place) -> Iterator[Candidate]:
        for alias in place.scope.aliases:
            yield Candidate(self._written(alias), CandidateKind.COLUMN, alias)
        columns = [column for source in place.scope.sources for column in self._columns(source)]
        often = Counter(column.label.casefold() for column in columns)
        for column in columns:
            # What several have is of one of them only with its name before it.
            qualify = column.table and often[column.label.casefold()] > 1
            yield column._replace(text=f"{self._written(column.table)}.{column.text}") if qualify else column
        yield from _words(*place.words)
        for source in place.scope.sources:
            yield Candidate(self._written(source.name), CandidateKind.ALIAS, source.name, ".".join(source.path))
        for name in (*_FUNCTIONS.split(), *_OWN_FUNCTIONS[self._dialect].split()):
            yield Candidate(name, CandidateKind.FUNCTION, name)
        yield from self._routines(RoutineKind.FUNCTION)
        yield from self._keywords(place)

    def _tables(self, place: Place) -> Iterator[Candidate]:
        for cte in place.scope.ctes.values():
            yield Candidate(self._written(cte.name), CandidateKind.CTE, cte.name)
        if self._home is not None:
            yield from self._tables_of(self._home)
        for schema in self._tree.schemas:
            if schema is not self._home:
                yield Candidate(self._written(schema.name.name), CandidateKind.SCHEMA, schema.name.name)

    def _tables_of(self, schema: TreeSchema) -> Iterator[Candidate]:
        name = schema.name.name
        for table in schema.tables.values():
            kind = CandidateKind.VIEW if table.kind is TableKind.VIEW else CandidateKind.TABLE
            yield Candidate(self._written(table.name), kind, table.name, name)

    def _members(self, place: Place) -> Iterator[Candidate]:
        """Behind a point: columns of the source of that name, or tables of the schema."""
        *_, last = place.qualifier
        sources = [each for each in place.scope.sources if self._same(each.name, last)]
        if sources:
            yield from self._columns(sources[0])
            return
        if len(place.qualifier) == 1:
            for schema in self._tree.schemas:
                if self._same(schema.name.name, last):
                    yield from self._tables_of(schema)
        yield from self._columns(Source(last, place.qualifier))

    def _columns(self, source: Source) -> Iterator[Candidate]:
        """A `*` of a `*` and so on: CTEs that take each other twice have twice as many columns each time."""
        self._visits += 1
        if self._visits > _MOST_VISITS or self._told > _MOST_COLUMNS:
            return
        if source.renamed:
            yield from self._renamed(source)
            return
        for name in source.columns:
            yield Candidate(self._written(name), CandidateKind.COLUMN, name, table=source.name)
        for star in source.stars:
            for candidate in self._columns(star):
                yield candidate._replace(table=source.name)
        if source.path not in self._found:
            self._found[source.path] = self._find(source.path)
        table = self._found[source.path]
        self._told += len(source.columns) + (len(table.columns) if table is not None else 0)
        for column in table.columns if table is not None else ():
            written = self._written(column.name)
            yield Candidate(written, CandidateKind.COLUMN, column.name, column.database_type, source.name)

    def _renamed(self, source: Source) -> Iterator[Candidate]:
        """`orders as o (a, b)`: the first columns by other names, the others by their own."""
        columns = self._columns(replace(source, renamed=()))
        for name in source.renamed:
            column = next(columns, None)
            detail = column.detail if column is not None else ""
            yield Candidate(self._written(name), CandidateKind.COLUMN, name, detail, source.name)
        yield from columns

    def _find(self, path: tuple[str, ...]) -> TreeTable | None:
        if not path:
            return None
        schemas: Iterable[TreeSchema] = [self._home] if self._home is not None else []
        if len(path) > 1:
            schemas = [each for each in self._tree.schemas if self._same(each.name.name, path[-2])]
        for schema in schemas:
            table = schema.tables.get(path[-1])
            if table is None:
                table = _folded(schema).get(path[-1].casefold())
            if table is not None:
                return table
        return None

    @staticmethod
    def _keywords(place: Place) -> Iterator[Candidate]:
        yield from _words(*place.words, *CLAUSES, *STATEMENTS)
        if place.prefix:
            yield from _words(*all_keywords())

    @staticmethod
    def _same(one: str, other: str) -> bool:
        return one.casefold() == other.casefold()

    def _written(self, name: str) -> str:
        plain = _PLAIN_POSTGRESQL if self._dialect is Dialect.POSTGRESQL else _PLAIN
        if plain.match(name) and name.lower() not in _RESERVED[self._dialect]:
            return name
        quote = "`" if self._dialect is Dialect.MYSQL else '"'
        return quote + name.replace(quote, 2 * quote) + quote


def _folded(schema: TreeSchema) -> Mapping[str, TreeTable]:
    """The tables by their names regardless of case, of two alike the first one."""
    found: dict[str, TreeTable] | None = schema.made.get(_FOLDED)
    if found is None:
        found = schema.made[_FOLDED] = {name.casefold(): table for name, table in reversed(list(schema.tables.items()))}
    return found


def _words(*words: str) -> Iterator[Candidate]:
    return (Candidate(word, CandidateKind.KEYWORD, word) for word in words)
