"""The set-up of a run: strategy, instrument, candles, warm-up, costs, initial cash.

Backtest and paper are set up by the same code here, so that they can only differ in what executes
them. Nothing here may start a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bowline.core.completeness import Completeness
from bowline.core.errors import BadInput, NotFound
from bowline.core.facts import SimulatedCandle, closed_candles, with_funding
from bowline.core.model.event import FundingFixed, Run
from bowline.core.model.instrument import FILE_MARKET, Instrument, InstrumentId, market_by_id
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import Fills
from bowline.core.model.values import ONE, ZERO, AccountId, RunId, Timeframe
from bowline.core.signals import (
    BUILTIN_DEFAULTS,
    Opinion,
    SpecDefaults,
    StrategySpec,
    instrument_of,
    policy_of,
    strategy_id,
)
from bowline.desk.candles import did_you_mean, named, parse_timeframe
from bowline.desk.completeness import USUAL_GAPS, GapRule, accept, accept_stored
from bowline.desk.funding import due_funding
from bowline.desk.steps import Steps
from bowline.storage.candles import FOREVER_NS, Candles

#: the initial cash where none is given
DEFAULT_CASH = Decimal(10_000)
#: and at most: the bound of every amount in a spec
MOST_CASH = Decimal(10**12)

#: a run is alone in its journal, so its journal calls it this
ONLY_RUN = RunId(1)


class DecisionSpan(Struct, frozen=True):
    """Decisions from the first candle that opens at `from_ns` to the last that closes by `to_ns`.

    None is as far as the candles go.
    """

    from_ns: int | None = None
    to_ns: int | None = None
    #: signals are functions of the candles from here on; None is as much warm-up as is wanted
    anchor_ns: int | None = None

    def __post_init__(self) -> None:
        if self.from_ns is not None and self.to_ns is not None and self.from_ns >= self.to_ns:
            raise BadInput(
                "the span is empty: --from is not before --to",
                hint="give a start that is earlier than the end",
            )


class RunOptions(Struct, frozen=True, kw_only=True):
    """The options of a run beside its strategy; an empty one is not given.

    `defaults` apply where neither the strategy nor these options give a value.
    """

    market: str = ""
    symbol: str = ""
    timeframe: str = ""
    from_ns: int | None = None
    to_ns: int | None = None
    anchor_ns: int | None = None
    cash: str = ""
    file: Path | None = None
    allow_jumps: bool = False
    gaps: GapRule = USUAL_GAPS
    steps: Steps = Steps()
    defaults: SpecDefaults = BUILTIN_DEFAULTS

    def span(self) -> DecisionSpan:
        """The span of the options."""
        return DecisionSpan(self.from_ns, self.to_ns, self.anchor_ns)

    def money(self) -> Decimal:
        """The initial cash."""
        if not self.cash:
            return DEFAULT_CASH
        try:
            cash = Decimal(self.cash)
        except InvalidOperation:
            cash = ZERO
        if not (cash.is_finite() and ZERO < cash <= MOST_CASH):
            raise BadInput(
                f"--cash {self.cash} is not an amount of money",
                hint="expected a number above 0 and up to 10^12, such as 1000",
            )
        return cash


class Setup(Struct, frozen=True, kw_only=True):
    """A run ready to start. `candles` are all since its anchor, the warm-up first."""

    spec: StrategySpec
    opinion: Opinion
    run: Run
    candles: CandleFrame
    #: what the candles are made of, for a run that fills by the minute
    minutes: CandleFrame | None = None
    #: what is due while decisions are made, for a run that pays it
    funding: tuple[FundingFixed, ...] = ()
    #: how complete the candles are over the span asked for; None if nobody measured
    completeness: Completeness | None = None

    def facts(self, frame: CandleFrame, after_ns: int) -> Iterator[SimulatedCandle | FundingFixed]:
        """What happens in some candles of this run, and of what was due in between."""
        candles = closed_candles(frame, self.run.policy.fills, self.minutes)
        return with_funding(candles, self.funding, after_ns)

    @property
    def warmup_candles(self) -> int:
        """How many candles lie before the first decision: fewer than wanted if history is short."""
        return int(self.candles.open_ns.searchsorted(self.run.start_ns))


def stored_instrument(store: Candles, instrument: InstrumentId) -> Instrument:
    """The instrument with what is known of its steps; NotFound says what is stored instead."""
    found = store.instrument(instrument)
    if found is not None:
        return found
    market = market_by_id(instrument.market_id).name
    keys = [each.key for each in store.instruments()]
    guess = did_you_mean(f"{market}:{instrument.symbol}", keys)
    raise NotFound(
        f"no candles of {market} {instrument.symbol} are stored",
        hint=f"{guess}stored are: {named(keys)}"
        if keys
        else f"import some: bowline candles import FILE --market {market} "
        f"--symbol {instrument.symbol}",
    )


def stored_candles(
    store: Candles, instrument: InstrumentId, timeframe: Timeframe, span: DecisionSpan, warmup: int
) -> tuple[CandleFrame, int]:
    """Candles of the span with up to `warmup` before it, and the moment decisions begin."""
    end_ns = FOREVER_NS if span.to_ns is None else span.to_ns
    if span.anchor_ns is not None or span.from_ns is None:
        candles = store.read(instrument, timeframe, span.anchor_ns or 0, end_ns)
        return candles_of_span(candles, span, warmup)
    reached_ns = max(0, span.from_ns - warmup * timeframe.ns)
    candles = store.read(instrument, timeframe, reached_ns, end_ns)
    if int(candles.open_ns.searchsorted(span.from_ns)) < warmup:
        # the history before has gaps, or is short: take what there is
        candles = store.read(instrument, timeframe, 0, end_ns)
    return candles_of_span(candles, span, warmup)


def candles_of_span(
    candles: CandleFrame, span: DecisionSpan, warmup: int
) -> tuple[CandleFrame, int]:
    """The same for candles that are all in memory; no candles give no candles."""
    if not len(candles):
        return candles, 0
    start_ns = int(candles.open_ns[0]) if span.from_ns is None else span.from_ns
    end_ns = int(candles.close_ns[-1]) if span.to_ns is None else span.to_ns
    first = int(candles.open_ns.searchsorted(start_ns))
    last = int(candles.close_ns.searchsorted(end_ns, side="right"))
    anchor = max(0, first - warmup)
    if span.anchor_ns is not None:
        anchor = int(candles.open_ns.searchsorted(span.anchor_ns))
    return candles.slice(anchor, last), start_ns


def set_up(
    spec: StrategySpec,
    options: RunOptions,
    interpret: Callable[[StrategySpec], Opinion],
    open_store: Callable[[], Candles],
    *,
    account: str,
    recorded: Callable[[InstrumentId], Instrument | None] = lambda _: None,
) -> Setup:
    """A run of `spec` with `options`, on stored candles or on those of a file.

    BadInput if too many of the candles are missing, unless the options allow it.
    """
    if options.timeframe:
        spec = replace(spec, timeframe=parse_timeframe(options.timeframe))
    opinion, span = interpret(spec), options.span()
    moments, reach = (span.from_ns, span.to_ns), opinion.warmup
    by_minute = spec.fills is Fills.MINUTES
    minutes: CandleFrame | None = None
    if options.file is None:
        _refuse_steps(options)
        store = open_store()
        asked = instrument_of(spec, options.market or None, options.symbol.upper() or None)
        instrument = stored_instrument(store, asked)
        found = stored_candles(store, asked, spec.timeframe, span, reach)
        completeness = accept_stored(store, found[0], *moments, options.gaps, warmup=reach)
        if by_minute and len(found[0]):
            end_ns = int(found[0].close_ns[-1])
            minutes = store.read(asked, Timeframe.M1, found[1], end_ns)
    else:
        said = _named(spec, options)
        known = recorded(said) if said is not None else None
        candles = read_file(
            options.file, spec.timeframe, said, known, allow_jumps=options.allow_jumps
        )
        instrument = options.steps.over(known or Instrument(said or candles.instrument))
        found = candles_of_span(replace(candles, instrument=instrument.id), span, reach)
        completeness = accept(found[0], *moments, options.gaps, warmup=reach)
        minutes = _minutes_of(options, instrument, said) if by_minute else None
    funding: tuple[FundingFixed, ...] = ()
    if spec.funding and len(found[0]):
        store = open_store()
        funding = due_funding(store, instrument.id, found[1], _marks(store, options, found))
    setup = make_setup(
        spec,
        opinion,
        instrument,
        found,
        cash=options.money(),
        account=account,
        defaults=options.defaults,
        minutes=minutes,
        funding=funding,
    )
    return replace(setup, completeness=completeness)


def _refuse_steps(options: RunOptions) -> None:
    if options.steps != Steps():
        raise BadInput(
            "--tick-size, --lot-step and --min-notional apply to candles of a file only",
            hint="set those of stored candles with bowline candles import FILE --lot-step",
        )


def _marks(store: Candles, options: RunOptions, found: tuple[CandleFrame, int]) -> CandleFrame:
    """Candles at whose closes funding is marked: stored minutes, or those of the file."""
    candles, start_ns = found
    if options.file is not None:
        return candles
    return store.read(candles.instrument, Timeframe.M1, start_ns, int(candles.close_ns[-1]))


def read_file(
    path: Path,
    timeframe: Timeframe | None = None,
    named: InstrumentId | None = None,
    known: Instrument | None = None,
    *,
    allow_jumps: bool = False,
) -> CandleFrame:
    """The candles of a file, as `storage.files` reads them.

    `named` is the instrument they are of and `known` what is recorded of it, if either is: a file
    may hold rows of others, or volume in contracts.
    """
    # what is only stored does without the readers of files, which take long to load
    from bowline.storage.files import FileHints, read_candle_file  # noqa: PLC0415

    hints = FileHints()
    if named is not None and named.market_id != FILE_MARKET.market_id:
        # what is not known is kept as 1
        size = None if known is None or known.contract_size == ONE else known.contract_size
        hints = FileHints(
            market=market_by_id(named.market_id), symbol=named.symbol, contract_size=size
        )
    return read_candle_file(path, timeframe, allow_jumps=allow_jumps, hints=hints)


def _minutes_of(
    options: RunOptions, instrument: Instrument, named: InstrumentId | None
) -> CandleFrame:
    """The one-minute candles of a file; BadInput if it holds others."""
    assert options.file is not None
    minutes = read_file(options.file, None, named, instrument, allow_jumps=options.allow_jumps)
    if minutes.timeframe is not Timeframe.M1:
        raise BadInput(
            f"{options.file} holds {minutes.timeframe.value} candles, and fills by the minute need "
            "one-minute candles",
            hint="give a file of 1m candles, or write fills: intrabar in the spec",
        )
    return replace(minutes, instrument=instrument.id)


def _named(spec: StrategySpec, options: RunOptions) -> InstrumentId | None:
    if spec.instrument is None and not (options.market or options.symbol):
        return None
    return instrument_of(spec, options.market or None, options.symbol.upper() or None)


def make_setup(
    spec: StrategySpec,
    opinion: Opinion,
    instrument: Instrument,
    found: tuple[CandleFrame, int],
    *,
    cash: Decimal = DEFAULT_CASH,
    account: str,
    defaults: SpecDefaults = BUILTIN_DEFAULTS,
    minutes: CandleFrame | None = None,
    funding: tuple[FundingFixed, ...] = (),
) -> Setup:
    """A run of `spec` on `instrument` over the candles `found`.

    `minutes` are those of all candles that are decided on, for a spec that fills by the minute.
    BadInput if there is nothing to decide on or nothing to trade with.
    """
    candles, start_ns = found
    first = int(candles.open_ns.searchsorted(start_ns))
    if not first < len(candles):
        raise BadInput(
            f"there is no complete {spec.timeframe.value} candle of {instrument.key} in the span",
            hint="see what is stored with `bowline candles list`, then choose --from and --to",
        )
    tape_hash = candles.content_hash()
    if minutes is not None:
        begin, end = minutes.open_ns.searchsorted((candles.open_ns[first], candles.close_ns[-1]))
        minutes = minutes.slice(int(begin), int(end))
        tape_hash = sha256(f"{tape_hash}:{minutes.content_hash()}".encode()).hexdigest()
    if funding:
        tape_hash = sha256(tape_hash.encode() + msgspec.json.encode(funding)).hexdigest()
    run = Run(
        id=ONLY_RUN,
        strategy_id=strategy_id(spec),
        account=AccountId(account),
        instrument=instrument,
        timeframe=spec.timeframe,
        policy=policy_of(spec, market_by_id(instrument.id.market_id), defaults),
        initial_cash=cash,
        anchor_ns=int(candles.open_ns[0]),
        start_ns=start_ns,
        tape_hash=tape_hash,
    )
    return Setup(
        spec=spec, opinion=opinion, run=run, candles=candles, minutes=minutes, funding=funding
    )
