"""The signals of a sweep are those of the core, bit for bit, whoever computed what before."""

from __future__ import annotations

import numpy as np
import pytest

from bowline.core.signals import expressions, signal
from bowline.research.grid import plan_grid
from bowline.research.grid.library import available
from bowline.research.grid.signals import SignalSource, _compare
from bowline.research.grid.space import Axis, Slot
from tests.generators import ruled
from tests.research.grids import START_NS, minutes, request

CANDLES = minutes(900, seed=4)


def slot_of(entry, name="x"):
    axes = tuple(Axis(each.name, (each.default,)) for each in entry.params)
    return Slot(name, entry, axes, ())


@pytest.mark.parametrize("anchor", [0, 137])
def test_every_indicator_says_what_the_core_says(anchor: int) -> None:
    source = SignalSource(CANDLES, 1 << 20)
    frame = CANDLES.slice(anchor, len(CANDLES))
    for entry in ruled():
        found = source.direction(slot_of(entry), entry.defaults(), anchor)
        expected = signal(entry, entry.defaults(), frame)
        assert np.array_equal(found[anchor:], expected), entry.id
        assert not found[:anchor].any(), entry.id


def test_shared_steps_change_nothing_whatever_was_asked_before() -> None:
    entries = [each for each in ruled() if each.group in {"cross", "momentum", "volume"}]
    forward, backward = SignalSource(CANDLES, 1 << 20), SignalSource(CANDLES, 1 << 20)
    one = {e.id: forward.direction(slot_of(e), e.defaults(), 0) for e in entries}
    two = {e.id: backward.direction(slot_of(e), e.defaults(), 0) for e in reversed(entries)}
    for name, column in one.items():
        assert np.array_equal(column, two[name]), name


def test_a_full_bank_is_begun_anew_and_answers_the_same() -> None:
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


@pytest.mark.parametrize("path", available())
def test_columns_compare_as_the_catalogue_compares_on_every_path(path, monkeypatch) -> None:
    monkeypatch.setenv("BOWLINE_KERNEL", path)
    draw = np.random.Generator(np.random.PCG64(3))
    one = draw.normal(100, 1e-9, 50_000)
    other = np.where(draw.random(50_000) < 0.3, one * (1 + 1e-13), draw.normal(100, 1e-10, 50_000))
    for column in (one, other):
        column[draw.integers(0, 50_000, 400)] = np.nan
        column[draw.integers(0, 50_000, 400)] = np.inf
        column[draw.integers(0, 50_000, 400)] = -np.inf
        column[draw.integers(0, 50_000, 400)] = 0.0
    values = {"a": one, "b": other}
    above, below = (
        expressions.judge(expressions.parse(text), values, 50_000) for text in ("a > b", "a < b")
    )
    known = above.known & below.known
    expected = (above.holds & known).astype(np.int8) - (below.holds & known).astype(np.int8)
    found = np.zeros(50_000, dtype=np.int8)
    _compare(one, other, found)
    assert np.array_equal(found, expected)
    assert {-1, 0, 1} == set(found.tolist())
