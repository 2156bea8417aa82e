"""Protects what a person reads of an account: a sentence each, or an object a line."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from bowline.cli.venues_watch import _Lines, _Sentences
from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.core.model.order import OrderState
from bowline.core.model.values import Direction, OrderId, Side
from bowline.core.venue import Balance, FillReport, OrderReport, PositionReport
from bowline.venues.account_codec import AccountReport
from bowline.venues.stream import KeyRefused, RestPolled, StreamLost, StreamMissed

D = Decimal
BTC = InstrumentId(market_by_name("bybit:linear").market_id, "BTCUSDT")
FILL = FillReport(
    BTC, "t1", "v1", OrderId(7), Side.BUY, D("0.01"), D(60000), D("0.33"), "USDT", 1
)  # fmt: skip


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (
            OrderReport(
                "v1", OrderId(7), BTC, Side.BUY, D("0.01"), D(0), OrderState.WORKING, 1,
                price=D("6E+4"),
            ),
            "order v1 (ours: 7): buy 0.01 BTCUSDT at 60000, working, filled 0",
        ),
        (FILL, "fill t1: buy 0.01 BTCUSDT at 60000, fee 0.33 USDT, taker"),
        (Balance("USDT", D("1E+3"), D(5)), "balance USDT: 1000, free 5"),
        (
            PositionReport(BTC, Direction.SHORT, D(2), D(60000), 1),
            "position BTCUSDT: short 2 at 60000",
        ),
        (PositionReport(BTC, Direction.NEUTRAL, D(0), D(0), 1), "position BTCUSDT: flat"),
    ],
)  # fmt: skip
def test_a_report_is_a_sentence_with_the_time_it_was_seen(
    report: AccountReport, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _Sentences().report(report, 1_500_000_000)
    assert capsys.readouterr().out == f"00:00:01.500 {sentence}\n"


def test_what_became_of_the_stream_is_said_and_the_usual_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = _Sentences()
    said.event(RestPolled(), 0)
    assert not capsys.readouterr().out
    said.event(StreamLost("reset", 1.25), 0)
    said.event(KeyRefused("10003", "Invalid apikey"), 0)
    said.event(StreamMissed(FILL), 0)
    lost, refused, missed = capsys.readouterr().out.splitlines()
    assert "lost: reset; reconnecting in 1.2 s" in lost
    assert "Invalid apikey (10003)" in refused
    assert "missed what REST reported: fill t1" in missed


def test_a_program_reads_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = _Lines()
    lines.report(FILL, 5)
    lines.event(StreamMissed(FILL), 6)
    fill, missed = map(json.loads, capsys.readouterr().out.splitlines())
    assert (fill["told"], fill["seen_ns"], fill["price"]) == ("FillReport", 5, "60000")
    assert (missed["told"], missed["report"]["trade_id"]) == ("StreamMissed", "t1")
