"""`bowline tape`, as a person uses it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.values import DAY_NS, Side
from bowline.core.venue import QuoteChanged, TradePrinted
from bowline.storage.tape import TapeWriter, day_of

BTC = InstrumentId(MarketId(4), "BTCUSDT")


@pytest.fixture
def recorded(home: Path) -> int:
    now_ns = time.time_ns()
    writer = TapeWriter(home / "tape")
    for days in (3, 1, 0):
        at = now_ns - days * DAY_NS
        writer.write(TradePrinted(BTC, at, 100.5, 2.0, Side.SELL, "t1"), at)
        writer.write(QuoteChanged(BTC, at + 1, 100.0, 1.0, 101.0, 3.0), at + 1)
    writer.flush()
    return now_ns


def test_what_is_recorded_is_listed_heard_and_pruned(say, recorded: int) -> None:
    listed = json.loads(say("tape", "list", "--json")[1])
    assert [(each["name"], each["coverage"]["ticks"]) for each in listed] == [
        ("bybit:linear:BTCUSDT", 1)
    ] * 6
    named = ("--market", "bybit:linear", "--symbol", "BTCUSDT")
    lines = say("tape", "replay", *named, "--json")[1]
    ticks = [json.loads(line) for line in lines.splitlines()]
    assert [tick["kind"] for tick in ticks] == ["trade", "quote"] * 3
    assert (ticks[0]["price"], ticks[0]["taker"]) == (100.5, "sell")
    spoken = say("tape", "replay", *named)[1]
    assert "trade bybit:linear:BTCUSDT sell 2 at 100.5" in spoken
    gone = json.loads(say("tape", "prune", "--keep-days", "2", "--json")[1])
    assert {day["day"] for day in gone["deleted"]} == {day_of(recorded - 3 * DAY_NS)}
    assert len(json.loads(say("tape", "list", "--json")[1])) == 4


def test_nothing_recorded_is_said_so_with_what_to_do(say, recorded: int) -> None:
    code, _, error = say("tape", "replay", "--market", "okx:spot", "--symbol", "BTCUSDT")
    assert code == 1
    assert "no ticks of okx:spot:BTCUSDT" in error
    assert "bowline tape list" in error
    code, _, error = say("tape", "prune", "--keep-days", "0")
    assert code == 1
    assert "at least 1" in error
