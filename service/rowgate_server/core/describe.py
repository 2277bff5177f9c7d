"""What DESCRIBE asks of a statement, and what is made of the answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from rowgate_server.core.plans import Engine, Plan
from rowgate_server.core.plans.postgresql import WRITING_NODES
from rowgate_server.core.sqltext import ParsedStatement, bind, bind_blank, widths
from rowgate_server.core.sqltext.words import words
from rowgate_server.engines.description import Description, ParameterType
from rowgate_server.engines.values import BoundStatement, BoundValue, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError

READING = frozenset({"SELECT", "VALUES", "TABLE", "WITH"})
_TELLING = frozenset({"SHOW", "DESCRIBE", "DESC", "EXPLAIN"})
# What they do is in other statements.
_UNKNOWN = frozenset({
    *("CALL", "EXECUTE", "DO", "ANALYZE"),
    *("BEGIN", "IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR"),
})  # fmt: skip
# Reserved words of MySQL's and MariaDB's: between quotes or behind a point they are names, and not looked at.
_WRITING_WORDS = frozenset({"INTO", "UPDATE", "DELETE", "LOCK"})


@dataclass(frozen=True, slots=True)
class ParameterDescription:
    """One parameter: its name, or "" for a `?`; where it first stands, from 1; its type, as far as it is told."""

    name: str
    position: int
    type: ValueType | None = None
    database_type: str = ""


@dataclass(frozen=True, slots=True)
class StatementDescription:
    """A statement's parameters, and whether it only reads; None: that is not known."""

    parameters: tuple[ParameterDescription, ...]
    only_reads: bool | None


def bind_or_blank(
    statement: ParsedStatement, params: Mapping[str, BoundValue], positional: Sequence[BoundValue]
) -> tuple[BoundStatement, bool]:
    """The statement with its values, or with a NULL for each if there are none at all; and whether they are known.

    Raises:
        RowgateError: INVALID_PARAMETER, where some values are given and do not fit.
    """
    if params or positional:
        return bind(statement, params, positional), True
    return bind_blank(statement), False


def may_be_operators(statement: ParsedStatement) -> bool:
    """Whether what `bind_or_blank` takes for placeholders may have been meant as operators."""
    return statement.cuts.optional_questions and statement.positional > 0 and not statement.named


def check_describable(engine: Engine, statement: ParsedStatement) -> None:
    """Refuse what an engine describes only by doing something else.

    Raises:
        RowgateError: NOT_SUPPORTED.
    """
    if engine is Engine.SQLITE and statement.keyword == "EXPLAIN":
        raise RowgateError(
            Reason.NOT_SUPPORTED,
            "SQLite does not describe an EXPLAIN",
            field="sql",
            hint="describe the statement without it, or ask for its plan",
            outcome=Outcome.NOT_RUN,
        )


def types_of_placeholders(
    statement: ParsedStatement,
    params: Mapping[str, BoundValue],
    positional: Sequence[BoundValue],
    types: Sequence[ParameterType],
) -> Sequence[ParameterType]:
    """A type for each placeholder, given one for each value that was sent: a list has that of all its members."""
    if not params and not positional:
        return types
    return tuple(_regrouped(iter(types), widths(statement, params, positional)))


def _regrouped(types: Iterator[ParameterType], sizes: Sequence[int]) -> Iterator[ParameterType]:
    for size in sizes:
        kinds = set(islice(types, size))
        yield kinds.pop() if len(kinds) == 1 else ParameterType()


def described_parameters(
    statement: ParsedStatement, types: Sequence[ParameterType]
) -> tuple[ParameterDescription, ...]:
    """The parameters, given a type for each placeholder; a name that stands in several places is told once."""
    if not statement.named:
        return tuple(
            ParameterDescription("", position, kind.type, kind.database_type) for position, kind in enumerate(types, 1)
        )
    found: dict[str, ParameterDescription] = {}
    for position, (name, kind) in enumerate(zip(statement.named, types, strict=True), 1):
        known = found.setdefault(name, ParameterDescription(name, position, kind.type, kind.database_type))
        if known.database_type != kind.database_type:
            found[name] = ParameterDescription(name, known.position)
    return tuple(found.values())


def needs_plan(engine: Engine, statement: ParsedStatement, description: Description) -> bool:
    """Whether it takes a plan to tell that a statement only reads. A SELECT INTO has no columns and no other plan."""
    return engine is Engine.POSTGRESQL and statement.keyword in READING and bool(description.columns)


def only_reads(engine: Engine, statement: ParsedStatement, description: Description, plan: Plan | None) -> bool | None:
    """Whether a statement changes nothing and locks no rows, functions aside; None: that is not known."""
    if description.writes is not None:
        return not description.writes
    if statement.keyword in _UNKNOWN:
        return None
    if statement.keyword in _TELLING:
        return None if "ANALYZE" in words(statement) else True
    if statement.keyword not in READING:
        return False
    if engine is Engine.POSTGRESQL:
        return None if plan is None or not plan.nodes else _only_reads_in(plan)
    return _only_reads_in_words(statement)


def _only_reads_in(plan: Plan) -> bool:
    return not any(node.operation in WRITING_NODES for root in plan.nodes for node in root.walk())


def _only_reads_in_words(statement: ParsedStatement) -> bool:
    last = ""
    for word in words(statement):
        if word in _WRITING_WORDS or (word == "SHARE" and last == "FOR"):
            return False
        last = word
    return True
