"""The signals of a sweep are those of the core, bit for bit, whoever computed what before."""

from __future__ import annotations

import numpy as np
import pytest

from bowline.core.rounding import largest_so_far
from bowline.core.signals import expressions, indicators, signal
from bowline.core.signals.opinion import Agreement
from bowline.research.grid import plan_grid
from bowline.research.grid.library import available
from bowline.research.grid.signals import SignalSource, _compare
from bowline.research.grid.space import GridAxis, Slot
from tests.chance import generator
from tests.core.signals.candles_for_signals import halted
from tests.generators import ruled
from tests.research.grids import START_NS, minutes, request

CANDLES = minutes(900, seed=4)


def slot_of(entry, name="x"):
    axes = tuple(GridAxis(each.name, (each.default,)) for each in entry.params)
    return Slot(name, entry, axes, ())


@pytest.mark.parametrize("anchor", [0, 137])
def test_every_indicator_says_what_the_core_says(anchor: int) -> None:
    source = SignalSource(CANDLES, 1 << 20)
    frame = CANDLES.slice(anchor, len(CANDLES))
    for entry in ruled():
        found, first = source.signal(slot_of(entry), entry.defaults(), anchor)
        expected = signal(entry, entry.defaults(), frame)
        assert np.array_equal(found[anchor:], expected), entry.id
        assert not found[:anchor].any(), entry.id
        agreement = Agreement(((entry, entry.defaults()),), frame.timeframe)
        assert first == anchor + agreement.signals(frame).first, entry.id


def test_shared_steps_change_nothing_whatever_was_asked_before() -> None:
    entries = [each for each in ruled() if each.group in {"cross", "momentum", "volume"}]
    forward, backward = SignalSource(CANDLES, 1 << 20), SignalSource(CANDLES, 1 << 20)
    one = {e.id: forward.signal(slot_of(e), e.defaults(), 0) for e in entries}
    two = {e.id: backward.signal(slot_of(e), e.defaults(), 0) for e in reversed(entries)}
    for name, (column, first) in one.items():
        assert np.array_equal(column, two[name][0]), name
        assert first == two[name][1], name


def test_a_full_bank_makes_room_and_answers_the_same() -> None:
    plan = plan_grid(request(), CANDLES, START_NS)
    a_row = 2 * SignalSource(CANDLES, 0).bank.words * 8
    small, large = SignalSource(CANDLES, 3 * a_row), SignalSource(CANDLES, 1 << 20)
    slots = {slot.name: slot for slot in plan.request.slots}
    for number in range(8):
        wanted = {("sma_cross", number, 0): slots["sma_cross"]}
        columns = []
        for source in (small, large):
            row = source.rows(wanted)[("sma_cross", number, 0)]
            columns.append(source.bank.direction(np.array([row], dtype=np.int32)))
        assert np.array_equal(*columns)
        assert len(small.bank) <= 3
    assert len(large.bank) == 8


def steps_run(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The formulas of all steps that are computed from now on."""
    found: list[str] = []
    run = indicators.run_step

    def counted(step, known):
        found.append(step.formula)
        return run(step, known)

    monkeypatch.setattr(indicators, "run_step", counted)
    return found


def cross_keys(slot: Slot, fasts: int, slows: int):
    """The keys of a strip of crosses, in the order of their numbers."""
    return {
        (slot.name, number, 0): slot
        for number in range(slot.count)
        if slot.digits(number)[0] < fasts and slot.digits(number)[1] < slows
    }


def crosses_of(fasts: int, slows: int) -> Slot:
    entry = next(each for each in ruled() if each.id == "sma_cross")
    axes = (
        GridAxis("fast", tuple(range(2, 2 + fasts))),
        GridAxis("slow", tuple(range(40, 40 + slows))),
    )
    return Slot("x", entry, axes, ())


def test_a_full_bank_keeps_what_is_wanted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grid whose last slot changes fastest asks for that slot's rows in every chunk."""
    slot = crosses_of(1, 12)
    keys = list(cross_keys(slot, 1, 12))
    a_row = 2 * SignalSource(CANDLES, 0).bank.words * 8
    source, fresh = SignalSource(CANDLES, 8 * a_row), SignalSource(CANDLES, 1 << 20)
    source.rows(dict.fromkeys(keys[:8], slot))
    steps = steps_run(monkeypatch)
    rows = source.rows(dict.fromkeys((*keys[5:10],), slot))
    # two new slow averages; the fast one is still there
    assert len(steps) == 2
    assert len(source.bank) == len(rows) == 5
    for key, row in rows.items():
        expected, first = fresh.signal(slot, slot.params(key[1]), 0)
        assert np.array_equal(source.bank.direction(np.array([row], dtype=np.int32)), expected)
        assert source.bank.first(np.array([[row]], dtype=np.int32)).tolist() == [first]


def test_more_rows_than_a_bank_has_are_given_when_they_are_wanted_at_once() -> None:
    slot = crosses_of(2, 9)
    wanted = cross_keys(slot, 2, 9)
    source = SignalSource(CANDLES, 0)
    assert len(source.rows(wanted)) == len(source.bank) == 18
    assert len(source.rows(dict(list(wanted.items())[:3]))) == 3


@pytest.mark.parametrize(("fasts", "slows"), [(2, 60), (7, 60), (60, 2)])
def test_neighbours_share_their_averages(fasts, slows, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of their numbers, a row of slow averages is gone before the next fast one."""
    slot = crosses_of(fasts, slows)
    source, steps = SignalSource(CANDLES, 1 << 24), steps_run(monkeypatch)
    source.rows(cross_keys(slot, fasts, slows))
    assert len(steps) < 0.6 * fasts * slows


@pytest.mark.parametrize("path", available())
def test_in_a_market_that_stands_still_a_sweep_says_what_the_core_says(path, monkeypatch) -> None:
    """Noise, no trade for 700 candles, noise: what is rounding there is so on every path."""
    monkeypatch.setenv("BOWLINE_KERNEL", path)
    market = halted(1.1, before=300, still=700, after=200, traded=0.0)
    source = SignalSource(market, 1 << 20)
    for entry in ruled():
        found = source.signal(slot_of(entry), entry.defaults(), 0)[0]
        assert np.array_equal(found, signal(entry, entry.defaults(), market)), entry.id


@pytest.mark.chance
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("path", available())
def test_columns_compare_as_the_catalogue_compares_on_every_path(path, scaled, monkeypatch) -> None:
    monkeypatch.setenv("BOWLINE_KERNEL", path)
    draw = generator(3)
    one = draw.normal(100, 1e-9, 50_000)
    other = np.where(draw.random(50_000) < 0.3, one * (1 + 1e-13), draw.normal(100, 1e-10, 50_000))
    for column in (one, other):
        column[draw.integers(0, 50_000, 400)] = np.nan
        column[draw.integers(0, 50_000, 400)] = np.inf
        column[draw.integers(0, 50_000, 400)] = -np.inf
        column[draw.integers(0, 50_000, 400)] = 0.0
    values = {"a": one, "b": other}
    scale = largest_so_far(draw.normal(0, 1e4, 50_000)) if scaled else None
    scales = {} if scale is None else {"a": scale}
    above, below = (
        expressions.evaluate(expressions.parse(text), values, 50_000, scales)
        for text in ("a > b", "a < b")
    )
    known = above.known & below.known
    expected = (above.holds & known).astype(np.int8) - (below.holds & known).astype(np.int8)
    found = np.zeros(50_000, dtype=np.int8)
    _compare(one, other, scale, found)
    assert np.array_equal(found, expected)
    assert {-1, 0, 1} == set(found.tolist())
