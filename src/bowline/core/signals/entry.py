"""An indicator: its parameters with their bounds, its steps, its rule.

Nothing here computes a series (see `indicators`). `Indicator.resolve` must report every value that
is out of bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum

import msgspec

from bowline.core.numbers import exact, show
from bowline.core.signals import expressions

Value = int | float | str

#: candle columns that a formula may use
INPUTS = ("open_ns", "open", "high", "low", "close", "volume")
#: a name in warm-ups that is not a parameter: the number of candles in a UTC day
DAY = "day"
#: floats this close to a step count as on it: 0.1 * 3 is not 0.3
STEP_TOLERANCE = 1e-9


class Kind(Enum):
    """The type of a parameter's values."""

    INT = "int"
    FLOAT = "float"
    CHOICE = "choice"


class Parameter(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    rename={"kind": "type", "minimum": "min", "maximum": "max"},
):
    """A number on the grid `minimum, minimum + step, … maximum`, or one of `choices`."""

    name: str
    kind: Kind
    default: Value
    minimum: int | float | None = None
    maximum: int | float | None = None
    step: int | float | None = None
    choices: tuple[str, ...] = ()

    def allowed(self) -> str:
        """The allowed values, in words."""
        if self.kind is Kind.CHOICE:
            return f"one of {', '.join(self.choices)}"
        return f"{self.kind.value} from {self.minimum} to {self.maximum} step {self.step}"

    def take(self, raw: object) -> tuple[Value | None, str]:
        """The value to compute with, or None and what is wrong with it."""
        value = self._typed(raw)
        if value is None:
            return None, f"{self.name}: {show(raw)} has the wrong type: expected {self.allowed()}"
        if isinstance(value, str) or self._holds(value):
            return value, ""
        return None, f"{self.name}: {show(raw)} is not allowed: expected {self.allowed()}"

    def _typed(self, raw: object) -> Value | None:
        if self.kind is Kind.CHOICE:
            return raw if isinstance(raw, str) and raw in self.choices else None
        if not isinstance(raw, int | float | Decimal) or exact(raw) is None:
            return None
        if self.kind is Kind.FLOAT:
            return float(raw)
        number = float(raw) if isinstance(raw, Decimal) else raw
        return int(number) if number % 1 == 0 else None

    def _holds(self, value: float) -> bool:
        if self.minimum is None or self.maximum is None or self.step is None:
            raise AssertionError(f"numeric parameter {self.name} has no bounds")
        if not self.minimum <= value <= self.maximum:
            return False
        steps = (value - self.minimum) / self.step
        return abs(steps - round(steps)) <= STEP_TOLERANCE * max(1.0, abs(steps))


class Step(msgspec.Struct, frozen=True):
    """One call of a formula: `talib.NAME` or one of our own, with its arguments in order.

    An argument is a number, or the name of an input, an output of an earlier step, a parameter, or
    a kind of moving average. The results of all steps, in order, are the entry's outputs.
    """

    formula: str
    arguments: tuple[Value, ...]

    @property
    def text(self) -> str:
        """The call as text: `formula(argument, …)`."""
        return f"{self.formula}({', '.join(map(str, self.arguments))})"


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """The conditions for LONG and for SHORT, in the rule language; "" is never."""

    long: str = ""
    short: str = ""


class Indicator(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry.

    `warmup` is the number of candles before the first value, as a sum over parameters. `undefined`
    states for an output where it is 0/0 and so has no value. `scale` is, for an output that is a
    difference, the size of the numbers subtracted, as an expression of the rule language: relative
    to their largest value so far, one part in 10^12 is rounding. Either `rule` or `no_rule` (why
    there is none) is given.
    """

    id: str
    version: int
    title: str
    group: str
    inputs: tuple[str, ...]
    params: tuple[Parameter, ...]
    constraints: tuple[str, ...]
    outputs: tuple[str, ...]
    warmup: str
    steps: tuple[Step, ...]
    formula: str
    source: str
    rule: Rule | None = None
    no_rule: str = ""
    undefined: dict[str, Step] = msgspec.field(default_factory=dict)
    scale: dict[str, str] = msgspec.field(default_factory=dict)

    def defaults(self) -> dict[str, Value]:
        """The default value of each parameter."""
        return {each.name: each.default for each in self.params}

    def resolve(self, params: Mapping[str, object]) -> tuple[dict[str, Value], list[str]]:
        """`params` completed with defaults, and one message per mistake, stating what is allowed.

        The values may be used only if there is no message.
        """
        known = {each.name: each for each in self.params}
        problems = [
            f"{name}: no such parameter of {self.id}: expected {', '.join(known) or 'none'}"
            for name in params
            if name not in known
        ]
        values = self.defaults()
        for name, parameter in known.items():
            if name in params:
                value, problem = parameter.take(params[name])
                if value is None:
                    problems.append(problem)
                else:
                    values[name] = value
        if not problems:
            problems = [
                f"{', '.join(f'{name}={values[name]}' for name in known if name in names)}: "
                f"{self.id} needs {constraint}"
                for constraint in self.constraints
                if (names := expressions.names(expressions.parse(constraint)))
                and not expressions.calculate(expressions.parse(constraint), values)
            ]
        return values, problems
