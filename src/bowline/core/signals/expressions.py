"""The catalogue's expression language: rules, constraints and warm-ups, parsed into a tree.

There is no `eval` here and must never be: a catalogue is a file that people may edit.

1. Split the text into numbers, names and symbols; anything else is an error with its position.
2. Parse it by recursive descent:
   either := both {"or" both}        both  := test {"and" test}
   test  := sum [("<"|">"|"<="|">=") sum]    sum := product {("+"|"-") product}
   product := factor {("*"|"/") factor}
   factor  := number | name | name "(" sum {"," sum} ")" | "(" either ")" | "-" factor
3. Check that conditions and numbers are not mixed.
4. Evaluate the tree over numbers (`calculate`) or over whole columns (`evaluate`).

`prev(x)` is x one candle earlier. A comparison with a NaN or an infinity is unknown, and so is
everything built on it. Over columns, two numbers that differ by rounding only are equal: on a
constant price, an average may differ from it in the last bit, and that is no signal. Rounding is
measured relative to the two numbers and to the scales of the names compared: the difference of two
averages is compared with the price, not with 0.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bowline.core.rounding import is_negligible

Column = NDArray[np.float64]
BoolColumn = NDArray[np.bool_]

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|([A-Za-z_]\w*)|(<=|>=|[<>()+\-*/,]))")

#: longest text, in characters: the depth of brackets is the depth of recursion
MAX_CHARS = 300
#: nesting of brackets, calls and signs; digits of a number, which must fit 64 bits
MAX_DEPTH = 30
MAX_DIGITS = 15

#: candles compared at once: intermediate results stay in the processor's cache
_TILE = 8_192

FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "max": (2, np.maximum),
    "min": (2, np.minimum),
    "abs": (1, np.abs),
    "floor": (1, np.floor),
    "sqrt": (1, np.sqrt),
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
NO_SCALES: Mapping[str, Column] = {}
_WORDS = frozenset({"and", "or", "prev"})


class NumberNode(msgspec.Struct, frozen=True):
    """A literal number."""

    value: int | float


class NameNode(msgspec.Struct, frozen=True):
    """A parameter, an input or an output."""

    name: str


class PreviousNode(msgspec.Struct, frozen=True):
    """Its operand one candle earlier."""

    operand: Node


class CallNode(msgspec.Struct, frozen=True):
    """A call of one of FUNCTIONS."""

    function: str
    operands: tuple[Node, ...]


class ArithmeticNode(msgspec.Struct, frozen=True):
    """An arithmetic operation on two numbers."""

    sign: str
    left: Node
    right: Node


class ComparisonNode(msgspec.Struct, frozen=True):
    """A comparison of two numbers."""

    sign: str
    left: Node
    right: Node


class JunctionNode(msgspec.Struct, frozen=True):
    """Two conditions joined by `and` or `or`."""

    word: str
    left: Node
    right: Node


Node = (
    NumberNode | NameNode | PreviousNode | CallNode | ArithmeticNode | ComparisonNode | JunctionNode
)


class Evaluation(NamedTuple):
    """For each candle: whether the condition holds, and whether that is known."""

    holds: BoolColumn
    known: BoolColumn


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The tree of `text`; ValueError states what is wrong and where."""
    if len(text) > MAX_CHARS:
        raise ValueError(
            f"{text[:20]!r}… has {len(text)} characters: at most {MAX_CHARS} are allowed"
        )
    return _Reader(text).whole()


def is_condition(node: Node) -> bool:
    """Whether the node is a condition rather than a number."""
    return isinstance(node, ComparisonNode | JunctionNode)


def names(node: Node) -> frozenset[str]:
    """Every name in the tree."""
    return frozenset(part.name for part in _walk(node) if isinstance(part, NameNode))


def uses_prev(node: Node) -> bool:
    """Whether the tree uses `prev`."""
    return any(isinstance(part, PreviousNode) for part in _walk(node))


def calculate(node: Node, values: Mapping[str, Any]) -> Any:  # noqa: ANN401, PLR0911 - one arm a node, numbers or columns
    """The value of a tree over numbers or columns; a condition over plain numbers gives a bool."""
    match node:
        case NumberNode(value):
            return value
        case NameNode(name):
            return values[name]
        case PreviousNode(operand):
            return _shifted(calculate(operand, values))
        case CallNode(function, operands):
            return FUNCTIONS[function][1](*(calculate(each, values) for each in operands))
        case ArithmeticNode(sign, left, right):
            return _ARITHMETIC[sign](calculate(left, values), calculate(right, values))
        case ComparisonNode(sign, left, right):
            return _COMPARISONS[sign](calculate(left, values), calculate(right, values))
        case JunctionNode("and", left, right):
            return calculate(left, values) and calculate(right, values)
        case JunctionNode(_, left, right):
            return calculate(left, values) or calculate(right, values)


def evaluate(
    node: Node, values: Mapping[str, Any], length: int, scales: Mapping[str, Column] = NO_SCALES
) -> Evaluation:
    """Whether the condition `node` holds on each of `length` candles, and where that is known.

    `scales` are columns: the size of the numbers that a name's values were computed from.
    """
    if isinstance(node, JunctionNode):
        one, other = (evaluate(side, values, length, scales) for side in (node.left, node.right))
        known = one.known & other.known
        if node.word == "and":
            return Evaluation(one.holds & other.holds, known)
        return Evaluation(one.holds | other.holds, known)
    if not isinstance(node, ComparisonNode):
        raise TypeError("only a condition can be evaluated")
    with np.errstate(all="ignore"):
        left, right = (
            np.broadcast_to(np.asarray(calculate(side, values), dtype=np.float64), length)
            for side in (node.left, node.right)
        )
        scale = widest(scales, names(node))
        verdicts = Evaluation(np.empty(length, np.bool_), np.empty(length, np.bool_))
        for start in range(0, length, _TILE):
            part = slice(start, start + _TILE)
            verdicts.holds[part] = _compared(
                node.sign, left[part], right[part], None if scale is None else scale[part]
            )
            verdicts.known[part] = np.isfinite(left[part]) & np.isfinite(right[part])
    return verdicts


def widest(scales: Mapping[str, Column], names: Iterable[str]) -> Column | None:
    """The largest scale of these names, candle by candle; None if none of them has one."""
    found = [scales[name] for name in names if name in scales]
    return np.maximum.reduce(found) if found else None


def _compared(sign: str, left: Column, right: Column, scale: Column | None) -> BoolColumn:
    size = np.maximum(np.abs(left), np.abs(right))
    equal = is_negligible(left - right, size if scale is None else np.maximum(size, scale))
    holds: BoolColumn = _COMPARISONS[sign](left, right)
    return holds | equal if "=" in sign else holds & ~equal


def _shifted(column: Column) -> Column:
    earlier = np.full(len(column), np.nan)
    earlier[1:] = column[:-1]
    return earlier


def _walk(node: Node) -> Iterator[Node]:
    yield node
    match node:
        case PreviousNode(operand):
            yield from _walk(operand)
        case CallNode(_, operands):
            for each in operands:
                yield from _walk(each)
        case (
            ArithmeticNode(_, left, right)
            | ComparisonNode(_, left, right)
            | JunctionNode(_, left, right)
        ):
            yield from _walk(left)
            yield from _walk(right)


class _Reader:
    """Parses one text from left to right; used once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.at = 0
        self.depth = 0

    def whole(self) -> Node:
        node = self.junction("or")
        if self.peek():
            raise ValueError(f"{self.text!r}: did not expect {self.peek()!r}")
        return node

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        found = self.peek()
        if not found:
            raise ValueError(f"{self.text!r}: ends too early")
        self.at += 1
        return found

    def expect(self, mark: str) -> None:
        if self.peek() != mark:
            found = self.peek() or "the end"
            raise ValueError(f"{self.text!r}: expected {mark!r}, found {found!r}")
        self.at += 1

    def junction(self, word: str) -> Node:
        def part() -> Node:
            return self.junction("and") if word == "or" else self.comparison()

        node = part()
        while self.peek() == word:
            self.take()
            right = part()
            self.demand(truth=True, parts=(node, right), why=word)
            node = JunctionNode(word, node, right)
        return node

    def comparison(self) -> Node:
        left = self.chain(("+", "-"))
        if self.peek() not in _COMPARISONS:
            return left
        sign = self.take()
        right = self.chain(("+", "-"))
        self.demand(truth=False, parts=(left, right), why=sign)
        return ComparisonNode(sign, left, right)

    def chain(self, signs: tuple[str, str]) -> Node:
        def part() -> Node:
            return self.chain(("*", "/")) if "+" in signs else self.factor()

        node = part()
        while self.peek() in signs:
            sign = self.take()
            right = part()
            self.demand(truth=False, parts=(node, right), why=sign)
            node = ArithmeticNode(sign, node, right)
        return node

    def factor(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ValueError(f"{self.text!r}: nested deeper than {MAX_DEPTH} levels")
        node = self.atom()
        self.depth -= 1
        return node

    def atom(self) -> Node:
        found = self.take()
        if found == "(":
            node = self.junction("or")
            self.expect(")")
            return node
        if found == "-":
            operand = self.factor()
            self.demand(truth=False, parts=(operand,), why="-")
            return ArithmeticNode("-", NumberNode(0), operand)
        if found[0].isdigit():
            if len(found) > MAX_DIGITS:
                raise ValueError(f"{self.text!r}: {found} has more than {MAX_DIGITS} digits")
            return NumberNode(float(found) if "." in found else int(found))
        if not (found[0].isalpha() or found[0] == "_"):
            raise ValueError(f"{self.text!r}: expected a name or a number, found {found!r}")
        return self.call(found) if self.peek() == "(" else self.plain_name(found)

    def plain_name(self, found: str) -> NameNode:
        if found in _WORDS or found in FUNCTIONS:
            raise ValueError(f"{self.text!r}: {found!r} cannot stand alone")
        return NameNode(found)

    def call(self, function: str) -> Node:
        self.expect("(")
        operands = [self.chain(("+", "-"))]
        while self.peek() == ",":
            self.take()
            operands.append(self.chain(("+", "-")))
        self.expect(")")
        self.demand(truth=False, parts=tuple(operands), why=function)
        wanted = 1 if function == "prev" else FUNCTIONS.get(function, (0,))[0]
        if wanted == 0:
            known = ", ".join(["prev", *FUNCTIONS])
            raise ValueError(f"{self.text!r}: unknown function {function!r}: expected {known}")
        if len(operands) != wanted:
            raise ValueError(f"{self.text!r}: {function} takes {wanted}, got {len(operands)}")
        return (
            PreviousNode(operands[0]) if function == "prev" else CallNode(function, tuple(operands))
        )

    def demand(self, *, truth: bool, parts: tuple[Node, ...], why: str) -> None:
        if any(is_condition(part) is not truth for part in parts):
            kind = "comparisons" if truth else "numbers"
            raise ValueError(f"{self.text!r}: {why!r} takes {kind}")


def _tokens(text: str) -> list[str]:
    tokens, at, end = [], 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"{text!r}: cannot read {text[at:].strip()!r}")
        tokens.append(found.group().strip())
        at = found.end()
    return tokens
