"""TableService's work within a transaction that is held."""

from __future__ import annotations

from typing import NamedTuple

from rowgate_server.core.compiler.statements import Compiler
from rowgate_server.core.compiler.writes import WriteCompiler
from rowgate_server.core.crud.changes import TableChanger
from rowgate_server.core.crud.inserts import TableInserter
from rowgate_server.core.crud.pages import TablePager
from rowgate_server.core.crud.reads import TableReader
from rowgate_server.core.crud.tokens import Tokens
from rowgate_server.core.kept_tables import HeldTables
from rowgate_server.core.table_cache import TableCache
from rowgate_server.engines.database import Database


class TableWork(NamedTuple):
    """All that can be done with rows of tables, put together once for calls, and for each request of a transaction.

    Tables are known as they were last committed, and in a transaction that has altered some as that sees them.
    """

    tables: TableCache
    compiler: Compiler
    writes: WriteCompiler
    tokens: Tokens

    @property
    def reader(self) -> TableReader:
        """Reads rows and counts them."""
        return TableReader(self.tables, self.compiler)

    @property
    def pager(self) -> TablePager:
        """Lists rows."""
        return TablePager(self.tables, self.compiler, self.tokens)

    @property
    def inserter(self) -> TableInserter:
        """Inserts rows."""
        return TableInserter(self.tables, self.compiler, self.writes)

    @property
    def changer(self) -> TableChanger:
        """Changes and deletes rows."""
        return TableChanger(self.tables, self.compiler, self.writes)

    def on(self, database: Database, held: HeldTables) -> TableWork:
        """The same on a database whose statements run in a transaction, which knows these tables by itself."""
        return self._replace(tables=self.tables.on(database, held))
