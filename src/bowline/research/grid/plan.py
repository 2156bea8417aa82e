"""A plan: a request over given candles, divided into chunks that can be run anywhere in any order.

A chunk is a pure function of the plan, its number and, in stage B, the shortlist: any process on
any machine, with any number of threads, computes the same bytes. Nothing here may keep state that
depends on the order of chunks, or use more memory than `bytes`.

1. Warm-up, anchor and start are those of a single run over the same span.
2. Every base has its own warm-up; its signals are computed from its own anchor.
3. Chunks are ranges of bases, small ones first, so that there is a result to show early.
4. `run_chunk` computes the signals its bases need, evaluates them with every pair of stops and
   keeps the K best rows, an even sample of all rows and one figure per base.
"""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import cached_property
from math import gcd
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from bowline.core.completeness import Completeness, measure
from bowline.core.errors import BadInput
from bowline.core.model.instrument import FILE_MARKET, market_by_id
from bowline.core.model.market import CandleFrame
from bowline.core.model.policy import Costs, FirstSignal, Limits, Stops
from bowline.core.signals import (
    BUILTIN_DEFAULTS,
    MIN_WARMUP,
    SpecDefaults,
    StrategySpec,
    policy_of,
    ta_lib,
    warmup,
)
from bowline.core.signals.catalogue import Value
from bowline.core.signals.spec import IndicatorUse, SpecCosts
from bowline.research.grid.budget import (
    BANK_BYTES,
    DEFAULT_BUDGET,
    MAX_SAMPLE_ROWS,
    SweepBudget,
    check_memory,
    check_variants,
    chunk_bases,
    estimated_bytes,
)
from bowline.research.grid.crosses import crosses_of
from bowline.research.grid.kernel import evaluate, evaluate_crosses, evaluate_daily
from bowline.research.grid.kernel_types import CloseSeries, Convention, Outcome, Rules
from bowline.research.grid.request import GridRequest
from bowline.research.grid.signals import Key, SignalSource
from bowline.research.grid.space import IndexColumn, Slot
from bowline.research.grid.stages import PROBES, draw_probes
from bowline.research.grid.topk import (
    COLUMNS,
    FIGURES,
    SweepRows,
    best_rows,
    ranking_keys,
    rows_of,
    unpack,
    within_bounds,
)

#: the meaning of every figure: raised when a change would make results differ
ENGINE_VERSION = 3
_FIRST_CHUNK = 8
#: daily equity values processed at once
_DAILY_VALUES = 4_000_000


class Hashes(Struct, frozen=True):
    """SHA-256, in hex, of everything that a result depends on."""

    grid_request: str
    engine_params: str
    data: str


class ChunkResult(Struct, frozen=True):
    """The result of one chunk.

    `figures` has one float64 per base: its key in A, its best key in B.
    """

    chunk: int
    evaluated: int
    kept: int
    top: dict[str, bytes]
    sample: dict[str, bytes]
    figures: bytes

    def to_bytes(self) -> bytes:
        """The result as bytes; equal results have equal bytes."""
        return msgspec.msgpack.encode(self)

    @staticmethod
    def from_bytes(content: bytes) -> ChunkResult:
        """The result that `to_bytes` wrote."""
        return msgspec.msgpack.decode(content, type=ChunkResult)

    @property
    def rows(self) -> SweepRows:
        """The best rows of the chunk."""
        return unpack(self.top)


class GridPlan:
    """One request over given candles. `start` is the index of the first decided candle."""

    def __init__(
        self,
        request: GridRequest,
        candles: CandleFrame,
        start: int,
        rules: Rules,
        *,
        chunk_bases: int | None = None,
        completeness: Completeness | None = None,
    ) -> None:
        self.request = request
        self.completeness = completeness or measure(candles)
        self.candles = candles
        self.start = start
        self.rules = rules
        self.space = request.space
        self.chunk_bases = chunk_bases
        self.stops = np.array(
            [[np.nan if each is None else float(each) for each in lane] for lane in request.lanes]
        )
        self._ends = _chunk_ends(self.space.bases, chunk_bases or self._chunk_bases(1))
        self._b_ends = (
            _chunk_ends(self.second_bases, chunk_bases or self._chunk_bases(self.space.lanes))
            if self.shortlisted
            else np.empty(0, dtype=np.int64)
        )
        if not self.shortlisted and not chunk_bases:
            self._ends = _chunk_ends(self.space.bases, self._chunk_bases(self.space.lanes))
        self._mine = threading.local()
        self._threads: tuple[int, ThreadPoolExecutor] | None = None
        # TA-Lib is loaded at first use, and two threads must not load it at once
        ta_lib.has("SMA")

    # --- known before it starts ---------------------------------------------------------------

    @property
    def variants(self) -> int:
        """The number of variants of the request."""
        return self.space.variants

    @property
    def shortlisted(self) -> bool:
        """Whether there is a stage A before a stage B."""
        wanted = self.request.shortlist
        has_stops = self.request.lanes != ((None, None),)
        return bool(wanted) and has_stops and self.space.bases > wanted

    @property
    def second_bases(self) -> int:
        """The number of bases that stage B evaluates: the shortlist and the probes."""
        wanted = self.request.shortlist
        return wanted + min(PROBES, self.space.bases - wanted)

    @property
    def evaluations(self) -> int:
        """The number of rows computed over all stages."""
        if not self.shortlisted:
            return self.variants
        return self.space.bases + self.second_bases * self.space.lanes

    @property
    def chunks(self) -> int:
        """The number of chunks of all stages; those of stage A come first."""
        return len(self._ends) + len(self._b_ends)

    @property
    def first_chunks(self) -> int:
        """The number of chunks that need no shortlist: all of them without a stage B."""
        return len(self._ends)

    @property
    def bytes(self) -> int:
        """Upper estimate of the memory of one thread's work and of the results, in bytes."""
        return estimated_bytes(self.request, self.candles)

    @cached_property
    def hashes(self) -> Hashes:
        """Hashes of everything that the result depends on."""
        rules = {
            "version": ENGINE_VERSION,
            "direction": self.rules.direction.value,
            "sizing": msgspec.to_builtins(self.rules.sizing),
            "costs": msgspec.to_builtins(self.rules.costs),
            "initial_cash": self.rules.initial_cash,
            "convention": self.rules.convention.value,
        }
        if self.rules.first_signal is not FirstSignal.ENTER:
            # left out for the value that older sweeps used, so that their hashes stay
            rules["first_signal"] = self.rules.first_signal.value
        seen = f"{self.candles.content_hash()}:{self.start}"
        return Hashes(
            self.request.hash(),
            hashlib.sha256(msgspec.json.encode(rules, order="sorted")).hexdigest(),
            hashlib.sha256(seen.encode()).hexdigest(),
        )

    # --- one variant --------------------------------------------------------------------------

    def spec(self, variant: int) -> StrategySpec:
        """The strategy of a variant; IndexError if there is no such variant.

        Costs and instrument are those of the sweep, written out, so that a run of it repeats the
        row.
        """
        base, lane = divmod(variant, self.space.lanes)
        uses = [
            IndicatorUse(slot.indicator.id, slot.indicator.version, tuple(params.items()))
            for slot, params in self.space.rules(base)
        ]
        stops = Stops(*self.request.lanes[lane])
        rules = tuple(sorted(uses, key=msgspec.json.encode))
        costs = SpecCosts(self.rules.costs.fee_pct, self.rules.costs.slippage_pct)
        swept = self.candles.instrument
        # candles of a file belong to no market that a spec can name
        instrument = None if swept.market_id == FILE_MARKET.market_id else swept
        return replace(
            self.request.template, rules=rules, stops=stops, costs=costs, instrument=instrument
        )

    def params(self, variant: int) -> dict[str, Value | Decimal | None]:
        """The parameters of a variant: `slot_parameter`, then `sl_pct` and `tp_pct`."""
        base, lane = divmod(variant, self.space.lanes)
        flat: dict[str, Value | Decimal | None] = {
            f"{slot.name}_{name}": value
            for slot, params in self.space.rules(base)
            for name, value in params.items()
        }
        sl_pct, tp_pct = self.request.lanes[lane]
        return flat | {"sl_pct": sl_pct, "tp_pct": tp_pct}

    def cost(self, variants: IndexColumn) -> IndexColumn:
        """The complexity of each variant: the number of its slots and of its stops that are on."""
        bases, lanes = np.divmod(variants, self.space.lanes)
        slots: IndexColumn = np.array([len(subset.slots) for subset in self.space.subsets])
        on: IndexColumn = np.count_nonzero(~np.isnan(self.stops), axis=1)
        found: IndexColumn = (
            slots[np.searchsorted(self.space.ends, bases, side="right")] + on[lanes]
        )
        return found

    # --- one chunk ----------------------------------------------------------------------------

    def bases_of(self, chunk: int, shortlist: IndexColumn | None = None) -> IndexColumn:
        """The bases of a chunk; ValueError for a chunk of stage B without the shortlist."""
        low, high = self.span_of(chunk)
        if chunk < len(self._ends):
            return np.arange(low, high, dtype=np.int64)
        if shortlist is None or len(shortlist) != self.request.shortlist:
            raise ValueError(f"chunk {chunk} needs the shortlist of {self.request.shortlist} bases")
        return self.second_list(shortlist)[low:high]

    def run_chunk(
        self, chunk: int, threads: int = 1, shortlist: IndexColumn | None = None
    ) -> ChunkResult:
        """Compute one chunk; chunks from `first_chunks` on need the shortlist (`Merge`)."""
        bases = self.bases_of(chunk, shortlist)
        first = self.shortlisted and chunk < len(self._ends)
        stops = np.array([[np.nan, np.nan]]) if first else self.stops
        outcome = self.evaluate(bases, stops, threads)
        lanes = len(stops)
        variants = (bases[:, None] * self.space.lanes + np.arange(lanes)).ravel()
        rows = rows_of(variants, outcome)
        key = ranking_keys(rows, self.request.rank_by)
        if first:
            empty = dict.fromkeys(COLUMNS, b"")
            return ChunkResult(chunk, len(rows), 0, empty, empty, key.astype("<f8").tobytes())
        keep = within_bounds(rows, self.request.keep)
        self._hold_loss_window(keep.reshape(len(bases), lanes), rows, bases)
        best_key = np.where(keep, key, -np.inf).reshape(len(bases), lanes).max(axis=1)
        if shortlist is not None:
            listed = shortlist[np.minimum(np.searchsorted(shortlist, bases), len(shortlist) - 1)]
            keep &= np.repeat(listed == bases, lanes)
        request = self.request
        top = best_rows(rows.take(np.flatnonzero(keep)), request.rank_by, request.top, self.cost)
        sample = rows.take(np.flatnonzero(variants % self._stride == 0))
        return ChunkResult(
            chunk, len(rows), int(keep.sum()), top.pack(), sample.pack(),
            best_key.astype("<f8").tobytes(),
        )  # fmt: skip

    def evaluate(self, bases: IndexColumn, stops: NDArray[np.float64], threads: int = 1) -> Outcome:
        """The outcome of these bases with every pair of `stops`, ordered by base.

        Threads share the bases, because computing signals takes as long as the kernel does; each
        thread keeps its own signals.
        """
        parts = [part for part in np.array_split(bases, threads) if len(part)]
        if len(parts) == 1:
            return self._evaluate(bases, stops)
        pool = self._pool(threads)
        return _joined(list(pool.map(self._evaluate, parts, [stops] * len(parts))))

    def _evaluate(self, bases: IndexColumn, stops: NDArray[np.float64]) -> Outcome:
        """Crosses are computed by the kernel, all other signals are packed first."""
        packed = np.ones(len(bases), dtype=np.bool_)
        parts, places = [], []
        for where, subset, sets in self.space.split(bases):
            crosses = crosses_of(subset.slots, sets, self._anchors(subset.slots, sets))
            if crosses is not None:
                packed[where] = False
                parts.append(evaluate_crosses(self.series, crosses, stops, self.rules))
                places.append(where)
        if packed.any():
            bank, rows = self.signals(bases[packed])
            parts.append(evaluate(self.series, bank, rows, stops, self.rules))
            places.append(np.flatnonzero(packed))
        return parts[0] if len(parts) == 1 else _joined(parts).in_order(np.concatenate(places))

    def _pool(self, threads: int) -> ThreadPoolExecutor:
        if self._threads is None or self._threads[0] != threads:
            self._threads = threads, ThreadPoolExecutor(threads)
        return self._threads[1]

    def signals(self, bases: IndexColumn) -> tuple[Any, NDArray[np.int32]]:
        """The calling thread's bank, and its rows that must agree for each base."""
        source = self._source
        wanted: dict[Key, Slot] = {}
        parts = []
        for places, subset, sets in self.space.split(bases):
            anchors = self._anchors(subset.slots, sets)
            for at, slot in enumerate(subset.slots):
                pairs = zip(sets[:, at].tolist(), anchors.tolist(), strict=True)
                found = [(slot.name, number, anchor) for number, anchor in pairs]
                wanted |= dict.fromkeys(found, slot)
                parts.append((places, at, found))
        known = source.rows(wanted)
        width = 1 + max(at for _, at, _ in parts)
        rows = np.full((len(bases), width), -1, dtype=np.int32)
        for places, at, found in parts:
            rows[places, at] = [known[key] for key in found]
        # a signal agrees with itself, so a smaller subset is padded with its first row
        return source.bank, np.where(rows < 0, rows[:, :1], rows)

    def _hold_loss_window(
        self, keep: NDArray[np.bool_], rows: SweepRows, bases: IndexColumn
    ) -> None:
        """Clear `keep` (bases, lanes) where a row lost more within the window than allowed."""
        window = self.request.keep.loss_window
        if window is None:
            return
        # the drawdown of daily equity is never deeper than that of the closes
        doubtful = (rows.max_drawdown_pct > window.loss_pct).reshape(keep.shape) & keep
        asked = np.flatnonzero(doubtful.any(axis=1))
        at_once = max(1, _DAILY_VALUES // (keep.shape[1] * (self.series.days + 1)))
        for start in range(0, len(asked), at_once):
            places = asked[start : start + at_once]
            bank, signals = self.signals(bases[places])
            daily = evaluate_daily(self.series, bank, signals, self.stops, self.rules)
            keep[places] &= window.holds(daily).reshape(len(places), -1) | ~doubtful[places]

    @cached_property
    def series(self) -> CloseSeries:
        """The closes, prepared for the kernel."""
        return CloseSeries(self.candles, self.start)

    def anchor(self, variant: int) -> int:
        """The index of the candle at which a run of this variant alone would begin."""
        base = np.array([variant // self.space.lanes], dtype=np.int64)
        _, subset, sets = next(self.space.split(base))
        return int(self._anchors(subset.slots, sets)[0])

    def span_of(self, chunk: int) -> tuple[int, int]:
        """The positions of a chunk's bases in the list of its stage."""
        if chunk < len(self._ends):
            return _span(self._ends, chunk)
        return _span(self._b_ends, chunk - len(self._ends))

    def second_list(self, shortlist: IndexColumn) -> IndexColumn:
        """The bases of stage B: the shortlist and the probes, ascending."""
        probes = draw_probes(shortlist, self.space.bases)
        return np.sort(np.concatenate((shortlist, probes)))

    def _anchors(self, slots: tuple[Slot, ...], sets: IndexColumn) -> IndexColumn:
        timeframe = self.request.template.timeframe
        wait = np.full(len(sets), MIN_WARMUP, dtype=np.int64)
        for at, slot in enumerate(slots):
            np.maximum(wait, slot.warmups(sets[:, at], timeframe), out=wait)
        return np.maximum(0, self.start - wait)

    @property
    def _source(self) -> SignalSource:
        found: SignalSource | None = getattr(self._mine, "source", None)
        if found is None:
            found = self._mine.source = SignalSource(self.candles, BANK_BYTES)
        return found

    def _chunk_bases(self, lanes: int) -> int:
        return chunk_bases(self.candles, lanes)

    @cached_property
    def _stride(self) -> int:
        """The distance between sampled variants; it shares no factor with the number of lanes."""
        rows = self.second_bases * self.space.lanes if self.shortlisted else self.variants
        stride = max(1, -(-rows // MAX_SAMPLE_ROWS))
        while gcd(stride, self.space.lanes) > 1:
            stride += 1
        return stride


def candles_without_signal(plan: GridPlan, variant: int) -> int:
    """How many candles a run of this variant decides on before its rules all have a value."""
    timeframe = plan.request.template.timeframe
    rules = plan.space.rules(variant // plan.space.lanes)
    asked = max(warmup(slot.indicator, params, timeframe) for slot, params in rules)
    return min(max(0, asked - plan.start), len(plan.candles) - plan.start)


def plan_grid(
    request: GridRequest,
    candles: CandleFrame,
    start_ns: int,
    *,
    cash: Decimal = Decimal(10_000),
    defaults: SpecDefaults = BUILTIN_DEFAULTS,
    convention: Convention = Convention.BOWLINE,
    budget: SweepBudget = DEFAULT_BUDGET,
    chunk_bases: int | None = None,
    completeness: Completeness | None = None,
) -> GridPlan:
    """The plan of `request` over `candles`, whose decisions begin at `start_ns`.

    `candles` begin `request.warmup` candles before the start, or as many as there are.
    `completeness` describes how complete they are; None measures them over themselves. BadInput if
    there is no candle to decide on, if the settings limit entries, or over budget.
    """
    check_variants(request, budget)
    start = int(candles.open_ns.searchsorted(start_ns))
    if start >= len(candles):
        raise BadInput(
            "the span contains no complete candle",
            hint="see what is stored with `bowline candles list`, then choose --from and --to",
        )
    market = market_by_id(candles.instrument.market_id)
    policy = policy_of(request.template, market, defaults)
    if policy.limits != Limits():
        raise BadInput(
            "the settings limit entries (cooldown, daily loss), which a sweep does not support",
            hint="run it with BOWLINE_RISK_PRESET=none, then add limits to a saved row",
        )
    costs = Costs(policy.costs.fee_pct, policy.costs.slippage_pct)
    rules = Rules(policy.direction, policy.sizing, costs, cash, convention, policy.first_signal)
    check_memory(request, candles, budget)
    return GridPlan(
        request, candles, start, rules, chunk_bases=chunk_bases, completeness=completeness
    )


def _chunk_ends(count: int, most: int) -> IndexColumn:
    ends, size = [0], min(_FIRST_CHUNK, most)
    while ends[-1] < count:
        ends.append(min(count, ends[-1] + size))
        size = min(most, size * 4)
    return np.array(ends[1:], dtype=np.int64)


def _span(ends: IndexColumn, at: int) -> tuple[int, int]:
    return (int(ends[at - 1]) if at else 0), int(ends[at])


def _joined(parts: list[Outcome]) -> Outcome:
    return Outcome(*(np.concatenate([getattr(p, name) for p in parts]) for name in FIGURES))
