"""Figures and facts of a report as text, the same in the terminal and on the page.

Nothing here may compute a figure. What does not exist is `n/a`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite

from bowline.core.model.event import Run
from bowline.core.model.instrument import Instrument, InstrumentId, market_by_id
from bowline.core.model.intent import Refusal
from bowline.core.model.policy import (
    AllIn,
    DirectionMode,
    Fills,
    FirstSignal,
    FixedQuote,
    Policy,
    ProfitLock,
    RiskPct,
    StrategyCompound,
)
from bowline.core.model.values import (
    DAY_NS,
    HUNDRED,
    MINUTE_NS,
    SECOND_NS,
    ZERO,
    Direction,
)
from bowline.core.report import METRICS, MarkedPosition, Metrics, Report, RunRecord, Unit
from bowline.desk.report.caption import Caption

NOTHING = "n/a"
_HOUR_NS = 60 * MINUTE_NS
#: a change of less than this, in percent, is said as "nothing"
_NOTHING_PCT = 0.005
_CENTS_FROM = 1
_SMALL_DIGITS = 4
_LOOKED_AT = {
    Fills.CLOSE: "at closes",
    Fills.INTRABAR: "inside each candle",
    Fills.MINUTES: "inside each minute",
}


def time_text(ns: int) -> str:
    """`2025-06-16 09:30` in UTC; seconds only where there are any."""
    moment = datetime.fromtimestamp(ns // SECOND_NS, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S" if moment.second else "%Y-%m-%d %H:%M")


def iso_text(ns: int) -> str:
    """`2025-06-16T09:30:00Z`, for machines; whole seconds."""
    return datetime.fromtimestamp(ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration_text(ns: int | None) -> str:
    """The two largest units: `90 d 4 h`, `4 h 35 m`, `12 m`, `30 s`."""
    if ns is None:
        return NOTHING
    rest, parts = ns, []
    for size, unit in ((DAY_NS, "d"), (_HOUR_NS, "h"), (MINUTE_NS, "m"), (SECOND_NS, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 m"


def duration_iso(ns: int | None) -> str | None:
    """`90 days 04:35:00`, for machines and spreadsheets."""
    if ns is None:
        return None
    days, rest = divmod(ns // SECOND_NS, 86_400)
    return f"{days} days {rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"


def number_text(value: float | None, digits: int = 2) -> str:
    """`1,234.50`; what is no number (NaN, infinite) is `n/a`."""
    return NOTHING if value is None or not isfinite(value) else f"{value:z,.{digits}f}"


def signed_pct(value: float | Decimal | None) -> str:
    """`+12.34 %`."""
    return NOTHING if value is None or not isfinite(value) else f"{value:+z,.2f} %"


def money_text(value: Decimal | None) -> str:
    """Cents from one unit up, four digits that count below it: `1,234.50`, `0.0004512`."""
    if value is None:
        return NOTHING
    if not value or abs(value) >= _CENTS_FROM:
        return f"{value:,.2f}"
    places = _SMALL_DIGITS - 1 - value.adjusted()
    return f"{value:.{places}f}"


def exact_text(value: Decimal, digits: int = 8) -> str:
    """A price or quantity with at most so many decimals (more below one), no zeros at the end."""
    places = max(digits, _SMALL_DIGITS - value.adjusted()) if abs(value) < 1 and value else digits
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def trimmed(value: Decimal) -> Decimal:
    """The same amount without zeros at its end, never with an exponent: 105.5000 is 105.5."""
    # written out: quantizing would fail on more digits than the context has
    return Decimal(f"{value.normalize():f}")


def metric_texts(metrics: Metrics) -> tuple[tuple[str, str], ...]:
    """The 25 titles, each with its value in words."""
    lines = []
    for metric in METRICS:
        value = getattr(metrics, metric.field)
        match metric.unit:
            case Unit.TIME:
                text = time_text(value)
            case Unit.DURATION:
                text = duration_text(value)
            case Unit.QUOTE:
                text = money_text(value)
            case Unit.COUNT:
                text = f"{value:,}"
            case _:
                text = number_text(value)
        lines.append((metric.title, text))
    return tuple(lines)


def verdict(report: Report) -> str:
    """The outcome in one sentence."""
    m, sentence = report.metrics, outcome(report.metrics)
    if report.record.without_signal == len(report.record.candles):
        return f"{sentence}. It never traded: no candle has a signal."
    if not report.record.executions:
        return f"{sentence}. There were no trades."
    trips = "1 round trip" if m.round_trip_count == 1 else f"{m.round_trip_count:,} round trips"
    won = "" if m.win_rate_pct is None else f", {m.win_rate_pct:.0f} % of them won"
    fees_pct = report.fees_quote / m.initial_cash_quote * HUNDRED
    fees = f"fees took {fees_pct:.1f} % of the initial cash" if report.fees_quote else "no fees"
    fees += funding_text(report)
    held = "" if report.open_position is None else f"; {open_text(report.open_position)}"
    return f"{sentence}. {trips}{won}; {fees}{held}."


def outcome(metrics: Metrics) -> str:
    """`Gained 12.3 % while buy and hold lost 4.5 %`."""
    own, held = metrics.total_return_pct, metrics.benchmark_return_pct
    words = f"{_moved(own)} while buy and hold {_moved(held)}"
    return words[0].upper() + words[1:]


def funding_text(report: Report) -> str:
    """What funding came to, for a run that pays it: `, funding 1.2 %`."""
    if not report.record.run.policy.funding:
        return ""
    net = report.funding_paid_quote - report.funding_received_quote
    verb = "brought" if net < ZERO else "took"
    return f", funding {verb} {abs(net) / report.metrics.initial_cash_quote * HUNDRED:.1f} %"


def open_text(held: MarkedPosition) -> str:
    """The position that is still open, in words."""
    side = held.position.direction.name.lower()
    return f"a {side} position is still open at {signed_pct(held.return_pct)}"


def _moved(change_pct: float) -> str:
    if abs(change_pct) < _NOTHING_PCT:
        return "was unchanged"
    return f"{'gained' if change_pct > 0 else 'lost'} {abs(change_pct):,.1f} %"


def instrument_text(report: Report, caption: Caption) -> str:
    """The instrument as a person calls it."""
    return caption.instrument or report.record.run.instrument.key


def rules_text(instrument: Instrument) -> str:
    """Which steps and minimum of the instrument held."""
    known = [
        f"{name} {exact_text(value)}"
        for name, value in (
            ("lot step", instrument.lot_step),
            ("tick", instrument.tick_size),
            ("least order", instrument.min_notional),
        )
        if value
    ]
    if not instrument.lot_step:
        known.append("no lot step known, so quantities are not rounded")
    return f"rules of the instrument: {', '.join(known)}"


def terms_texts(run: Run) -> tuple[str, ...]:
    """What a fill cost, where it was, and what no spot market lends: a sentence each."""
    policy = run.policy
    stops = (
        "" if policy.fills is Fills.CLOSE else f"; stops {_LOOKED_AT[policy.fills]}, at their price"
    )
    texts = (
        f"costs: {_costs(policy)}",
        f"fills: at the close of each {run.timeframe.value} candle{stops}",
    )
    shorts = synthetic_text(run.instrument.id, policy.direction)
    return (*texts, shorts) if shorts else texts


def synthetic_text(instrument: InstrumentId, direction: DirectionMode) -> str:
    """That a spot market lends no coins to sell, for what sells them short there; else nothing."""
    if market_by_id(instrument.market_id).kind != "spot" or not direction.allows(Direction.SHORT):
        return ""
    return (
        "shorts on a spot market are synthetic: they assume that coins are borrowed free of charge"
    )


def first_signal_text(first: FirstSignal) -> str:
    """What becomes of the first signal after the warm-up."""
    if first is FirstSignal.WAIT:
        return "the first signal after the warm-up is no entry: entries wait for it to change"
    return "the first signal after the warm-up is an entry, like every change of it"


def history_candles(run: Run) -> int:
    """The candles before the first decision, if none of them is missing."""
    return max(0, run.start_ns - run.anchor_ns) // run.timeframe.ns


def warmup_texts(record: RunRecord) -> tuple[str, ...]:
    """Which candles have no signal because the history before them is short; else nothing."""
    count, total = record.without_signal, len(record.candles)
    if not count:
        return ()
    history = f"candles of history before it: {history_candles(record.run):,}"
    if count == total:
        return (f"no signal on any of {total:,} candles: not every rule had a value; {history}",)
    until = time_text(int(record.candles.open_ns[count]))
    candles = f"the first {count:,} of {total:,} candles, until {until}"
    return (f"no signal on {candles}: not every rule has a value by then; {history}",)


def how_lines(report: Report, caption: Caption) -> tuple[tuple[str, str], ...]:
    """How the figures came about: everything they depend on, a name and a line each."""
    run, candles = report.record.run, report.record.candles
    policy = run.policy
    warmup = f"{history_candles(run):,} candles before the first decision"
    lines = [("Rule", rule) for rule in caption.rules]
    lines += [
        ("Decisions", f"at the close of each {run.timeframe.value} candle, filled at that close"),
        *_inside(policy),
        ("Direction", policy.direction.value),
        ("Instrument", rules_text(run.instrument)),
        ("First signal", first_signal_text(policy.first_signal)),
        ("Stops", _stops(policy)),
        ("Sizing", _sizing(policy)),
        *_margin(policy),
        ("Costs", _costs(policy)),
        *_synthetic(run),
        *_funding(report),
        ("Limits", _limits(policy)),
        ("Warm-up", "; ".join((warmup, *warmup_texts(report.record)))),
        ("Candles", f"{len(candles):,}, sha256 {candles.content_hash()}"),
        ("Strategy id", run.strategy_id),
    ]
    if caption.source:
        lines.append(("Source", caption.source))
    return tuple(lines)


def _synthetic(run: Run) -> tuple[tuple[str, str], ...]:
    text = synthetic_text(run.instrument.id, run.policy.direction)
    return (("Shorts", text),) if text else ()


def _inside(policy: Policy) -> tuple[tuple[str, str], ...]:
    """How stops fill inside the candle, for a run that looks there."""
    if policy.fills is Fills.CLOSE:
        return ()
    parts = "candle" if policy.fills is Fills.INTRABAR else "one-minute candle"
    rule = (
        f"at their price as soon as a {parts} touches it, or at its open if that is beyond; "
        f"the losing one first where a {parts} touches both"
    )
    return (("Stops fill", rule),)


def _stops(policy: Policy) -> str:
    named = (("stop loss", policy.stops.sl_pct), ("take profit", policy.stops.tp_pct))
    on = [f"{name} {exact_text(pct)} %" for name, pct in named if pct is not None]
    where = _LOOKED_AT[policy.fills]
    return f"{' and '.join(on)} from the entry price, checked {where}" if on else "none"


def _sizing(policy: Policy) -> str:
    match policy.sizing:
        case AllIn():
            return "all in: every entry uses all available cash"
        case FixedQuote(quote=quote):
            return f"{exact_text(quote)} in quote currency per entry"
        case StrategyCompound(budget_quote=budget):
            return f"compounding {_budget(budget)}"
        case ProfitLock(safe_profit_pct=pct, budget_quote=budget):
            return f"compounding {_budget(budget)}, {exact_text(pct)} % of every profit set aside"
        case RiskPct(risk_pct=pct):
            return f"risk per entry: {exact_text(pct)} % of the equity at the stop loss"


def _margin(policy: Policy) -> tuple[tuple[str, str], ...]:
    """What is lent, for a run that borrows."""
    if (margin := policy.margin) is None:
        return ()
    rule = (
        f"leverage {exact_text(margin.leverage)}; liquidated when the wallet is down to "
        f"{exact_text(margin.maintenance_pct)} % of the position's value"
    )
    return (("Margin", rule),)


def _budget(budget: Decimal | None) -> str:
    return "the initial cash" if budget is None else f"a budget of {exact_text(budget)}"


def _costs(policy: Policy) -> str:
    fee, slippage = exact_text(policy.costs.fee_pct), exact_text(policy.costs.slippage_pct)
    return f"fee {fee} % of the notional and slippage {slippage} % of the price, on every fill"


def _funding(report: Report) -> tuple[tuple[str, str], ...]:
    if not report.record.run.policy.funding:
        return ()
    paid, received = report.funding_paid_quote, report.funding_received_quote
    count = len(report.record.funding)
    line = f"paid {money_text(paid)} and received {money_text(received)} at {count:,} fundings"
    return (("Funding", line),)


def _limits(policy: Policy) -> str:
    on = []
    if policy.limits.daily_loss_pct > ZERO:
        on.append(f"no entry after a daily loss of {exact_text(policy.limits.daily_loss_pct)} %")
    if policy.limits.cooldown_candles:
        on.append(f"a cooldown of {policy.limits.cooldown_candles} candles")
    return " and ".join(on) or "none"


def refusal_lines(report: Report) -> tuple[tuple[str, int], ...]:
    """Entries that were not allowed, most frequent first, and conflicting signals if any."""
    lines = counted(report.record.refusals)
    if report.record.conflicting_signals:
        conflict = "rules signalled LONG and SHORT at once"
        lines.append((conflict, report.record.conflicting_signals))
    return tuple(lines)


def counted(refusals: Mapping[Refusal, int]) -> list[tuple[str, int]]:
    """Refusals in words, most frequent first."""
    lines = [(refusal.value, count) for refusal, count in refusals.items() if count]
    return sorted(lines, key=lambda line: (-line[1], line[0]))
