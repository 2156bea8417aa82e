"""Protects: a change reaches the field it names, and only that, or is refused in words."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from bowline.core.errors import BadInput
from bowline.desk.changes import apply_changes

DOCUMENT: dict[str, Any] = {
    "timeframe": "1h",
    "indicators": [{"id": "sma_cross", "params": {"fast": 10, "slow": 50}}],
    "stops": {"sl_pct": Decimal("1.5")},
}


def edited(**parts: Any) -> dict[str, Any]:
    return {**copy.deepcopy(DOCUMENT), **parts}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("timeframe=5m", edited(timeframe="5m")),
        ("stops.sl_pct=2.25", edited(stops={"sl_pct": Decimal("2.25")})),
        ("stops.tp_pct = 3", edited(stops={"sl_pct": Decimal("1.5"), "tp_pct": 3})),
        ("stops.sl_pct=null", edited(stops={})),
        ("stops=null", {k: v for k, v in edited().items() if k != "stops"}),
        ("limits.cooldown_candles=4", edited(limits={"cooldown_candles": 4})),
        ("limits=null", edited()),
        (
            "sizing={mode: fixed_quote, quote: 5}",
            edited(sizing={"mode": "fixed_quote", "quote": 5}),
        ),
        (
            "indicators[0].params.fast=12",
            edited(indicators=[{"id": "sma_cross", "params": {"fast": 12, "slow": 50}}]),
        ),
        ("indicators[0]={id: rsi}", edited(indicators=[{"id": "rsi"}])),
        ("indicators[1]={id: rsi}", edited(indicators=[DOCUMENT["indicators"][0], {"id": "rsi"}])),
        ("indicators[0]=null", edited(indicators=[])),
    ],
)
def test_a_change_reaches_its_field(change: str, expected: dict[str, Any]) -> None:
    before = copy.deepcopy(DOCUMENT)
    assert apply_changes(DOCUMENT, [change]) == expected
    assert before == DOCUMENT


@pytest.mark.parametrize(
    "change",
    [
        "timeframe",
        "=5",
        "stops.=5",
        "indicators[x].id=5",
        "indicators[0.id=5",
        "indicators[2]={id: rsi}",
        "indicators[3].id=rsi",
        "indicators.id=rsi",
        "timeframe.x=1",
        "timeframe[0]=1",
        "stops.sl_pct=[1",
        "stops.sl_pct=&x 1",
    ],
)
def test_a_change_that_cannot_be_made_is_named(change: str) -> None:
    with pytest.raises(BadInput, match="a change cannot be made") as caught:
        apply_changes(DOCUMENT, ["timeframe=1m", change])
    assert len(caught.value.problems) == 1
    assert change.partition("=")[0].strip() in caught.value.problems[0]


def test_changes_are_made_in_turn() -> None:
    changed = apply_changes(DOCUMENT, ["indicators[1]={id: rsi}", "indicators[1].params.period=9"])
    assert changed["indicators"][1] == {"id": "rsi", "params": {"period": 9}}
