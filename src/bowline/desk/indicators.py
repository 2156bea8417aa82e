"""Indicators for the user: list the catalogue, show an entry, compute its series.

A series shown here must be the one a backtest over the same span would use: it starts the same
number of candles earlier.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bowline.core.completeness import Completeness
from bowline.core.errors import BadInput, NotFound
from bowline.core.model.market import CandleFrame, IntColumn
from bowline.core.model.values import Direction, Timeframe
from bowline.core.signals import MIN_WARMUP, Catalogue, Indicator, Value, compute, signal, warmup
from bowline.desk.candles import instrument_of, parse_moment, parse_start, parse_timeframe, utc_text
from bowline.desk.completeness import USUAL_GAPS, GapRule, accept, accept_stored
from bowline.desk.output_files import Output, write_rows
from bowline.desk.setup import DecisionSpan, candles_of_span, stored_candles, stored_instrument
from bowline.storage.candles import Candles
from bowline.storage.files import read_candle_file


class IndicatorCandles(msgspec.Struct, frozen=True):
    """Candles, those of the warm-up first; asked for from `start_ns` on; how complete they are."""

    candles: CandleFrame
    start_ns: int
    completeness: Completeness


class IndicatorRequest(msgspec.Struct, frozen=True):
    """An entry with the parameters it is to be computed with, all bounds held."""

    indicator: Indicator
    params: Mapping[str, Value]

    def reach(self, timeframe: Timeframe) -> int:
        """Candles to compute before the first that is asked for, as a backtest does."""
        return max(MIN_WARMUP, warmup(self.indicator, self.params, timeframe))


class IndicatorSeries(msgspec.Struct, frozen=True):
    """The series over the candles asked for; `direction` is None for an entry without a rule."""

    request: IndicatorRequest
    open_ns: IntColumn
    close: NDArray[np.float64]
    outputs: Mapping[str, NDArray[np.float64]]
    direction: NDArray[np.int8] | None

    def columns(self) -> tuple[str, ...]:
        """The headings of `rows`."""
        last = () if self.direction is None else ("signal",)
        return ("time", "close", *self.request.indicator.outputs, *last)

    def rows(self) -> list[tuple[str | float | None, ...]]:
        """One row a candle: opening time (UTC), close, outputs (None: no value yet), signal."""
        numbers = [self.close, *(self.outputs[name] for name in self.request.indicator.outputs)]
        columns: list[list[str | float | None]] = [[utc_text(at) for at in self.open_ns.tolist()]]
        columns += [[None if math.isnan(x) else x for x in each.tolist()] for each in numbers]
        if self.direction is not None:
            columns.append([Direction(each).name for each in self.direction.tolist()])
        return list(zip(*columns, strict=True))


def list_entries(catalogue: Catalogue, group: str = "") -> tuple[Indicator, ...]:
    """All entries, or those of one group; BadInput names the groups there are."""
    groups = sorted({entry.group for entry in catalogue.entries})
    if group and group not in groups:
        raise BadInput(
            f"{group!r} is not a group of indicators", hint=f"Expected one of {', '.join(groups)}."
        )
    return tuple(entry for entry in catalogue.entries if group in {"", entry.group})


def indicator_request(catalogue: Catalogue, indicator_id: str, params: str) -> IndicatorRequest:
    """The entry with parameters in words, as `fast=10,slow=50`; BadInput has a line a mistake."""
    indicator = catalogue.get(indicator_id)
    values, problems = indicator.resolve(parse_params(params))
    if problems:
        raise BadInput(
            f"these parameters do not fit {indicator.id}",
            problems=tuple(problems),
            hint=f"bowline indicators show {indicator.id}",
        )
    return IndicatorRequest(indicator, values)


def parse_params(text: str) -> dict[str, Value]:
    """`fast=10,slow=50` as a mapping; numbers become numbers."""
    params: dict[str, Value] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, value = (each.strip() for each in part.partition("="))
        if not (name and equals and value) or name in params:
            raise BadInput(
                f"cannot read {part!r} in the parameters",
                hint="Expected name=value, each name once, with commas between.",
            )
        params[name] = _number(value)
    return params


def from_store(
    request: IndicatorRequest,
    store: Candles,
    place: tuple[str, str, str],
    span: tuple[str, str],
    rule: GapRule = USUAL_GAPS,
) -> IndicatorCandles:
    """Stored candles of a market, symbol and timeframe over a span of moments in words.

    BadInput if more of them are missing than the rule lets pass.
    """
    market, symbol, timeframe_name = place
    timeframe = parse_timeframe(timeframe_name)
    instrument = stored_instrument(store, instrument_of(market, symbol)).id
    within = _span(span)
    reach, moments = request.reach(timeframe), (within.from_ns, within.to_ns)
    found = stored_candles(store, instrument, timeframe, within, reach)
    return IndicatorCandles(*found, accept_stored(store, found[0], *moments, rule, warmup=reach))


def from_file(
    request: IndicatorRequest,
    file: Path,
    timeframe: str,
    span: tuple[str, str],
    rule: GapRule = USUAL_GAPS,
    *,
    allow_jumps: bool = False,
) -> IndicatorCandles:
    """The candles of a file, as they are or rolled up, over a span of moments in words.

    BadInput if more of them are missing than the rule lets pass.
    """
    asked_for = parse_timeframe(timeframe) if timeframe else None
    candles = read_candle_file(file, asked_for, allow_jumps=allow_jumps)
    within = _span(span)
    reach = request.reach(candles.timeframe)
    found = candles_of_span(candles, within, reach)
    return IndicatorCandles(
        *found, accept(found[0], within.from_ns, within.to_ns, rule, warmup=reach)
    )


def compute_series(
    request: IndicatorRequest, found: IndicatorCandles, last: int = 0
) -> IndicatorSeries:
    """The series over candles, from the moment in `found` on, or the `last` of them only."""
    candles = found.candles
    outputs = compute(request.indicator, request.params, candles)
    direction = None
    if request.indicator.rule is not None:
        direction = signal(request.indicator, request.params, candles)
    first = int(candles.open_ns.searchsorted(found.start_ns))
    if first == len(candles):
        raise NotFound("there is no complete candle of this timeframe in that span")
    if last:
        first = max(first, len(candles) - last)
    return IndicatorSeries(
        request,
        candles.open_ns[first:],
        candles.close[first:],
        {name: series[first:] for name, series in outputs.items()},
        None if direction is None else direction[first:],
    )


def write_series(series: IndicatorSeries, out: Output) -> None:
    """Write the series to a CSV file. Raises BowlineError if it cannot be written there."""
    rows = zip(series.open_ns.tolist(), series.rows(), strict=True)
    columns = ("open_ns", *series.columns())
    write_rows(columns, ((open_ns, *row) for open_ns, row in rows), out)


def _span(words: tuple[str, str]) -> DecisionSpan:
    start, end = words
    return DecisionSpan(parse_start(start) if start else None, parse_moment(end) if end else None)


def _number(text: str) -> Value:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
