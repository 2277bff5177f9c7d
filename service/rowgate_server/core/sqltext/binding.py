"""A parsed statement and its parameters to a bound statement.

No error here tells a parameter's value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import NO_MEMBERS, NULL, BoundStatement, BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError

from .scan import MAX_PLACEHOLDERS, position
from .statement import ListPlace, ParsedStatement

# Looking for a near miss takes time with the square of the names' length.
_HINT_NAMES = 100
_SHOWN_NAME = 64
_TOUCHED = re.compile(r"(?::[0-9A-Za-z_]+|\?)[^\s,)]")

# `in ()` is no SQL, and `in (null)` is never true, but neither is `not in (null)`.
_NO_ROWS = "select null where 1 = 0"
_ONE_NULL = BoundValue(ValueType.LIST, (NULL,))


def bind(
    statement: ParsedStatement, params: Mapping[str, BoundValue], positional: Sequence[BoundValue]
) -> BoundStatement:
    """Give each placeholder its value.

    Where `?` may be an operator (PostgreSQL), each one is a placeholder if `positional` is not empty, and `??` stands
    for the operator; otherwise none is, and the text stays as it is.

    A list for the only placeholder behind IN gets a placeholder for each of its members: `x in (:a, :b)`. Elsewhere a
    list is one value: an array.

    Args:
        statement: what `parse` gave.
        params: a value for each `:name`, and no other. A name used twice gets its value twice.
        positional: a value for each `?`, in order.

    Returns:
        The fragments of the text up to the end of the statement, and the values.

    Raises:
        RowgateError: INVALID_PARAMETER, where these are not the values that the placeholders ask for.
    """
    cuts = statement.cuts
    if positional:
        if params:
            raise _refusal("params and positional_params are both given", "params", hint="use one of them")
        return _bind_positional(statement, positional)
    if params or statement.named:
        return _bind_named(statement, params)
    if statement.positional and not cuts.optional_questions:
        raise _wrong_number(statement, 0)
    return cuts.bare


def bind_blank(statement: ParsedStatement) -> BoundStatement:
    """Give each placeholder a NULL, and the only one behind an IN parentheses: `x in (NULL)`.

    Each `?` counts as a placeholder unless there is a `:name`, where it may be an operator too.

    Raises:
        RowgateError: INVALID_PARAMETER, where no values would fit.
    """
    places = statement.cuts.named_lists if statement.named else statement.cuts.positional_lists
    if statement.named:
        bound = bind(statement, dict.fromkeys(statement.named, NULL), ())
    else:
        bound = bind(statement, {}, [NULL] * statement.positional)
    if not places:
        return bound
    # By its place: the same name may stand elsewhere, where a list would be an array.
    values = list(bound.values)
    for number, _ in places:
        values[number] = _ONE_NULL
    return _spread(statement.dialect, BoundStatement(bound.fragments, tuple(values)), dict(places))


def widths(
    statement: ParsedStatement, params: Mapping[str, BoundValue], positional: Sequence[BoundValue]
) -> tuple[int, ...]:
    """How many values `bind` makes of each placeholder's: one, or as many as a list behind IN has members."""
    cuts = statement.cuts
    values = positional or [params[name] for name in statement.named]
    lists = dict(cuts.positional_lists if positional else cuts.named_lists)
    return tuple(
        len(value.value) if number in lists and value.type is ValueType.LIST else 1
        for number, value in enumerate(values)
    )


def name_value(
    error: RowgateError,
    statement: ParsedStatement,
    params: Mapping[str, BoundValue],
    positional: Sequence[BoundValue],
) -> RowgateError:
    """Tell which parameter an engine's error is about: engines know its value's place among all that `bind` made."""
    if error.value is None:
        return error
    member = error.value
    for number, width in enumerate(widths(statement, params, positional)):
        if member < width:
            return _of_placeholder(error, statement, number, member if width > 1 else None, positional=bool(positional))
        member -= width
    return error


def _of_placeholder(
    error: RowgateError, statement: ParsedStatement, number: int, member: int | None, *, positional: bool
) -> RowgateError:
    name = str(number + 1) if positional else _shown(statement.named[number])
    field = f"positional_params[{number}]" if positional else f"params[{name}]"
    if error.field is None:
        error.field = field if member is None else f"{field}.list_value[{member}]"
    return error.with_defaults(parameter=name)


def _bind_named(statement: ParsedStatement, params: Mapping[str, BoundValue]) -> BoundStatement:
    cuts = statement.cuts
    _check_unmixed(statement)
    if statement.positional and not cuts.optional_questions:
        raise _refusal("the statement uses ?, and params are given", "params", hint="give positional_params")
    if cuts.misplaced_name >= 0:
        raise _misplaced(statement, cuts.misplaced_name)
    try:
        values = tuple([params[name] for name in statement.named])
    except KeyError as error:
        raise _missing(error.args[0], statement, params) from None
    if len(params) != cuts.names:
        raise _surplus(statement, params)
    bound = BoundStatement(cuts.named, values)
    return _with_lists(statement.dialect, bound, cuts.named_lists) if cuts.named_lists else bound


def _bind_positional(statement: ParsedStatement, positional: Sequence[BoundValue]) -> BoundStatement:
    cuts = statement.cuts
    _check_unmixed(statement)
    if statement.named:
        raise _refusal(
            "the statement uses :name, and positional_params are given", "positional_params", hint="give params"
        )
    if len(positional) != statement.positional:
        raise _wrong_number(statement, len(positional))
    if cuts.misplaced_question >= 0:
        raise _misplaced(statement, cuts.misplaced_question)
    bound = BoundStatement(cuts.positional, tuple(positional))
    return _with_lists(statement.dialect, bound, cuts.positional_lists) if cuts.positional_lists else bound


def _with_lists(dialect: Dialect, bound: BoundStatement, places: tuple[ListPlace, ...]) -> BoundStatement:
    lists = {number: grouped for number, grouped in places if bound.values[number].type is ValueType.LIST}
    return _spread(dialect, bound, lists) if lists else bound


def _spread(dialect: Dialect, bound: BoundStatement, lists: Mapping[int, bool]) -> BoundStatement:
    """The members of lists as values of their own; `lists` says which values, and whether in parentheses."""
    text = bound.fragments[0]
    fragments: list[str] = []
    values: list[BoundValue] = []
    for number, value in enumerate(bound.values):
        members: Sequence[BoundValue] = (value,)
        closing = ""
        if number in lists:
            members = value.value or (NO_MEMBERS,)
            if not lists[number]:
                text, closing = f"{text}(", ")"
        if members[0] is NO_MEMBERS and dialect is not Dialect.POSTGRESQL:
            text += _NO_ROWS
        else:
            fragments += (text, *[", "] * (len(members) - 1))
            values += members
            text = ""
        text += closing + bound.fragments[number + 1]
    if len(values) > MAX_PLACEHOLDERS:
        raise RowgateError(
            Reason.INVALID_PARAMETER,
            f"with the members of its lists, the statement has more than {MAX_PLACEHOLDERS} values",
            field="sql",
            limit=f"{MAX_PLACEHOLDERS} placeholders",
        )
    return BoundStatement((*fragments, text), tuple(values))


def _check_unmixed(statement: ParsedStatement) -> None:
    if statement.named and statement.positional and not statement.cuts.optional_questions:
        raise _refusal("the statement mixes :name and ?", "sql", hint="use one of them")


def _refusal(message: str, field: str, *, parameter: str | None = None, hint: str | None = None) -> RowgateError:
    return RowgateError(Reason.INVALID_PARAMETER, message, field=field, parameter=parameter, hint=hint)


def _misplaced(statement: ParsedStatement, at: int) -> RowgateError:
    where = f"the placeholder at {position(statement.sql, at)}"
    if not statement.sql[at - 1].isspace() or _TOUCHED.match(statement.sql, at):
        message, hint = "touches what stands beside it", "put spaces around it; an array slice is written [lo : hi]"
    else:
        message = "stands beside another value or a name, without an operator"
        hint = "put an operator or a comma between; a column's name is no value, and is written AS name"
    return _refusal(f"{where} {message}", "sql", hint=hint)


def _missing(name: str, statement: ParsedStatement, params: Mapping[str, BoundValue]) -> RowgateError:
    used = set(statement.named)
    spare = [other for other in params if other not in used and len(other) <= _SHOWN_NAME][:_HINT_NAMES]
    close = get_close_matches(name, spare, 1) if len(name) <= _SHOWN_NAME else []
    return _refusal(
        f"the statement uses :{_shown(name)}, and params has no such name",
        f"params[{_shown(name)}]",
        parameter=_shown(name),
        hint=f"params has {close[0]}, which the statement does not use" if close else None,
    )


def _surplus(statement: ParsedStatement, params: Mapping[str, BoundValue]) -> RowgateError:
    used = set(statement.named)
    name = _shown(next(other for other in params if other not in used))
    return _refusal(
        f"params has {name}, and the statement uses no :{name}",
        f"params[{name}]",
        parameter=name,
        hint=None if used else "the statement uses no :name at all",
    )


def _wrong_number(statement: ParsedStatement, given: int) -> RowgateError:
    wanted = statement.positional
    doubled = "write ?? for the operator ?" if statement.cuts.optional_questions else None
    return _refusal(
        f"the statement has {wanted} ? and positional_params has {given} values",
        f"positional_params[{min(wanted, given)}]",
        hint=doubled,
    )


def _shown(name: str) -> str:
    """A name short enough for an error, whatever the caller sent."""
    return name if len(name) <= _SHOWN_NAME else f"{name[:_SHOWN_NAME]}…"
