"""From what a person wrote (plain values, already parsed) to a StrategySpec, every mistake found.

It must never guess or repair: what is not as it should be becomes one line with the path of its
field, what was found and what is allowed; and one BadInput carries all of them.

1. Each section is read by itself; an unknown key is a mistake and gets the closest known one.
2. Every number is in a typed unit (`_pct` is percent: 1.5 is 1.5 %) with hard bounds.
3. Indicators and plugins are looked up, their parameters checked and filled up with defaults.
   A version or code hash written in the spec must be the one there is: changed code would be
   another strategy under an old name.
4. Equal rules are a mistake; the rest are sorted, since all of them must agree in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from typing import Any, NamedTuple, TypeVar

import msgspec

from bowline.core.errors import BadInput, NotFound
from bowline.core.model.instrument import InstrumentId, market_by_id, market_by_name
from bowline.core.model.policy import (
    AllIn,
    DirectionMode,
    Fills,
    FirstSignal,
    FixedQuote,
    Margin,
    ProfitLock,
    RiskPct,
    Sizing,
    Stops,
    StrategyCompound,
)  # fmt: skip
from bowline.core.model.values import Timeframe
from bowline.core.numbers import exact, show
from bowline.core.signals.catalogue import Catalogue, Value
from bowline.core.signals.spec import (
    LEVERAGED_KIND,
    SPEC_VERSION,
    IndicatorUse,
    Params,
    PluginUse,
    SpecCosts,
    SpecLimits,
    StrategySpec,
    plain_decimal,
)  # fmt: skip
from bowline.core.signals.strategy import Strategies
from bowline.core.symbols import symbol_of

MAX_INDICATORS = 16
#: digits after the point that any number here may have
MAX_PLACES = 12

Entry = TypeVar("Entry")
Choice = TypeVar("Choice", bound=Enum)
#: parameters filled up with defaults, and one message a mistake
Resolve = Callable[[Mapping[str, object]], tuple[dict[str, Value], list[str]]]

_GUIDE = "every field is described in docs/reference/spec.md"
_FIELDS = (
    "version", "timeframe", "instrument", "direction", "indicators", "strategy", "stops",
    "sizing", "costs", "limits", "fills", "funding", "margin", "first_signal",
)  # fmt: skip
#: names at least this much alike are suggested
_ALIKE = 0.5


class Bounds(NamedTuple):
    """What a number may be; `above` and `below` are themselves not allowed."""

    words: str
    least: Decimal | None = None
    above: Decimal | None = None
    most: Decimal | None = None
    below: Decimal | None = None

    def holds(self, value: Decimal) -> bool:
        """Whether `value` is within."""
        return not (
            (self.least is not None and value < self.least)
            or (self.above is not None and value <= self.above)
            or (self.most is not None and value > self.most)
            or (self.below is not None and value >= self.below)
        )


_0, _5, _100 = Decimal(0), Decimal(5), Decimal(100)
_TP_MOST = Decimal(1000)
_MONEY_MOST = Decimal(10) ** 12

STOP_LOSS = Bounds("a percentage above 0 and below 100", above=_0, below=_100)
TAKE_PROFIT = Bounds("a percentage above 0 and up to 1000", above=_0, most=_TP_MOST)
SHORT_TAKE_PROFIT = Bounds(
    "a percentage above 0 and below 100: a short can gain no more", above=_0, below=_100
)
COST = Bounds("a percentage from 0 to 5", least=_0, most=_5)
SHARE = Bounds("a percentage from 0 to 100", least=_0, most=_100)
MONEY = Bounds("an amount of quote money above 0 and up to 10^12", above=_0, most=_MONEY_MOST)
CANDLES = Bounds("a whole number of candles from 0 to 100000", least=_0, most=Decimal(100_000))

RISK = Bounds("a percentage above 0 and up to 100", above=_0, most=_100)
LEVERAGE = Bounds("a number from 1 to 125", least=Decimal(1), most=Decimal(125))
MAINTENANCE = Bounds("a percentage from 0 to 50", least=_0, most=Decimal(50))
#: what the larger venues ask for in their lowest tier
_USUAL_MAINTENANCE = Decimal("0.5")

_MODES: dict[str, type[AllIn | FixedQuote | StrategyCompound | ProfitLock | RiskPct]] = {
    "all_in": AllIn,
    "fixed_quote": FixedQuote,
    "strategy_compound": StrategyCompound,
    "strategy_compound_profit_lock": ProfitLock,
    "risk_pct": RiskPct,
}
_SIZING_BOUNDS = {
    "quote": MONEY, "budget_quote": MONEY, "safe_profit_pct": SHARE, "risk_pct": RISK,
}  # fmt: skip


def parse_spec(
    raw: Mapping[str, Any], catalogue: Catalogue, strategies: Strategies
) -> StrategySpec:
    """The spec that `raw` describes.

    Raises BadInput with one problem a mistake, each with the path of its field, what was found
    and what is allowed.
    """
    reader = _Reader(catalogue, strategies)
    spec = reader.spec(raw)
    if reader.problems or spec is None:
        count = len(reader.problems)
        raise BadInput(
            f"the spec has {count} mistake{'s' if count > 1 else ''}",
            problems=tuple(reader.problems),
            hint=_GUIDE,
        )
    return spec


class _Reader:
    """Reads one spec; used once. `problems` grows as it goes."""

    def __init__(self, catalogue: Catalogue, strategies: Strategies) -> None:
        self.catalogue = catalogue
        self.strategies = strategies
        self.problems: list[str] = []

    def wrong(self, path: str, what: str) -> None:
        self.problems.append(f"{path}: {what}")

    def spec(self, raw: object) -> StrategySpec | None:
        """None where a part without which there is no spec is wrong; there is a problem then."""
        fields = self._section("the spec", raw, _FIELDS)
        if fields is None:
            return None
        self._version(fields)
        timeframe = self._one_of("timeframe", fields.get("timeframe"), Timeframe)
        direction = self._one_of("direction", fields.get("direction"), DirectionMode)
        instrument = self._instrument(fields.get("instrument"))
        rules = self._rules(fields)
        sizing = self._sizing(fields.get("sizing"))
        stops = self._stops(fields.get("stops"), direction, sizing)
        costs = self._costs(fields.get("costs"))
        limits = self._limits(fields.get("limits"))
        fills = self._choice("fills", fields.get("fills"), Fills.CLOSE)
        funding = self._truth("funding", fields.get("funding"))
        margin = self._margin(fields.get("margin"), instrument)
        first = self._choice("first_signal", fields.get("first_signal"), FirstSignal.WAIT)
        if timeframe is None or direction is None or rules is None or sizing is None:
            return None
        return StrategySpec(
            timeframe, direction, rules, sizing, stops, costs, limits, instrument, fills, funding,
            margin, first,
        )  # fmt: skip

    # --- the parts ----------------------------------------------------------------------------

    def _version(self, fields: Mapping[str, Any]) -> None:
        found = fields.get("version")
        if exact(found) != SPEC_VERSION:
            self.wrong("version", f"{show(found)}: expected {SPEC_VERSION}")

    def _instrument(self, raw: object) -> InstrumentId | None:
        if raw is None:
            return None
        fields = self._section("instrument", raw, ("market", "symbol"))
        if fields is None:
            return None
        market, symbol = fields.get("market"), fields.get("symbol")
        market_id = None
        try:
            market_id = market_by_name(str(market)).market_id
        except ValueError as error:
            allowed = str(error).partition(": ")[2]
            self.wrong("instrument.market", f"{show(market)} is not a market: {allowed}")
        near = _symbol(symbol)
        if not near or near != symbol:
            meant = f"did you mean {near}?" if near else "such as BTCUSDT"
            self.wrong(
                "instrument.symbol",
                f"{show(symbol)} is not a symbol: expected the venue's own in capitals, {meant}",
            )
            return None
        return None if market_id is None else InstrumentId(market_id, symbol)

    def _stops(self, raw: object, direction: DirectionMode | None, sizing: Sizing | None) -> Stops:
        fields = self._section("stops", raw, ("sl_pct", "tp_pct")) or {}
        if isinstance(sizing, RiskPct) and fields.get("sl_pct") is None:
            self.wrong("stops.sl_pct", "missing: sizing by risk_pct is by the loss at the stop")
        gain = SHORT_TAKE_PROFIT if direction is DirectionMode.SHORT_ONLY else TAKE_PROFIT
        return Stops(
            self._number("stops.sl_pct", fields.get("sl_pct"), STOP_LOSS),
            self._number("stops.tp_pct", fields.get("tp_pct"), gain),
        )

    def _margin(self, raw: object, instrument: InstrumentId | None) -> Margin | None:
        """What is lent; leverage 1 is nothing, as if it were not written."""
        fields = self._section("margin", raw, ("leverage", "maintenance_pct")) or {}
        leverage = self._number("margin.leverage", fields.get("leverage"), LEVERAGE)
        path = "margin.maintenance_pct"
        kept = self._number(path, fields.get("maintenance_pct"), MAINTENANCE)
        if leverage is None or leverage <= 1:
            if kept is not None:
                self.wrong(path, "is for a leverage above 1: expected margin.leverage beside it")
            return None
        kept = _USUAL_MAINTENANCE if kept is None else kept
        if kept * leverage >= _100:
            most = f"less than {_100 / leverage:.4g}, the margin of an entry at that leverage"
            self.wrong(path, f"{show(kept)} at leverage {show(leverage)}: expected {most}")
        if instrument is not None and market_by_id(instrument.market_id).kind != LEVERAGED_KIND:
            market = market_by_id(instrument.market_id).name
            self.wrong("margin", f"{market} has no leverage: only perpetuals have")
        return Margin(leverage, kept)

    def _costs(self, raw: object) -> SpecCosts:
        fields = self._section("costs", raw, ("fee_pct", "slippage_pct")) or {}
        return SpecCosts(
            self._number("costs.fee_pct", fields.get("fee_pct"), COST),
            self._number("costs.slippage_pct", fields.get("slippage_pct"), COST),
        )

    def _limits(self, raw: object) -> SpecLimits:
        fields = self._section("limits", raw, ("daily_loss_pct", "cooldown_candles")) or {}
        loss = self._number("limits.daily_loss_pct", fields.get("daily_loss_pct"), SHARE)
        path = "limits.cooldown_candles"
        candles = self._number(path, fields.get("cooldown_candles"), CANDLES)
        if candles is not None and candles % 1:
            self.wrong(path, f"{show(candles)} is not {CANDLES.words}")
        return SpecLimits(loss, None if candles is None else int(candles))

    def _sizing(self, raw: object) -> Sizing | None:
        if raw is None:
            self.wrong("sizing", f"missing: expected a mode, one of {', '.join(_MODES)}")
            return None
        if not isinstance(raw, Mapping):
            self.wrong("sizing", f"{show(raw)} is not a mapping: write {{mode: all_in}}")
            return None
        mode = raw.get("mode")
        if not isinstance(mode, str) or mode not in _MODES:
            self._no_choice("sizing.mode", mode, list(_MODES))
            return None
        return self._sized(mode, raw)

    def _sized(self, mode: str, raw: Mapping[str, Any]) -> Sizing | None:
        wanted = msgspec.structs.fields(_MODES[mode])
        fields = self._section("sizing", raw, ("mode", *(each.name for each in wanted))) or {}
        numbers: dict[str, Decimal | None] = {}
        for each in wanted:
            path, bounds = f"sizing.{each.name}", _SIZING_BOUNDS[each.name]
            numbers[each.name] = self._number(path, fields.get(each.name), bounds)
            if each.required and fields.get(each.name) is None:
                self.wrong(path, f"missing: expected {bounds.words}")
        if any(each.required and numbers[each.name] is None for each in wanted):
            return None
        return msgspec.convert(numbers | {"mode": mode}, _MODES[mode])

    # --- what has the opinion -----------------------------------------------------------------

    def _rules(self, fields: Mapping[str, Any]) -> tuple[IndicatorUse, ...] | PluginUse | None:
        indicators, plugin = fields.get("indicators"), fields.get("strategy")
        if (indicators is None) is (plugin is None):
            found = "missing" if plugin is None else "both are there"
            self.wrong("indicators", f"{found}: expected either indicators or a strategy")
            return None
        if plugin is not None:
            return self._plugin(plugin)
        if isinstance(indicators, str) or not isinstance(indicators, Sequence) or not indicators:
            self.wrong("indicators", f"{show(indicators)}: expected a list such as - id: sma_cross")
            return None
        if len(indicators) > MAX_INDICATORS:
            self.wrong("indicators", f"{len(indicators)} of them: at most {MAX_INDICATORS}")
            return None
        uses: list[IndicatorUse] = []
        for number, each in enumerate(indicators):
            use = self._indicator(f"indicators[{number}]", each)
            if use is not None and use in uses:
                self.wrong(f"indicators[{number}]", "is there already, with the same parameters")
            elif use is not None:
                uses.append(use)
        return tuple(sorted(uses, key=msgspec.json.encode))

    def _indicator(self, path: str, raw: object) -> IndicatorUse | None:
        fields = self._section(path, raw, ("id", "version", "params"))
        entry = None
        if fields is not None:
            entry = self._looked_up(path, fields.get("id"), self.catalogue.get)
        if fields is None or entry is None:
            return None
        if entry.rule is None:
            self.wrong(f"{path}.id", f"{entry.id} gives no signal, because it {entry.no_rule}")
        self._pinned(path, fields.get("version"), entry.version, entry.id)
        params = self._params(path, fields.get("params"), entry.resolve)
        return None if params is None else IndicatorUse(entry.id, entry.version, params)

    def _plugin(self, raw: object) -> PluginUse | None:
        fields = self._section("strategy", raw, ("id", "version", "code", "params"))
        entry = None
        if fields is not None:
            entry = self._looked_up("strategy", fields.get("id"), self.strategies.get)
        if fields is None or entry is None:
            return None
        plugin = entry.strategy
        self._pinned("strategy", fields.get("version"), plugin.version, plugin.id)
        code = fields.get("code")
        if code is not None and code != entry.code:
            self.wrong(
                "strategy.code",
                f"{show(code)}: the code of {plugin.id} is now {entry.code[:12]}…, and changed "
                "code is another strategy: leave code out to use it as it is now",
            )
        params = self._params("strategy", fields.get("params"), entry.resolve)
        return None if params is None else PluginUse(plugin.id, plugin.version, entry.code, params)

    def _looked_up(self, path: str, found: object, get: Callable[[str], Entry]) -> Entry | None:
        if not isinstance(found, str):
            self.wrong(f"{path}.id", f"{show(found)}: expected a name")
            return None
        try:
            return get(found)
        except NotFound as error:
            self.wrong(f"{path}.id", f"{error.message}: {error.hint}")
            return None

    def _pinned(self, path: str, found: object, current: int, name: str) -> None:
        if found is not None and exact(found) != current:
            self.wrong(
                f"{path}.version",
                f"{show(found)}: {name} is at version {current}, and a changed one is another "
                "strategy: leave version out to use it as it is now",
            )

    def _params(self, path: str, raw: object, resolve: Resolve) -> Params | None:
        given = {} if raw is None else self._mapping(f"{path}.params", raw)
        if given is None:
            return None
        plain = {str(name): _plain(value) for name, value in given.items()}
        odd = [name for name, value in plain.items() if value is None]
        for name in odd:
            self.wrong(f"{path}.params.{name}", f"{show(given[name])}: expected one value")
        values, problems = resolve({name: plain[name] for name in plain if name not in odd})
        self.problems += [f"{path}.params.{problem}" for problem in problems]
        return None if odd or problems else tuple(values.items())

    # --- the smallest parts -------------------------------------------------------------------

    def _mapping(self, path: str, raw: object) -> Mapping[str, Any] | None:
        if isinstance(raw, Mapping):
            return raw
        self.wrong(path, f"{show(raw)} is not a mapping of names to values")
        return None

    def _section(self, path: str, raw: object, known: Sequence[str]) -> Mapping[str, Any] | None:
        """The mapping at `path`, nothing for nothing; each key that is not known is a problem."""
        fields = {} if raw is None else self._mapping(path, raw)
        for name in fields or ():
            if name not in known:
                near = get_close_matches(str(name), known, n=1, cutoff=_ALIKE)
                meant = f"did you mean {near[0]}? " if near else ""
                place = name if path == "the spec" else f"{path}.{name}"
                self.wrong(str(place), f"no such field: {meant}expected {', '.join(known)}")
        return fields

    def _choice(self, path: str, found: object, unsaid: Choice) -> Choice:
        """The choice at `path`; nothing is `unsaid`."""
        said = None if found is None else self._one_of(path, found, type(unsaid))
        return unsaid if said is None else said

    def _one_of(self, path: str, found: object, choices: type[Choice]) -> Choice | None:
        for each in choices:
            if each.value == found:
                return each
        self._no_choice(path, found, [each.value for each in choices])
        return None

    def _truth(self, path: str, found: object) -> bool:
        """The truth at `path`; nothing is false."""
        if found is not None and not isinstance(found, bool):
            self.wrong(path, f"{show(found)}: expected true or false")
        return found is True

    def _number(self, path: str, found: object, bounds: Bounds) -> Decimal | None:
        """The number at `path` exactly as written; None if there is none or it is wrong."""
        if found is None:
            return None
        value = exact(found)
        if value is None:
            self.wrong(path, f"{show(found)} is not a number: expected {bounds.words}")
        elif not bounds.holds(value):
            self.wrong(path, f"{show(found)} is not allowed: expected {bounds.words}")
        elif -_exponent(value) > MAX_PLACES:
            self.wrong(path, f"{show(found)} has more than {MAX_PLACES} digits after the point")
        else:
            return plain_decimal(value)
        return None

    def _no_choice(self, path: str, found: object, allowed: Sequence[str]) -> None:
        near = get_close_matches(str(found), allowed, n=1, cutoff=_ALIKE)
        meant = f"did you mean {near[0]}? " if near else ""
        self.wrong(path, f"{show(found)}: {meant}expected one of {', '.join(allowed)}")


def _plain(value: object) -> int | float | str | None:
    """One value for a parameter: text, or a number as it is computed with; None for the rest."""
    if isinstance(value, str):
        return value
    number = exact(value)
    if number is None:
        return None
    return int(number) if number == number.to_integral_value() else float(number)


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _symbol(found: object) -> str:
    """What is meant by it as a symbol; nothing if it can be none."""
    try:
        return symbol_of(found) if isinstance(found, str) else ""
    except ValueError:
        return ""
