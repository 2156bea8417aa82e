"""Leverage, liquidation and sizing by risk: paper makes the fills of the backtest, a replay too."""

from __future__ import annotations

from functools import cache

import pytest

from bowline.core.model.intent import Reason
from bowline.core.model.policy import RiskPct
from bowline.core.signals import StrategySpec
from bowline.desk.paper import PaperResult, replay
from tests.generators import catalogue, margin_specs
from tests.memory_journal import MemoryJournal
from tests.paper_runs import play, setup_of
from tests.scenarios.test_close_fills_stay import minutes

#: every direction, sizing and combination of stops
SPECS = 60


@cache
def specs() -> list[StrategySpec]:
    return margin_specs(SPECS, seed=5)


@cache
def played(number: int) -> tuple[PaperResult, MemoryJournal]:
    journal = MemoryJournal()
    return play(setup_of(specs()[number], minutes(), catalogue()), minutes(), journal), journal


@pytest.mark.chance
@pytest.mark.parametrize("number", range(SPECS))
def test_paper_with_margin_is_the_backtest(number):
    result, journal = played(number)
    assert result.finished
    assert result.differences == ()
    setup = setup_of(specs()[number], minutes(), catalogue())
    assert replay(setup, journal).head == result.head


def test_the_specs_are_liquidated_and_sized_by_risk():
    """What is said above means little of runs that never come to it."""
    reasons = [e.reason for at in range(SPECS) for e in played(at)[0].record.executions]
    assert reasons.count(Reason.LIQUIDATION) > 3
    assert sum(isinstance(spec.sizing, RiskPct) for spec in specs()) == 12
