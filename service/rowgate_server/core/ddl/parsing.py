"""An expression's tree: of what several engines have in common, and mean the same by.

What is read is comparisons, logic and arithmetic, IN, BETWEEN, IS, casts and calls; all else is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rowgate_server.core.ddl.expressions import TOKENS, checked, refused, text_of, unquoted
from rowgate_server.engines.dialects import Dialect


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal: `kind` is number, text, bytes, bool or null; numbers and bytes are as written, the latter in hex."""

    kind: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Name:
    """A column, or a word such as CURRENT_DATE."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A function's."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Cast:
    """PostgreSQL's `operand::type`."""

    operand: Node
    type: str


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator with its operands.

    Of `in` and `between` the first is what is looked for; `not` and `-` have one, `and` and `or` any number.
    """

    operator: str
    operands: tuple[Node, ...]
    negated: bool = False


Node = Literal | Name | Call | Cast | Operation

_COMPARISONS = {"=": "=", "==": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=", "<=>": "<=>"}
_NOT_THE_SAME = "the expression has something in it that is not known to mean the same on another engine"
_CAST_TYPE = re.compile(
    r"\s*((?:double precision|character varying|(?:time|timestamp)(?:\(\d\))? with(?:out)? time zone|bit varying"
    r'|(?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))?)(?:\s*\(\d+(?:,\s*-?\d+)?\))?(?:\[\])*)',
    re.IGNORECASE,
)


def parsed(text: str, source: Dialect, field: str) -> Node:
    """The expression's tree. Whoever has it read, and goes down it, does so `within_depth`.

    Raises:
        RowgateError: INVALID_REQUEST for what is no expression, or has more in it than what engines have in common.
    """
    return _Parser(checked(text, source, field), source, field).whole()


@contextmanager
def within_depth(field: str) -> Iterator[None]:
    """Where an expression is gone down, as deep as Python goes.

    Raises:
        RowgateError: INVALID_REQUEST for one that is nested deeper.
    """
    try:
        yield
    except RecursionError:
        raise refused("the expression is nested too deeply", field) from None


class _Parser:
    def __init__(self, text: str, source: Dialect, field: str) -> None:
        self._text, self._source, self._field = text, source, field
        self._at = 0
        self._kind = self._written = self._word = ""
        self._next()

    def whole(self) -> Node:
        found = self._any()
        if self._written:
            raise self._refused()
        return found

    def _any(self) -> Node:
        """An operand of OR or anything that binds tighter."""
        return self._several("or", self._all)

    def _all(self) -> Node:
        return self._several("and", self._not)

    def _several(self, word: str, operand: Callable[[], Node]) -> Node:
        """However many there are: as a tree of twos a long list of alternatives would be a deep one."""
        found = [operand()]
        while self._takes(word):
            found.append(operand())
        return found[0] if len(found) == 1 else Operation(word, tuple(found))

    def _not(self) -> Node:
        return Operation("not", (self._not(),)) if self._takes("not") else self._comparison()

    def _comparison(self) -> Node:
        """One: engines read `a = b = c` differently, so it is refused where it would go on."""
        left = self._sum()
        if self._kind == "operator" and (operator := _COMPARISONS.get(self._written)):
            self._next()
            if self._word in ("any", "all"):
                return self._array(left, operator)
            return Operation(operator, (left, self._sum()))
        if self._takes("is"):
            return self._is(left)
        negated = self._takes("not")
        if self._takes("in"):
            self._expect("(")
            return Operation("in", (left, *self._list(")")), negated)
        if self._takes("between"):
            low = self._sum()
            if not self._takes("and"):
                raise self._refused()
            return Operation("between", (left, low, self._sum()), negated)
        if negated:
            raise self._refused()
        return left

    def _is(self, left: Node) -> Node:
        negated = self._takes("not")
        if self._takes("distinct"):
            if not self._takes("from"):
                raise self._refused()
            return Operation("<=>", (left, self._sum()), not negated)
        right = self._primary()
        if not isinstance(right, Literal) or right.kind not in ("null", "bool"):
            raise self._refused()
        return Operation("is", (left, right), negated)

    def _array(self, left: Node, operator: str) -> Node:
        """How PostgreSQL tells IN and NOT IN."""
        if (operator, self._word) not in (("=", "any"), ("<>", "all")):
            raise self._refused()
        self._next()
        self._expect("(")
        array = self._sum()
        self._expect(")")
        while isinstance(array, Cast) and array.type.endswith("[]"):
            array = array.operand
        if not isinstance(array, Call) or array.name != "array":
            raise self._refused()
        return Operation("in", (left, *array.arguments), operator == "<>")

    def _sum(self) -> Node:
        found = self._product()
        while self._kind == "operator" and self._written in ("+", "-", "||"):
            operator = self._written
            self._next()
            found = Operation(operator, (found, self._product()))
        return found

    def _product(self) -> Node:
        found = self._signed()
        while (self._kind == "operator" and self._written in ("*", "%")) or self._is_modulo():
            operator = "*" if self._written == "*" else "%"
            self._next()
            found = Operation(operator, (found, self._signed()))
        return found

    def _is_modulo(self) -> bool:
        """Whether it is the word that MariaDB has for the sign."""
        return self._word == "mod" and self._source is Dialect.MYSQL

    def _signed(self) -> Node:
        sign = self._written if self._kind == "operator" and self._written in ("-", "+") else ""
        if sign:
            self._next()
        found = self._primary()
        while self._kind == "cast":
            kind = _CAST_TYPE.match(self._text, self._at)
            if kind is None:
                raise self._refused()
            self._at = kind.end()
            found = Cast(found, " ".join(kind[1].lower().split()))
            self._next()
        return Operation("-", (found,)) if sign == "-" else found

    def _primary(self) -> Node:
        kind, written = self._kind, self._written
        if kind == "operator" and written == "!" and self._source is Dialect.MYSQL:
            self._next()
            return Operation("not", (self._primary(),))
        self._next()
        if kind == "operator" and written == "(":
            found = self._any()
            self._expect(")")
            return found
        if kind == "number" and written[:2].lower() != "0x":
            return Literal("number", written)
        if kind == "string":
            return self._string(written)
        if kind == "name":
            return Name(unquoted(written), quoted=True)
        if kind == "word":
            return self._called(written)
        raise self._refused()

    def _called(self, word: str) -> Node:
        lower = word.lower()
        if lower in ("true", "false"):
            return Literal("bool", lower)
        if lower == "null":
            return Literal("null")
        if lower == "array" and self._written == "[":
            self._next()
            return Call("array", self._list("]"))
        if self._written != "(":
            return Name(word)
        self._next()
        return Call(lower, self._list(")"))

    def _string(self, written: str) -> Literal:
        text = text_of(written, self._source)
        if text is not None:
            return Literal("text", text)
        digits = written[2:-1]
        if written[0] in "bB" and digits and not set(digits) - {"0", "1"}:
            return Literal("number", str(int(digits, 2)))
        if written[0] in "xX" and re.fullmatch(r"(?:[0-9a-fA-F]{2})*", digits):
            return Literal("bytes", digits.lower())
        raise self._refused()

    def _list(self, closing: str) -> tuple[Node, ...]:
        members: list[Node] = []
        while self._written != closing:
            members.append(self._any())
            if self._written != ",":
                break
            self._next()
        self._expect(closing)
        return tuple(members)

    def _takes(self, word: str) -> bool:
        if self._word != word:
            return False
        self._next()
        return True

    def _expect(self, token: str) -> None:
        if self._written != token or self._kind != "operator":
            raise self._refused()
        self._next()

    def _next(self) -> None:
        """Go on to the next token; its kind and text are empty at the end."""
        while found := TOKENS[self._source].match(self._text, self._at):
            self._at = found.end()
            if found.lastgroup != "space":
                self._kind, self._written = found.lastgroup or "", found[0]
                self._word = found[0].lower() if self._kind == "word" else ""
                return
        self._kind = self._written = self._word = ""

    def _refused(self) -> Exception:
        return refused(_NOT_THE_SAME, self._field)
