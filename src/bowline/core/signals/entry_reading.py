"""Reads catalogue entries from a parsed YAML document, reporting every mistake.

It must never guess or repair.

1. Read every entry field by field; a field of the wrong type is a mistake and stays empty.
2. Parse the texts of parameters, constraints, warm-up and rule.
3. Check the names in them: outputs, parameters and inputs must not share a name, a step uses what
   was computed before it, a constraint and a warm-up use parameters only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bowline.core.document_reader import DocumentReader
from bowline.core.numbers import show
from bowline.core.signals import expressions, ta_lib
from bowline.core.signals.entry import DAY, INPUTS, Indicator, Kind, Parameter, Rule, Step
from bowline.core.signals.formulas import FORMULAS
from bowline.core.signals.formulas.undefined import GUARDS

GROUPS = (
    "average", "cross", "channel", "trend", "momentum", "volatility", "volume",
    "price", "statistics", "cycle", "pattern",
)  # fmt: skip

_ID = re.compile(r"[a-z][a-z0-9_]*")
_NUMBER = r"-?\d+(?:\.\d+)?"
_NUMERIC = re.compile(rf"(int|float) ({_NUMBER}) from ({_NUMBER}) to ({_NUMBER}) step ({_NUMBER})")
_CHOICE = re.compile(r"choice (\w+) of (\w+(?:, \w+)*)")
_PARAMETER_FORM = "'int 14 from 2 to 200 step 1', 'float …' or 'choice sma of sma, ema'"

_OPTIONAL = ("constraints", "params", "rule", "no_rule", "undefined", "scale")
_FIELDS = (
    "id", "version", "title", "group", "inputs", "params", "constraints", "outputs", "warmup",
    "compute", "formula", "source", "rule", "no_rule", "undefined", "scale",
)  # fmt: skip


def read_entries(raw: Mapping[str, object]) -> tuple[list[Indicator], list[str]]:
    """The entries of `{"indicators": […]}`, and one line per mistake with the path of its field."""
    listed = raw.get("indicators")
    if not isinstance(listed, list):
        return [], ["indicators: expected a list of entries"]
    entries: list[Indicator] = []
    problems: list[str] = []
    seen: set[str] = set()
    for number, each in enumerate(listed):
        where = f"indicators[{number}]"
        if not isinstance(each, Mapping):
            problems.append(f"{where}: expected an entry with id, title, …")
            continue
        reader = _EntryReader(f"{where} ({each.get('id')})", each)
        entry = reader.entry()
        if entry.id in seen:
            reader.add_problem("id", "is used by an earlier entry")
        seen.add(entry.id)
        entries.append(entry)
        problems.extend(reader.doc.problems)
    return entries, problems


class _EntryReader:
    """Reads one entry; used once."""

    def __init__(self, where: str, raw: Mapping[str, Any]) -> None:
        self.where = where
        self.raw = raw
        self.doc = DocumentReader("the catalogue")

    def add_problem(self, field: str, what: str) -> None:
        self.doc.problem(f"{self.where}.{field}", what)

    def entry(self) -> Indicator:
        self.doc.check_names(self.where, self.raw, _FIELDS)
        entry = Indicator(
            id=self.identifier(),
            version=self.version(),
            params=self.params(),
            steps=self.steps(),
            rule=self.rule(),
            no_rule=self.text("no_rule"),
            title=self.text("title"),
            group=self.text("group"),
            warmup=self.text("warmup"),
            formula=self.text("formula"),
            source=self.text("source"),
            inputs=self.words("inputs"),
            outputs=self.words("outputs"),
            constraints=self.words("constraints"),
            undefined=self.undefined(),
            scale=self.scale(),
        )
        self.check_names(entry)
        self.check_expressions(entry)
        return entry

    def identifier(self) -> str:
        value = self.raw.get("id")
        if isinstance(value, str) and _ID.fullmatch(value):
            return value
        self.add_problem("id", f"{show(value)} is not an id: expected small letters, digits and _")
        return ""

    def version(self) -> int:
        value = self.raw.get("version")
        if type(value) is int and value >= 1:
            return value
        self.add_problem("version", f"{show(value)} is not a version: expected 1, 2, …")
        return 0

    def text(self, name: str) -> str:
        value = self.raw.get(name, "" if name in _OPTIONAL else None)
        # a warm-up of 20 is a number in YAML
        if name == "warmup" and type(value) is int:
            return str(value)
        if not isinstance(value, str) or (not value and name not in _OPTIONAL):
            self.add_problem(name, f"{show(value)} is not a text")
            return ""
        if name == "group" and value not in GROUPS:
            self.add_problem(
                name, f"{show(value)} is not a group: expected one of {', '.join(GROUPS)}"
            )
        if name == "source" and "://" not in value and not value.startswith("book: "):
            self.add_problem(name, f"{show(value)} is neither an address nor 'book: …'")
        return value.strip()

    def words(self, name: str) -> tuple[str, ...]:
        value = self.raw.get(name, [] if name in _OPTIONAL else None)
        texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
        if texts and (value or name in _OPTIONAL):
            return tuple(value)
        self.add_problem(name, f"{show(value)} is not a list of texts")
        return ()

    def params(self) -> tuple[Parameter, ...]:
        value = self.raw.get("params", {})
        if not isinstance(value, Mapping):
            self.add_problem("params", "expected a mapping of name to parameter")
            return ()
        read = [self.parameter(str(name), text) for name, text in value.items()]
        return tuple(each for each in read if each is not None)

    def parameter(self, name: str, text: object) -> Parameter | None:
        found = _read_parameter(name, text) if isinstance(text, str) else None
        if found is None:
            self.add_problem(
                f"params.{name}", f"cannot read {show(text)}: expected {_PARAMETER_FORM}"
            )
            return None
        if found.minimum is not None and found.maximum is not None:
            if found.minimum > found.maximum:
                self.add_problem(
                    f"params.{name}.min", f"{found.minimum} is above max {found.maximum}"
                )
                return found
            if not found.step or found.step < 0:
                self.add_problem(f"params.{name}.step", f"{found.step} is not above 0")
                return found
        problem = found.take(found.default)[1]
        if problem:
            self.add_problem(f"params.{name}.default", problem)
        return found

    def steps(self) -> tuple[Step, ...]:
        value = self.raw.get("compute")
        if not isinstance(value, list) or not value:
            self.add_problem("compute", "expected a list of [formula, argument, …]")
            return ()
        read = [self.step(f"compute[{at}]", each, _exists) for at, each in enumerate(value)]
        return tuple(each for each in read if each is not None)

    def step(self, field: str, raw: object, exists: Callable[[str], bool]) -> Step | None:
        if not isinstance(raw, list) or not raw or not all(_is_value(part) for part in raw):
            self.add_problem(field, "expected [formula, argument, …]")
            return None
        if not exists(str(raw[0])):
            self.add_problem(field, f"{raw[0]!r} is not a formula")
        return Step(str(raw[0]), tuple(raw[1:]))

    def by_output(self, field: str) -> Mapping[str, Any]:
        """A mapping of outputs to values, or one value for all outputs."""
        value = self.raw.get(field, {})
        outputs = self.raw.get("outputs")
        outputs = outputs if isinstance(outputs, list) else []
        if not isinstance(value, Mapping):
            return dict.fromkeys(map(str, outputs), value)
        for name in value:
            if name not in outputs:
                self.add_problem(field, f"{name!r} is not an output")
        return value

    def undefined(self) -> dict[str, Step]:
        read = {
            name: self.step(f"undefined.{name}", each, GUARDS.__contains__)
            for name, each in self.by_output("undefined").items()
        }
        return {name: each for name, each in read.items() if each is not None}

    def scale(self) -> dict[str, str]:
        return {name: str(each) for name, each in self.by_output("scale").items()}

    def rule(self) -> Rule | None:
        value = self.raw.get("rule")
        if value is None:
            if not self.raw.get("no_rule"):
                self.add_problem("rule", "expected a rule, or no_rule with the reason")
            return None
        if self.raw.get("no_rule"):
            self.add_problem("no_rule", "there is a rule already: expected one of the two")
        sides = value if isinstance(value, Mapping) else {}
        if not sides or set(sides) - {"long", "short"}:
            self.add_problem("rule", f"{show(value)} is not a rule: expected long and short")
            return None
        return Rule(str(sides.get("long", "")), str(sides.get("short", "")))

    def check_names(self, entry: Indicator) -> None:
        params = [each.name for each in entry.params]
        for name in (*params, *entry.outputs):
            if not _ID.fullmatch(name):
                self.add_problem(name, "is not a name: expected small letters, digits and _")
            if (name in INPUTS) + params.count(name) + entry.outputs.count(name) > 1:
                self.add_problem(name, "is used twice among inputs, parameters and outputs")
        for name in entry.inputs:
            if name not in INPUTS:
                self.add_problem(
                    "inputs", f"{name!r} is not an input: expected {', '.join(INPUTS)}"
                )
        known = {*entry.inputs, *params, *entry.outputs, *ta_lib.AVERAGES}
        used: set[str] = set()
        steps = {f"compute[{number}]": step for number, step in enumerate(entry.steps)}
        steps |= {f"undefined.{name}": step for name, step in entry.undefined.items()}
        for field, step in steps.items():
            texts = {each for each in step.arguments if isinstance(each, str)}
            used |= texts
            for name in sorted(texts - known):
                self.add_problem(field, f"{name!r} is not an input, output or parameter")
        for name in entry.inputs:
            if name not in used and name not in self.rule_names(entry):
                self.add_problem("inputs", f"{name!r} is not used")

    def rule_names(self, entry: Indicator) -> frozenset[str]:
        rule = entry.rule
        texts = [side for side in (rule.long, rule.short) if side] if rule else []
        trees = [tree for side in texts if (tree := self.tree("rule", side, truth=True))]
        return frozenset().union(*(expressions.names(tree) for tree in trees))

    def check_expressions(self, entry: Indicator) -> None:
        params = {each.name for each in entry.params}
        for text in entry.constraints:
            self.check("constraints", text, known=params, truth=True)
        if entry.warmup:
            self.check("warmup", entry.warmup, known={*params, DAY}, truth=False)
        known = {*params, *entry.inputs, *entry.outputs}
        for name, text in entry.scale.items():
            self.check(f"scale.{name}", text, known=known, truth=False)
        if entry.rule is not None:
            for side in ("long", "short"):
                text = getattr(entry.rule, side)
                if text:
                    self.check(f"rule.{side}", text, known=known, truth=True)
            if not self.rule_names(entry) & {*entry.outputs}:
                self.add_problem("rule", "does not use any output")

    def check(self, field: str, text: str, *, known: set[str], truth: bool) -> None:
        tree = self.tree(field, text, truth=truth)
        if tree is None:
            return
        for name in sorted(expressions.names(tree) - known):
            self.add_problem(
                field, f"{name!r} is not available here: expected {', '.join(sorted(known))}"
            )
        if expressions.uses_prev(tree) and not field.startswith("rule"):
            self.add_problem(field, "prev() is allowed in rules only")

    def tree(self, field: str, text: str, *, truth: bool) -> expressions.Node | None:
        try:
            tree = expressions.parse(text)
        except ValueError as error:
            problem = f"{self.where}.{field}: {error}"
            # the rule is parsed twice: once for its names, once for its structure
            if problem not in self.doc.problems and field != "rule":
                self.doc.problems.append(problem)
            return None
        if expressions.is_condition(tree) is not truth:
            self.add_problem(field, f"{text!r} must be a {'comparison' if truth else 'number'}")
            return None
        return tree


def _read_parameter(name: str, text: str) -> Parameter | None:
    found = _NUMERIC.fullmatch(text)
    if found:
        kind = Kind(found[1])
        number: type[int | float] = int if kind is Kind.INT else float
        try:
            default, least, most, step = (number(found[at]) for at in (2, 3, 4, 5))
        except ValueError:
            return None
        return Parameter(name, kind, default, least, most, step)
    found = _CHOICE.fullmatch(text)
    if found:
        return Parameter(name, Kind.CHOICE, found[1], choices=tuple(found[2].split(", ")))
    return None


def _is_value(part: object) -> bool:
    return isinstance(part, int | float | str) and not isinstance(part, bool)


def _exists(formula: str) -> bool:
    library, _, name = formula.rpartition(".")
    return ta_lib.has(name) if library == "talib" else formula in FORMULAS
