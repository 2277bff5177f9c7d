"""Filters planned against a table: columns looked up, values made what they hold, NOT pushed down to the comparisons.

What SQL calls unknown is false here, so each comparison knows its own opposite: `not (a < 5)` becomes
`a >= 5 or a is null`. That leaves the comparisons to the database's indexes, which a NOT around them would not.
"""

from __future__ import annotations

from typing import cast

from rowgate_server.core.crud import ordinals, patterns
from rowgate_server.core.crud.exact import is_text
from rowgate_server.core.crud.filters import And, Comparison, Filter, Not, Operator, Or
from rowgate_server.core.crud.patterns import Pattern, Wild
from rowgate_server.core.crud.plans import FALSE, TRUE, Condition, Term, Test, Values, both, either
from rowgate_server.core.declared_types import GEOMETRY
from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.policy.access import denied
from rowgate_server.core.policy.needs import Operation as Allowed
from rowgate_server.core.policy.row_filters import as_number
from rowgate_server.core.soft_delete import Mark, mark_of
from rowgate_server.core.tables import TableColumn
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import BoundValue, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.logging import get_logger

_log = get_logger("rowgate.policy")

_OPPOSITES = {
    Test.EQ: Test.NE,
    Test.SAME: Test.OTHER,
    Test.LT: Test.GE,
    Test.LE: Test.GT,
    Test.GT: Test.LE,
    Test.GE: Test.LT,
    Test.IN: Test.NOT_IN,
    Test.BETWEEN: Test.NOT_BETWEEN,
    Test.LIKE: Test.NOT_LIKE,
    Test.ILIKE: Test.NOT_ILIKE,
}
_NEGATIVE = {
    Operator.NE: Operator.EQ,
    Operator.NOT_IN: Operator.IN,
    Operator.NOT_LIKE: Operator.LIKE,
    Operator.IS_NOT_NULL: Operator.IS_NULL,
}
_ORDERED = {Operator.LT: Test.LT, Operator.LE: Test.LE, Operator.GT: Test.GT, Operator.GE: Test.GE}
_AROUND: dict[Operator, tuple[bool, bool]] = {
    Operator.STARTS_WITH: (False, True),
    Operator.ENDS_WITH: (True, False),
    Operator.CONTAINS: (True, True),
}
"""Whether anything may stand before, and behind, the text."""
_TEXTUAL = frozenset({ValueType.STRING, ValueType.JSON, ValueType.UUID, ValueType.DYNAMIC})
_INCOMPARABLE = {
    Dialect.POSTGRESQL: frozenset({"json", "xml", "point", "polygon"}),
    Dialect.MYSQL: frozenset({"null", ""}) | GEOMETRY,
    Dialect.SQLITE: frozenset[str](),
}
"""Types without equality."""
_BOUNDS = 2


def plan_filter(table: KnownTable, wanted: Filter | None, values: Values) -> Condition:
    """The condition that a filter makes.

    Raises:
        RowgateError: UNKNOWN_COLUMN, INVALID_PARAMETER, VALUE_OUT_OF_RANGE, INVALID_REQUEST or NOT_SUPPORTED, with the
            field at fault.
    """
    return TRUE if wanted is None else _Planner(table, values).plan(wanted, "filter", negated=False)


def live(table: KnownTable, values: Values) -> Condition:
    """The condition that leaves out rows that are marked as deleted; every row where there is no mark."""
    column = table.soft_delete
    if column is None:
        return TRUE
    null = Term(Test.IS_NULL, column.name) if column.nullable else FALSE
    if mark_of(column) is Mark.MOMENT:
        return null
    off = BoundValue(ValueType.BOOL, value=False) if column.type is ValueType.BOOL else BoundValue(ValueType.INT, 0)
    return either(Term(Test.EQ, column.name, (values.put(off),)), null)


def visible(table: KnownTable, values: Values, operation: Allowed) -> Condition:
    """The condition that leaves out rows which the caller may not do that with; every row where it may with all.

    It is kept where it is the first that takes out values.

    Text is compared exactly here, whatever the collation of its column: to a tenant named `acme`, rows of `ACME` and
    `acmé` are another's.

    Raises:
        RowgateError: PERMISSION_DENIED: the filter of the policy does not fit the table, which is no reason to show it.
    """
    rows = table.access.rows(operation) if table.access is not None else None
    if rows is None:
        return TRUE
    first = not values.taken
    key = (visible, operation)
    if first and key in table.made:
        condition, taken = table.made[key]
        values.taken.extend(taken)
        return cast("Condition", condition)
    try:
        condition = _Planner(table.whole, values, exact=True).plan(rows, "filter", negated=False)
    except RowgateError as error:
        _log.error("row filter does not fit", database=table.database, table=table.name, cause=error.message)
        raise denied() from None
    if first:
        # Its values have the first numbers, so it is the same the next time.
        table.made[key] = condition, tuple(values.taken)
    return condition


def check_comparable(table: KnownTable, column: TableColumn, field: str) -> None:
    """Refuse to compare or sort what the database has no comparison for.

    Raises:
        RowgateError: NOT_SUPPORTED.
    """
    if column.base_type in _INCOMPARABLE[table.dialect]:
        raise RowgateError(
            Reason.NOT_SUPPORTED,
            f"the database neither compares nor sorts what is in column {column.name}",
            field=field,
            outcome=Outcome.NOT_RUN,
            column=column.name,
        )


class _Planner:
    """Plans one filter; `exact`: what is equal is the same text, whatever the collation."""

    def __init__(self, table: KnownTable, values: Values, *, exact: bool = False) -> None:
        self._table = table
        self._values = values
        self._exact = exact

    def plan(self, wanted: Filter, path: str, *, negated: bool) -> Condition:
        """The condition of one node, or of its opposite."""
        if isinstance(wanted, Comparison):
            return self._compare(wanted, f"{path}.compare", negated=negated)
        if isinstance(wanted, Not):
            return self.plan(wanted.filter, f"{path}.not", negated=not negated)
        word = "and" if isinstance(wanted, And) else "or"
        below = [
            self.plan(each, f"{path}.{word}.filters[{index}]", negated=negated)
            for index, each in enumerate(wanted.filters)
        ]
        return both(*below) if isinstance(wanted, Or) is negated else either(*below)

    def _compare(self, wanted: Comparison, path: str, *, negated: bool) -> Condition:
        column = self._table.compared(wanted.column, f"{path}.column")
        operator = wanted.operator
        if operator in _NEGATIVE:
            operator, negated = _NEGATIVE[operator], not negated
        if operator is Operator.IS_NULL:
            _check_given(wanted, path, value=False, values=False)
            return _null(column, negated=negated)
        if operator is Operator.IN:
            _check_given(wanted, path, value=False, values=True)
            return self._among(column, wanted, path, negated=negated)
        if operator is Operator.BETWEEN:
            _check_given(wanted, path, value=False, values=True)
            return self._between(column, wanted, path, negated=negated)
        _check_given(wanted, path, value=True, values=False)
        value, field = wanted.value or _MISSING, f"{path}.value"
        if operator is Operator.EQ:
            return self._equal(column, value, field, negated=negated)
        if operator in _ORDERED:
            number = self._ordered(column, value, field)
            return _two_valued(column, _ORDERED[operator], (number,), negated=negated)
        return self._match(column, operator, value, field, negated=negated)

    def _equal(self, column: TableColumn, value: BoundValue, field: str, *, negated: bool) -> Condition:
        if value.type is ValueType.NULL:
            return _null(column, negated=negated)
        coerced = self._coerced(column, value, field)
        number = self._values.put(coerced)
        found = _two_valued(column, Test.EQ, (number,), negated=negated)
        if not self._exact or coerced.type is not ValueType.STRING or not is_text(self._table, column):
            return found
        same = _two_valued(column, Test.SAME, (number,), negated=negated)
        # An index serves the comparison by the collation, which finds what is the same, and maybe more.
        return either(found, same) if negated else both(found, same)

    def _among(self, column: TableColumn, wanted: Comparison, path: str, *, negated: bool) -> Condition:
        if self._exact:
            each = [
                self._equal(column, value, f"{path}.values[{index}]", negated=negated)
                for index, value in enumerate(wanted.values)
            ]
            return both(*each) if negated else either(*each)
        members = [self._coerced(column, value, f"{path}.values[{index}]") for index, value in enumerate(wanted.values)]
        there = tuple(member for member in members if member.type is not ValueType.NULL)
        null = _null(column, negated=negated) if len(there) < len(members) else None
        if not there:
            return null or (TRUE if negated else FALSE)
        number = self._values.put(BoundValue(ValueType.LIST, there))
        if null is None:
            return _two_valued(column, Test.IN, (number,), negated=negated)
        if negated:
            return Term(Test.NOT_IN, column.name, (number,))
        return either(Term(Test.IN, column.name, (number,)), null)

    def _between(self, column: TableColumn, wanted: Comparison, path: str, *, negated: bool) -> Condition:
        if len(wanted.values) != _BOUNDS:
            raise _refusal("BETWEEN takes two values, the lower and the upper", f"{path}.values")
        numbers = tuple(
            self._ordered(column, value, f"{path}.values[{index}]") for index, value in enumerate(wanted.values)
        )
        return _two_valued(column, Test.BETWEEN, numbers, negated=negated)

    def _match(
        self, column: TableColumn, operator: Operator, value: BoundValue, field: str, *, negated: bool
    ) -> Condition:
        pattern = _pattern(column, operator, value, field)
        test = Test.ILIKE if operator is Operator.ILIKE else Test.LIKE
        found = _two_valued(column, test, (self._pattern(pattern),), negated=negated)
        if test is Test.LIKE and not negated and self._table.dialect is Dialect.MYSQL:
            # The exact comparison is by another collation than the index's; what it finds, this one finds too.
            beginning = patterns.beginning(pattern)
            if beginning is not None:
                return both(Term(Test.COLLATED_LIKE, column.name, (self._pattern(beginning),)), found)
        return found

    def _pattern(self, pattern: Pattern) -> int:
        return self._values.put(BoundValue(ValueType.STRING, patterns.write(pattern, self._table.dialect)))

    def _ordered(self, column: TableColumn, value: BoundValue, field: str) -> int:
        """A value that something is less or greater than, by its number."""
        if value.type is ValueType.NULL:
            raise _refusal("NULL is neither less nor greater than anything", field, hint="use IS_NULL, or EQ")
        coerced = self._coerced(column, value, field)
        if ordinals.has_ordinals(column, self._table.dialect):
            coerced = ordinals.ordinal(column, coerced.value)
        return self._values.put(coerced)

    def _coerced(self, column: TableColumn, value: BoundValue, field: str) -> BoundValue:
        check_comparable(self._table, column, field)
        try:
            return self._table.coerced(column, value, field)
        except RowgateError:
            number = as_number(value) if self._exact else None
            if number is None:
                raise
            return self._table.coerced(column, number, field)


_MISSING = BoundValue(ValueType.NULL, None)


def _two_valued(column: TableColumn, test: Test, numbers: tuple[int, ...], *, negated: bool) -> Condition:
    if not negated:
        return Term(test, column.name, numbers)
    opposite = Term(_OPPOSITES[test], column.name, numbers)
    return either(opposite, Term(Test.IS_NULL, column.name)) if column.nullable else opposite


def _null(column: TableColumn, *, negated: bool) -> Condition:
    """No question where the column is never NULL: MySQL says of a date 0000-00-00 in such a column that it is."""
    if not column.nullable:
        return TRUE if negated else FALSE
    return Term(Test.IS_NOT_NULL if negated else Test.IS_NULL, column.name)


def _pattern(column: TableColumn, operator: Operator, value: BoundValue, field: str) -> Pattern:
    if column.type not in _TEXTUAL:
        raise _refusal(
            f"{operator.name} compares text, and column {column.name} ({column.database_type}) has none",
            field.removesuffix("value") + "op",
        )
    if value.type is not ValueType.STRING:
        raise _refusal(f"{operator.name} takes text: a string_value", field)
    if len(value.value) > patterns.LONGEST:
        raise _refusal("the pattern is too long", field, limit=f"{patterns.LONGEST} characters")
    if operator not in _AROUND:
        return patterns.read(value.value)
    before, behind = _AROUND[operator]
    text = (value.value,) if value.value else ()
    return (*([Wild.RUN] * before), *text, *([Wild.RUN] * behind))


def _check_given(wanted: Comparison, path: str, *, value: bool, values: bool) -> None:
    """Refuse a comparison without its value, or with one that it does not take."""
    name = wanted.operator.name
    if value and wanted.value is None:
        raise _refusal(f"{name} takes a value", f"{path}.value")
    if not value and wanted.value is not None:
        raise _refusal(f"{name} takes {'values' if values else 'no value'}", f"{path}.value")
    if not values and wanted.values:
        raise _refusal(f"{name} takes {'one value' if value else 'no values'}", f"{path}.values")


def _refusal(message: str, field: str, *, hint: str | None = None, limit: str | None = None) -> RowgateError:
    return RowgateError(Reason.INVALID_PARAMETER, message, field=field, outcome=Outcome.NOT_RUN, hint=hint, limit=limit)
