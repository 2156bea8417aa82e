"""Validation of results: the verdict, Monte Carlo, walk-forward, look-ahead.

Every sweep is recorded before its verdict, so that the next one on the same candles counts the
trials of both. Nothing here may change a result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from bowline.core.completeness import Completeness
from bowline.core.errors import BadInput
from bowline.core.model.event import Run
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import Fills, FirstSignal
from bowline.core.model.values import DAY_NS, Timeframe, to_float
from bowline.core.report import Report, RunRecord, make_report
from bowline.core.report.equity import daily_equity
from bowline.core.signals import strategy_name
from bowline.core.signals.spec import PluginUse
from bowline.desk.output_files import Output, write_rows
from bowline.desk.report import warmup_texts
from bowline.research import SweepResult, backtest
from bowline.research.grid import GridPlan
from bowline.research.validation import (
    Evidence,
    LookAheadResult,
    ResampledPaths,
    SweepVerdict,
    WalkForward,
    assess_sweep,
    growth_of,
    look_ahead,
    make_verdict,
    measure_stress,
    resample_candles,
    resample_round_trips,
    run_on_candles,
    stressed,
    walk_grid,
)

if TYPE_CHECKING:
    from bowline.desk.setup import Setup
    from bowline.storage.trials import Trials

#: fields that a grid may have and a strategy not
_OF_GRIDS = ("choose", "constraints", "rank_by", "top", "shortlist", "keep")
_LEAST_BLOCK = 20
_TESTED = "look-ahead: not tested here; the tests of Bowline cover every indicator of the catalogue"

Say = Callable[[str], None]


class ValidationOptions(Struct, frozen=True, kw_only=True):
    """How much is tried: paths of Monte Carlo, cuts of the look-ahead test, folds in candles.

    0 candles of `train` and `test` are three eighths and one eighth of all. The same seed gives
    the same figures.
    """

    round_trip_paths: int = 1000
    market_paths: int = 100
    cuts: int = 32
    seed: int = 1
    train: int = 0
    test: int = 0
    threads: int = 1


class Validation(Struct, frozen=True, kw_only=True):
    """All that was found about one strategy; None was not asked of it, `notes` say why."""

    strategy: str
    first_signal: FirstSignal
    verdict: SweepVerdict
    round_trips: ResampledPaths | None
    markets: ResampledPaths | None
    look_ahead: LookAheadResult | None
    walks: dict[str, WalkForward]
    notes: tuple[str, ...]
    completeness: Completeness | None


def is_grid(raw: Mapping[str, Any]) -> bool:
    """Whether a document is a grid and no single strategy: it has a list or a range somewhere."""
    if any(name in raw for name in _OF_GRIDS):
        return True
    rules = raw.get("indicators")
    if not isinstance(rules, list):
        return isinstance(rules, Mapping)
    values = [raw.get("stops")]
    values += [each.get("params") for each in rules if isinstance(each, Mapping)]
    return any(
        isinstance(value, list | Mapping) or value == "catalogue"
        for section in values
        for value in (section.values() if isinstance(section, Mapping) else (section,))
    )


def note_sweep(trials: Trials, plan: GridPlan, now_ns: int) -> int:
    """Note a sweep; how many variants other sweeps tried on the same candles so far."""
    from bowline.storage.trials import SweepTrials  # noqa: PLC0415 - a library of its own

    made = hashlib.sha256(f"{plan.hashes.grid_request}:{plan.hashes.engine_params}".encode())
    sweep = SweepTrials(
        sweep=made.hexdigest(),
        data_hash=plan.hashes.data,
        instrument=plan.candles.instrument,
        from_ns=int(plan.candles.open_ns[plan.start]),
        to_ns=int(plan.candles.close_ns[-1]),
        variants=plan.variants,
    )
    return trials.note(sweep, now_ns)


def judge_result(
    result: SweepResult, trials: Trials, now_ns: int, *, threads: int = 1
) -> SweepVerdict:
    """Note the sweep and judge its best row: what every sweep ends with."""
    earlier = note_sweep(trials, result.plan, now_ns)
    return assess_sweep(result, earlier, threads=threads)


def walk_sweep(
    plan: GridPlan,
    trials: Trials,
    now_ns: int,
    options: ValidationOptions,
    say: Say,
    *,
    anchored: bool,
) -> WalkForward:
    """Walk a grid forward; that its variants were tried on these candles is noted."""
    note_sweep(trials, plan, now_ns)
    name = "anchored" if anchored else "rolling"
    return walk_grid(
        plan,
        train=options.train,
        test=options.test,
        anchored=anchored,
        threads=options.threads,
        tell=lambda done, count: say(f"walk-forward, {name}: {done} of {count} folds"),
    )


def validate_sweep(
    result: SweepResult, trials: Trials, now_ns: int, options: ValidationOptions, say: Say
) -> Validation:
    """The verdict on a sweep, Monte Carlo on its best row, and the whole grid walked forward."""
    plan = result.plan
    verdict = judge_result(result, trials, now_ns, threads=options.threads)
    if not len(result):
        note = "no variant was ranked: no further tests"
        first = plan.rules.first_signal
        return Validation(
            strategy="none",
            first_signal=first,
            verdict=verdict,
            round_trips=None,
            markets=None,
            look_ahead=None,
            walks={},
            notes=(note,),
            completeness=plan.completeness,
        )
    variant = result.variant(1)
    again = result.core_run(1).report
    report = make_report(again.record, plan.completeness)
    say("Monte Carlo")
    markets = resample_candles(
        plan.candles,
        lambda candles: run_on_candles(plan, variant, candles),
        paths=options.market_paths,
        block=_block(plan.candles),
        seed=options.seed,
    )
    walks = {
        name: walk_sweep(plan, trials, now_ns, options, say, anchored=name == "anchored")
        for name in ("rolling", "anchored")
    }
    return Validation(
        strategy=strategy_name(plan.spec(variant)),
        first_signal=plan.rules.first_signal,
        verdict=verdict,
        round_trips=_round_trips(report, options),
        markets=markets,
        look_ahead=None,
        walks=walks,
        notes=(*warmup_texts(report.record), _TESTED),
        completeness=report.completeness,
    )


def validate_strategy(
    setup: Setup, trials: Trials, options: ValidationOptions, say: Say
) -> Validation:
    """One strategy: all that can be asked without a grid.

    Nothing is chosen here, so nothing is noted; what sweeps tried on these candles counts.
    """
    if setup.run.policy.funding:
        raise BadInput(
            "a strategy that pays funding cannot be validated: generated candles have no funding",
            hint="validate it without funding: true, and compare the two in `bowline backtest`",
        )
    report = make_report(_run(setup.run, setup), setup.completeness)
    notes = list(warmup_texts(report.record))
    markets, ahead = None, None
    if setup.run.policy.fills is Fills.MINUTES:
        notes.append("generated candles: not tested, they have no minutes inside")
    elif setup.spec.funding:
        notes.append("generated candles: not tested, they have no funding rates")
    else:
        say("Monte Carlo")
        markets = resample_candles(
            setup.candles,
            lambda candles: _play(setup, candles),
            paths=options.market_paths,
            block=_block(setup.candles),
            seed=options.seed,
        )
    if isinstance(setup.spec.rules, PluginUse):
        say("look-ahead")
        ahead = look_ahead(setup.opinion, setup.candles, cuts=options.cuts, seed=options.seed)
    else:
        notes.append(_TESTED)
    return Validation(
        strategy=strategy_name(setup.spec),
        first_signal=setup.run.policy.first_signal,
        verdict=make_verdict(_evidence(setup, report, trials)),
        round_trips=_round_trips(report, options),
        markets=markets,
        look_ahead=ahead,
        walks={},
        notes=tuple(notes),
        completeness=report.completeness,
    )


def candles_of_days(days: int, timeframe: Timeframe) -> int:
    """How many candles so many days have; BadInput if it is not a whole number of them."""
    if days < 0 or days * DAY_NS % timeframe.ns:
        raise BadInput(f"{days} days are not a whole number of {timeframe.value} candles")
    return days * DAY_NS // timeframe.ns


def write_equity(walk: WalkForward, out: Output) -> None:
    """The joined equity as CSV: `close_ns,equity`, a row a test candle."""
    rows = zip(walk.close_ns.tolist(), walk.equity.tolist(), strict=True)
    write_rows(("close_ns", "equity"), rows, out)


def _evidence(setup: Setup, report: Report, trials: Trials) -> Evidence:
    run = setup.run
    dearer = replace(run, policy=replace(run.policy, costs=stressed(run.policy.costs)))
    costly = make_report(_run(dearer, setup)).metrics.total_return_pct
    daily = daily_equity(report.record.candles, report.curves.equity, to_float(run.initial_cash))
    alive = np.minimum.accumulate(daily[:-1]) > 0
    growth = np.ones(len(daily) - 1)
    np.divide(daily[1:], daily[:-1], out=growth, where=alive)
    return Evidence(
        winner=growth - 1,
        sample=(growth - 1)[np.newaxis],
        trials=1,
        earlier_trials=trials.tried(
            run.instrument.id, run.start_ns, int(setup.candles.close_ns[-1])
        ),
        round_trips=report.metrics.round_trip_count,
        stress=measure_stress(report.metrics.total_return_pct, costly),
    )


def _run(run: Run, setup: Setup) -> RunRecord:
    return backtest(run, setup.opinion, setup.candles, setup.minutes, setup.funding)


def _play(setup: Setup, candles: CandleFrame) -> tuple[float, float]:
    report = make_report(backtest(setup.run, setup.opinion, candles))
    return report.metrics.total_return_pct, report.metrics.max_drawdown_pct


def _round_trips(report: Report, options: ValidationOptions) -> ResampledPaths | None:
    cash = to_float(report.record.run.initial_cash)
    growth = growth_of(report.round_trips, cash)
    if not len(growth):
        return None
    return resample_round_trips(growth, paths=options.round_trip_paths, seed=options.seed)


def _block(candles: CandleFrame) -> int:
    """A day of candles: what lasts longer than a day is taken apart."""
    return max(_LEAST_BLOCK, DAY_NS // candles.timeframe.ns)
