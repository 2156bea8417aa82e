"""Runs that fill at closes come out the same for ever, bit for bit, whatever else is modelled.

The hashes of strategies and reports were taken before fills inside the candle, funding and margin
were known here: a run that asks for none of them must leave the same report as it did then. Those
of journals were taken when the journal got its second form. One figure of the report has another
definition since: Calmar's ratio counts the time that passed, and counted the UTC days that were
begun. It is put back before the report is hashed.
"""

from __future__ import annotations

import hashlib
import random
from decimal import Decimal

import msgspec
import numpy as np
import pytest

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.market import CandleFrame
from bowline.core.model.values import DAY_NS, Timeframe
from bowline.core.report import Report, make_report
from bowline.desk.report import caption_of, report_json
from bowline.research import backtest
from tests.generators import catalogue, sample_specs
from tests.memory_journal import MemoryJournal
from tests.paper_runs import play, setup_of

MINUTES = 6_000
#: strategy id, journal head, report: of the first specs of `sample_specs(12, seed=11)`
PINNED = (
   ("3323dd8bf2e3b3b8", "269e934535946fd4", "91696ac1b3a89553"),
   ("c6430e46a6d36046", "591ebdc33204b185", "1b6b5df2bfca55d8"),
   ("580c189f16c3a7ea", "8fb2b442279d211d", "84073d4458ec97ea"),
   ("a0ef5e969e5685d9", "b75c4c4c9589c48d", "0775beda9f58078e"),
   ("60c74547e44ac5cc", "9a3ea460aceb9b29", "8902d58b1e596a06"),
   ("1505be4914e2d435", "cab4085aecd0916e", "53284e8c67f6423b"),
   ("b50c136c7f386e32", "4af8480ee08c8b62", "2ac5204e337cb011"),
   ("1532a672b62cb136", "267391ada1eb74c4", "0059dafdd8f0eb96"),
   ("7e58651dc0cc17aa", "ff6c82c35912dcda", "7e878d35c6b2c0ee"),
   ("81718fc245a45cbc", "895b0f07bf0ccf25", "13c30bcb7d78e0b5"),
   ("0e2b7f84158d0d22", "c577dba1db4e8ed6", "4e249bb761057b30"),
   ("0027ca1e925cfbbf", "d5b2efb989ece713", "7d71c42103a17d7f"),
)  # fmt: skip


def minutes() -> CandleFrame:
    """A walk in whole cents, so that no machine computes it in another way."""
    chance = random.Random(5)
    rows, price = [], 10_000
    for _ in range(MINUTES):
        opened = price
        price = max(100, price + chance.randint(-40, 40))
        high = max(opened, price) + chance.randint(0, 30)
        low = min(opened, price) - chance.randint(0, 30)
        rows.append((opened, high, low, price, chance.randint(1, 1000)))
    columns = [np.array(column, dtype=np.float64) / 100 for column in zip(*rows, strict=True)]
    open_ns = 1_700_006_400 * 10**9 + np.arange(MINUTES, dtype=np.int64) * Timeframe.M1.ns
    return CandleFrame(InstrumentId(MarketId(2), "WALK"), Timeframe.M1, open_ns, *columns)


def rounded(value: object) -> object:
    """The same document with floats of nine digits: the last ones are the maths library's."""
    match value:
        case float():
            return f"{value:.9g}"
        case dict():
            return {key: rounded(each) for key, each in value.items()}
        case list() | tuple():
            return [rounded(each) for each in value]
    return value


def calmar_by_days_begun(report: Report) -> float | None:
    """The ratio as it was defined when the hashes were taken."""
    metrics, candles = report.metrics, report.record.candles
    days = int(candles.close_ns[-1] - 1) // DAY_NS - int(candles.close_ns[0] - 1) // DAY_NS + 1
    depth = metrics.max_drawdown_pct / 100
    growth = float(report.curves.equity[-1] / float(metrics.initial_cash_quote))
    if not depth or days < 2 or metrics.calmar_ratio is None:
        return None
    return (growth ** (365 / days) - 1) / depth


def pinned(number: int) -> tuple[str, str, str]:
    """What a spec comes to now: the head of its id, of its journal and of its report's hash."""
    spec = sample_specs(12, seed=11)[number]
    setup = setup_of(spec, minutes(), catalogue())
    result = play(setup, minutes(), MemoryJournal())
    assert result.differences == ()
    report = make_report(backtest(setup.run, setup.opinion, setup.candles))
    document = msgspec.to_builtins(
        report_json(report, caption_of(spec, "walk")), builtin_types=(Decimal,)
    )
    document["fields"]["calmar_ratio"] = calmar_by_days_begun(report)
    document["metrics"]["Calmar Ratio"] = calmar_by_days_begun(report)
    # said since there is a choice; these runs have always entered on it
    assert document.pop("first_signal") == "enter"
    # named since; these runs have always kept to them
    names = ("tick_size", "lot_step", "min_notional")
    rules = [str(document["instrument"].pop(name)) for name in names]
    assert rules == ["0", "0.00001", "0"]
    # told apart and said since; the sums of each kind are held by tests of the report
    assert document.pop("fills") == "close"
    for name in ("warmup", "by_direction", "by_exit_reason", "terms_in_words"):
        document.pop(name)
    # said in other words then
    document["verdict"] = (
        document["verdict"]
        .replace("Was unchanged", "Made nothing")
        .replace("There were no trades.", "It never traded.")
    )
    text = msgspec.json.encode(rounded(document), order="sorted")
    return setup.run.strategy_id[:16], result.head[:16], hashlib.sha256(text).hexdigest()[:16]


@pytest.mark.parametrize("number", range(len(PINNED)))
def test_a_close_fill_run_is_what_it_was(number):
    assert pinned(number) == PINNED[number]
