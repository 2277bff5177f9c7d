"""What a statement may do to the transaction and the session that it runs in, told by its first words.

That is no fence: a function that a SELECT calls may do anything, and the database has to refuse it. It tells what the
database would accept although it must not be: a statement that ends the gateway's own transaction, or one that takes
back what the gateway has set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from itertools import islice, pairwise

from rowgate_server.engines.dialects import Dialect

from .scan import span_end
from .shape import token_matcher
from .statement import CACHED_BYTES, CACHED_STATEMENTS, ParsedStatement

READING = frozenset({"SELECT", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "VALUES", "TABLE", "WITH", "PRAGMA"})
"""First words of statements that read. Of a write behind WITH or in a function, the database knows."""

_WRITING = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "LOAD"})
_CONTROLLING = frozenset({"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"})
_CONTROLLING_IN = {
    Dialect.MYSQL: _CONTROLLING | {"XA", "LOCK", "UNLOCK", "BACKUP"},
    Dialect.POSTGRESQL: _CONTROLLING | {"START", "END", "ABORT", "LOCK"},
    Dialect.SQLITE: _CONTROLLING | {"END"},
}
_HIDING = {
    Dialect.MYSQL: frozenset({"CALL", "PREPARE", "EXECUTE", "IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR"}),
    Dialect.POSTGRESQL: frozenset({"CALL", "PREPARE", "EXECUTE", "DO"}),
    Dialect.SQLITE: frozenset[str](),
}
# https://mariadb.com/kb/en/sql-statements-that-cause-an-implicit-commit/, and what MariaDB 10.11 was seen to commit at;
# https://dev.mysql.com/doc/refman/8.4/en/implicit-commit.html
_COMMITTING = frozenset({
    *("ALTER", "CREATE", "DROP", "RENAME", "TRUNCATE", "GRANT", "REVOKE"),
    *("ANALYZE", "CHECK", "OPTIMIZE", "REPAIR", "CACHE", "FLUSH", "RESET"),
    *("CHANGE", "CLONE", "IMPORT", "INSTALL", "START", "STOP", "UNINSTALL"),
})  # fmt: skip

_SCOPES = frozenset({"GLOBAL", "SESSION", "LOCAL"})
_SETTINGS_OF_TRANSACTIONS = frozenset({
    *("AUTOCOMMIT", "COMPLETION_TYPE", "TX_ISOLATION", "TX_READ_ONLY"),
    *("TRANSACTION_ISOLATION", "TRANSACTION_READ_ONLY", "TRANSACTION_DEFERRABLE"),
    *("DEFAULT_TRANSACTION_ISOLATION", "DEFAULT_TRANSACTION_READ_ONLY", "DEFAULT_TRANSACTION_DEFERRABLE"),
})  # fmt: skip
_HOLDING = frozenset({("READ", "LOCK"), ("FOR", "EXPORT")})
"""What makes a FLUSH hold locks."""
_FILES = frozenset({"OUTFILE", "DUMPFILE"})
_FILE = re.compile("|".join(_FILES), re.IGNORECASE)
_MAKING = re.compile(r"\b(?:INTO|CREATE|EXECUTE)\b", re.IGNORECASE)
_QUOTES = '"`'
_TELLING = 4
"""Words behind the first that tell what a statement does, at the most: CREATE OR REPLACE TEMPORARY TABLE."""


class Effect(Enum):
    """What a statement may do; where several fit, the last one in this list."""

    OTHER = "other"
    READS = "reads"
    WRITES = "writes"
    """Changes rows, within the transaction that it stands in."""
    COMMITS = "commits"
    """MySQL and MariaDB commit the transaction that it stands in, without being asked."""
    HIDES = "hides"
    """Runs another statement, which may be anything."""
    CONTROLS = "controls"
    """Begins, ends or sets up a transaction, or holds locks until its end."""


def effect_of(statement: ParsedStatement) -> Effect:
    """What a statement may do to the transaction and the session that it runs in."""
    if len(statement.sql) <= CACHED_BYTES // 4:
        return _effect_cached(statement.sql, statement.dialect)
    return _effect(statement.sql, statement.dialect)


def alters(statement: ParsedStatement) -> bool:
    """Whether it may change what tables there are and what they look like; a function that a SELECT calls aside."""
    if statement.keyword in READING:
        sql = statement.sql
        makes = _makes_a_table if len(sql) > CACHED_BYTES // 4 else _makes_a_table_cached
        return statement.dialect is Dialect.POSTGRESQL and _MAKING.search(sql) is not None and makes(sql)
    return effect_of(statement) is not Effect.WRITES


def _effect(sql: str, dialect: Dialect) -> Effect:
    tokens = _tokens(sql, dialect)
    first = next(tokens, "")
    if first == "SET" and dialect is not Dialect.SQLITE:
        return _of_set([first, *tokens], dialect)
    if first in READING:
        # Long texts are not read to their end without a cause.
        into_file = dialect is Dialect.MYSQL and _FILE.search(sql) and _into_a_file(list(tokens))
        return Effect.OTHER if into_file else Effect.READS
    return _of_words([first, *(tokens if first == "FLUSH" else islice(tokens, _TELLING))], dialect)


_effect_cached = lru_cache(CACHED_STATEMENTS)(_effect)


def _of_words(head: list[str], dialect: Dialect) -> Effect:
    first, second = (*head, "", "")[:2]
    if first == "BEGIN" and second == "NOT":  # BEGIN NOT ATOMIC
        return Effect.HIDES
    if first in _CONTROLLING_IN[dialect] or (first in ("START", "PREPARE") and second == "TRANSACTION"):
        return Effect.CONTROLS
    if dialect is Dialect.MYSQL and first == "FLUSH" and not _HOLDING.isdisjoint(pairwise(head)):
        return Effect.CONTROLS
    if first in _HIDING[dialect]:
        return Effect.HIDES
    if dialect is Dialect.MYSQL and (first in _COMMITTING or (first, second) == ("LOAD", "INDEX")):
        return _of_committing(head)
    return Effect.WRITES if first in _WRITING else Effect.OTHER


def _of_set(tokens: list[str], dialect: Dialect) -> Effect:
    if tokens[1:2] == ["STATEMENT"]:
        within = _of_words(tokens[tokens.index("FOR") + 1 :] if "FOR" in tokens else [], dialect)
        return Effect.CONTROLS if Effect.CONTROLS in (within, _of_assignments(tokens)) else Effect.HIDES
    words = [token for token in tokens[1:4] if token not in _SCOPES]
    if words[:1] in (["TRANSACTION"], ["CHARACTERISTICS"]):
        return Effect.CONTROLS
    effect = _of_assignments(tokens)
    return Effect.COMMITS if effect is Effect.OTHER and dialect is Dialect.MYSQL and _of_users(tokens) else effect


def _of_users(tokens: list[str]) -> bool:
    """`SET a = 1, PASSWORD = ...`, `SET DEFAULT ROLE ...`: what changes users, which commits. `SET ROLE` does not."""
    starts = [0, *(at for at, text in enumerate(tokens) if text == ",")]
    firsts = [tokens[at + 1 : at + 3] for at in starts]
    return any(
        words == ["DEFAULT", "ROLE"] or (words[:1] == ["PASSWORD"] and words[1:] in (["="], [":"], ["FOR"]))
        for words in firsts
    )


def _of_assignments(tokens: list[str]) -> Effect:
    """`SET a = 1, @@session.b := 2`, and PostgreSQL's `SET a TO 1`; `@a` is a variable of the caller's own."""
    for at, token in enumerate(tokens):
        own = tokens[at - 1] == "@" and tokens[at - 2] != "@"
        if token in _SETTINGS_OF_TRANSACTIONS and not own and tokens[at + 1 : at + 2] in (["="], [":"], ["TO"]):
            return Effect.CONTROLS
    return Effect.OTHER


def _of_committing(head: list[str]) -> Effect:
    words = [word for word in head if word not in ("OR", "REPLACE")]
    first, second, third = (*words, "", "")[:3]
    if first == "ANALYZE" and second not in ("TABLE", "TABLES", "LOCAL", "NO_WRITE_TO_BINLOG"):
        return Effect.HIDES  # MariaDB's ANALYZE of another statement
    # A temporary sequence commits when it is created, a temporary table when it is altered.
    temporary = second == "TEMPORARY" and (first == "DROP" or (first == "CREATE" and third == "TABLE"))
    return Effect.OTHER if temporary else Effect.COMMITS


def _into_a_file(tokens: list[str]) -> bool:
    return any(word == "INTO" and after in _FILES for word, after in pairwise(tokens))


def _makes_a_table(sql: str) -> bool:
    """PostgreSQL's `SELECT ... INTO a_table`, and an EXPLAIN ANALYZE that does what it explains."""
    tokens = list(_tokens(sql, Dialect.POSTGRESQL))
    if any(word == "INTO" and before not in ("INSERT", "MERGE") for before, word in pairwise(tokens)):
        return True
    runs = tokens[:1] == ["EXPLAIN"] and not {"ANALYZE", "ANALYSE"}.isdisjoint(tokens)
    return runs and not {"CREATE", "EXECUTE"}.isdisjoint(tokens)


_makes_a_table_cached = lru_cache(CACHED_STATEMENTS)(_makes_a_table)


def _tokens(sql: str, dialect: Dialect) -> Iterator[str]:
    """The tokens from the first word on: names in upper case without their quotes, `?` for whatever is a value."""
    match = token_matcher(dialect)
    at, begun = 0, False
    while at < len(sql):
        found = match(sql, at)
        kind, start, at = found.lastgroup, found.start(), found.end()
        if kind == "span":
            at = span_end(sql, start, at) or len(sql)
        if kind == "gap" or (kind == "span" and sql[start] != "$"):
            continue
        begun = begun or kind == "name"
        if begun:
            yield found[0].strip(_QUOTES).upper() if kind in ("name", "other") else "?"
