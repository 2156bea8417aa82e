"""Reads a StrategySpec from a parsed document, reporting every mistake.

It must never guess or repair.

1. Each section is read by itself; an unknown field is a mistake.
2. Every number has a unit in its name (`_pct` is percent: 1.5 is 1.5 %) and bounds.
3. Indicators and plugins are looked up, their parameters checked and completed with defaults.
   A version or code hash written in the spec must be the current one: changed code is another
   strategy under an old name.
4. Equal rules are a mistake; the rest are sorted, since all of them must agree in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from bowline.core.document_reader import Bounds, DocumentReader
from bowline.core.errors import NotFound
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
#: most digits after the decimal point
MAX_PLACES = 12

Entry = TypeVar("Entry")
#: parameters completed with defaults, and one message per mistake
Resolve = Callable[[Mapping[str, object]], tuple[dict[str, Value], list[str]]]

_GUIDE = "every field is described in docs/reference/spec.md"
_FIELDS = (
    "version", "timeframe", "instrument", "direction", "indicators", "strategy", "stops",
    "sizing", "costs", "limits", "fills", "funding", "margin", "first_signal",
)  # fmt: skip

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
#: the maintenance margin of the larger venues in their lowest tier
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

    BadInput with one problem per mistake, each with the path of its field, what was found and what
    is allowed.
    """
    reader = _Reader(catalogue, strategies)
    spec = reader.spec(raw)
    if reader.doc.problems or spec is None:
        raise reader.doc.refusal(_GUIDE)
    return spec


class _Reader:
    """Reads one spec; used once."""

    def __init__(self, catalogue: Catalogue, strategies: Strategies) -> None:
        self.catalogue = catalogue
        self.strategies = strategies
        self.doc = DocumentReader("the spec")

    def spec(self, raw: object) -> StrategySpec | None:
        """The spec; None if a required part is wrong, which is a problem then."""
        fields = self.doc.section("", raw, _FIELDS)
        if fields is None:
            return None
        self._version(fields)
        timeframe = self.doc.choice("timeframe", fields.get("timeframe"), Timeframe)
        direction = self.doc.choice("direction", fields.get("direction"), DirectionMode)
        instrument = self._instrument(fields.get("instrument"))
        rules = self._rules(fields)
        sizing = self._sizing(fields.get("sizing"))
        stops = self._stops(fields.get("stops"), direction, sizing)
        costs = self._costs(fields.get("costs"))
        limits = self._limits(fields.get("limits"))
        fills = self.doc.optional_choice("fills", fields.get("fills"), Fills.CLOSE)
        funding = self.doc.flag("funding", fields.get("funding"))
        margin = self._margin(fields.get("margin"), instrument)
        first_signal = self.doc.optional_choice(
            "first_signal", fields.get("first_signal"), FirstSignal.WAIT
        )
        if timeframe is None or direction is None or rules is None or sizing is None:
            return None
        return StrategySpec(
            timeframe=timeframe,
            direction=direction,
            rules=rules,
            sizing=sizing,
            stops=stops,
            costs=costs,
            limits=limits,
            instrument=instrument,
            fills=fills,
            funding=funding,
            margin=margin,
            first_signal=first_signal,
        )

    def _number(self, path: str, found: object, bounds: Bounds) -> Decimal | None:
        value = self.doc.number(path, found, bounds, MAX_PLACES)
        return None if value is None else plain_decimal(value)

    # --- the parts ----------------------------------------------------------------------------

    def _version(self, fields: Mapping[str, Any]) -> None:
        found = fields.get("version")
        if exact(found) != SPEC_VERSION:
            self.doc.problem("version", f"{show(found)}: expected {SPEC_VERSION}")

    def _instrument(self, raw: object) -> InstrumentId | None:
        if raw is None:
            return None
        fields = self.doc.section("instrument", raw, ("market", "symbol"))
        if fields is None:
            return None
        market, symbol = fields.get("market"), fields.get("symbol")
        market_id = None
        try:
            market_id = market_by_name(str(market)).market_id
        except ValueError as error:
            allowed = str(error).partition(": ")[2]
            self.doc.problem("instrument.market", f"{show(market)} is not a market: {allowed}")
        near = _symbol(symbol)
        if not near or near != symbol:
            meant = f"did you mean {near}?" if near else "such as BTCUSDT"
            self.doc.problem(
                "instrument.symbol",
                f"{show(symbol)} is not a symbol: expected the venue's own in capitals, {meant}",
            )
            return None
        return None if market_id is None else InstrumentId(market_id, symbol)

    def _stops(self, raw: object, direction: DirectionMode | None, sizing: Sizing | None) -> Stops:
        fields = self.doc.section("stops", raw, ("sl_pct", "tp_pct")) or {}
        if isinstance(sizing, RiskPct) and fields.get("sl_pct") is None:
            self.doc.problem(
                "stops.sl_pct", "missing: risk_pct sizes a position by its loss at this stop"
            )
        gain = SHORT_TAKE_PROFIT if direction is DirectionMode.SHORT_ONLY else TAKE_PROFIT
        return Stops(
            self._number("stops.sl_pct", fields.get("sl_pct"), STOP_LOSS),
            self._number("stops.tp_pct", fields.get("tp_pct"), gain),
        )

    def _margin(self, raw: object, instrument: InstrumentId | None) -> Margin | None:
        """The margin; leverage 1 is none, as if it were not written."""
        fields = self.doc.section("margin", raw, ("leverage", "maintenance_pct")) or {}
        leverage = self._number("margin.leverage", fields.get("leverage"), LEVERAGE)
        path = "margin.maintenance_pct"
        kept = self._number(path, fields.get("maintenance_pct"), MAINTENANCE)
        if leverage is None or leverage <= 1:
            if kept is not None:
                self.doc.problem(
                    path, "applies to a leverage above 1 only: expected margin.leverage above 1"
                )
            return None
        kept = _USUAL_MAINTENANCE if kept is None else kept
        if kept * leverage >= _100:
            most = f"less than {_100 / leverage:.4g}, the margin of an entry at that leverage"
            self.doc.problem(path, f"{show(kept)} at leverage {show(leverage)}: expected {most}")
        if instrument is not None and market_by_id(instrument.market_id).kind != LEVERAGED_KIND:
            market = market_by_id(instrument.market_id).name
            self.doc.problem("margin", f"{market} has no leverage: only perpetuals do")
        return Margin(leverage, kept)

    def _costs(self, raw: object) -> SpecCosts:
        fields = self.doc.section("costs", raw, ("fee_pct", "slippage_pct")) or {}
        return SpecCosts(
            self._number("costs.fee_pct", fields.get("fee_pct"), COST),
            self._number("costs.slippage_pct", fields.get("slippage_pct"), COST),
        )

    def _limits(self, raw: object) -> SpecLimits:
        fields = self.doc.section("limits", raw, ("daily_loss_pct", "cooldown_candles")) or {}
        loss = self._number("limits.daily_loss_pct", fields.get("daily_loss_pct"), SHARE)
        path = "limits.cooldown_candles"
        candles = self._number(path, fields.get("cooldown_candles"), CANDLES)
        if candles is not None and candles % 1:
            self.doc.problem(path, f"{show(candles)} is not {CANDLES.allowed}")
        return SpecLimits(loss, None if candles is None else int(candles))

    def _sizing(self, raw: object) -> Sizing | None:
        if raw is None:
            self.doc.problem("sizing", f"missing: expected a mode, one of {', '.join(_MODES)}")
            return None
        if not isinstance(raw, Mapping):
            self.doc.problem("sizing", f"{show(raw)} is not a mapping: write {{mode: all_in}}")
            return None
        mode = raw.get("mode")
        if not isinstance(mode, str) or mode not in _MODES:
            self.doc.not_one_of("sizing.mode", mode, list(_MODES))
            return None
        return self._sized(mode, raw)

    def _sized(self, mode: str, raw: Mapping[str, Any]) -> Sizing | None:
        wanted = msgspec.structs.fields(_MODES[mode])
        fields = self.doc.section("sizing", raw, ("mode", *(each.name for each in wanted))) or {}
        numbers: dict[str, Decimal | None] = {}
        for each in wanted:
            path, bounds = f"sizing.{each.name}", _SIZING_BOUNDS[each.name]
            numbers[each.name] = self._number(path, fields.get(each.name), bounds)
            if each.required and fields.get(each.name) is None:
                self.doc.problem(path, f"missing: expected {bounds.allowed}")
        if any(each.required and numbers[each.name] is None for each in wanted):
            return None
        return msgspec.convert(numbers | {"mode": mode}, _MODES[mode])

    # --- the rules ----------------------------------------------------------------------------

    def _rules(self, fields: Mapping[str, Any]) -> tuple[IndicatorUse, ...] | PluginUse | None:
        indicators, plugin = fields.get("indicators"), fields.get("strategy")
        if (indicators is None) is (plugin is None):
            found = "missing" if plugin is None else "both are given"
            self.doc.problem("indicators", f"{found}: expected either indicators or a strategy")
            return None
        if plugin is not None:
            return self._plugin(plugin)
        listed = self.doc.items(
            "indicators", indicators, "a list such as - id: sma_cross", MAX_INDICATORS
        )
        if not listed:
            return None
        uses: list[IndicatorUse] = []
        for number, each in enumerate(listed):
            use = self._indicator(f"indicators[{number}]", each)
            if use is not None and use in uses:
                self.doc.problem(f"indicators[{number}]", "is given twice with the same parameters")
            elif use is not None:
                uses.append(use)
        return tuple(sorted(uses, key=msgspec.json.encode))

    def _indicator(self, path: str, raw: object) -> IndicatorUse | None:
        fields = self.doc.section(path, raw, ("id", "version", "params"))
        entry = None
        if fields is not None:
            entry = self._looked_up(path, fields.get("id"), self.catalogue.get)
        if fields is None or entry is None:
            return None
        if entry.rule is None:
            self.doc.problem(
                f"{path}.id", f"{entry.id} gives no signal, because it {entry.no_rule}"
            )
        self._pinned(path, fields.get("version"), entry.version, entry.id)
        params = self._params(path, fields.get("params"), entry.resolve)
        return None if params is None else IndicatorUse(entry.id, entry.version, params)

    def _plugin(self, raw: object) -> PluginUse | None:
        fields = self.doc.section("strategy", raw, ("id", "version", "code", "params"))
        entry = None
        if fields is not None:
            entry = self._looked_up("strategy", fields.get("id"), self.strategies.get)
        if fields is None or entry is None:
            return None
        plugin = entry.strategy
        self._pinned("strategy", fields.get("version"), plugin.version, plugin.id)
        code = fields.get("code")
        if code is not None and code != entry.code:
            self.doc.problem(
                "strategy.code",
                f"{show(code)}: the code of {plugin.id} is now {entry.code[:12]}…, and changed "
                "code is another strategy: leave code out to use it as it is now",
            )
        params = self._params("strategy", fields.get("params"), entry.resolve)
        return None if params is None else PluginUse(plugin.id, plugin.version, entry.code, params)

    def _looked_up(self, path: str, found: object, get: Callable[[str], Entry]) -> Entry | None:
        if not isinstance(found, str):
            self.doc.problem(f"{path}.id", f"{show(found)}: expected a name")
            return None
        try:
            return get(found)
        except NotFound as error:
            self.doc.problem(f"{path}.id", f"{error.message}: {error.hint}")
            return None

    def _pinned(self, path: str, found: object, current: int, name: str) -> None:
        if found is not None and exact(found) != current:
            self.doc.problem(
                f"{path}.version",
                f"{show(found)}: {name} is at version {current}, and a changed one is another "
                "strategy: leave version out to use it as it is now",
            )

    def _params(self, path: str, raw: object, resolve: Resolve) -> Params | None:
        given = {} if raw is None else self.doc.mapping(f"{path}.params", raw)
        if given is None:
            return None
        plain = {str(name): _plain(value) for name, value in given.items()}
        odd = [name for name, value in plain.items() if value is None]
        for name in odd:
            self.doc.problem(f"{path}.params.{name}", f"{show(given[name])}: expected one value")
        values, problems = resolve({name: plain[name] for name in plain if name not in odd})
        self.doc.problems += [f"{path}.params.{problem}" for problem in problems]
        return None if odd or problems else tuple(values.items())


def _plain(value: object) -> int | float | str | None:
    """A parameter's value: text, or a number as int or float; None for anything else."""
    if isinstance(value, str):
        return value
    number = exact(value)
    if number is None:
        return None
    return int(number) if number == number.to_integral_value() else float(number)


def _symbol(found: object) -> str:
    """The symbol that `found` names; empty if it is none."""
    try:
        return symbol_of(found) if isinstance(found, str) else ""
    except ValueError:
        return ""
