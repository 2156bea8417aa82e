"""`bowline journal` tells a person what happened, hands over exact numbers, and finds damage."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import typing
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pyarrow import parquet

from bowline.core.model.command import Command, PlaceOrder, RecordRefusal
from bowline.core.model.event import (
    CancelRefused,
    CandleClosed,
    Event,
    FillReported,
    FundingFixed,
    MoneyKind,
    MoneyMoved,
    OrderReported,
    Run,
    RunStarted,
    SendLost,
    SendRefused,
)
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.intent import Enter, Reason, Refusal, Refused
from bowline.core.model.order import Order, OrderKind, OrderState, Purpose
from bowline.core.model.policy import AllIn, Costs, DirectionMode, Limits, Policy, Stops
from bowline.core.model.trading import FillReport, OrderReport
from bowline.core.model.values import (
    MINUTE_NS,
    AccountId,
    Direction,
    OrderId,
    RunId,
    Side,
    StrategyId,
    Timeframe,
)
from bowline.desk.export import JournalRow
from bowline.desk.journal import journal_path, tail
from bowline.desk.titles import _TITLES, amount, title
from bowline.storage.embedded.journal_file import APPLICATION_ID, FORMAT
from bowline.storage.journal import Entry, Payload
from bowline.wire import open_journal
from tests.conftest import Say

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "journal.md"
BTC = InstrumentId(MarketId(1), "BTCUSDT")
#: 2024-01-31 12:00 UTC
NOON = 1_706_702_400_000_000_000
PRICE, QUANTITY, FEE = Decimal("43210.1000000000000000001"), Decimal("0.0130"), Decimal("0.42")
COSTS = Costs(Decimal("0.075"), Decimal("0.01"))

MAIN = AccountId("paper")
RUN = Run(
    RunId(1), StrategyId("ab" * 32), MAIN, Instrument(BTC), Timeframe.M5,
    Policy(DirectionMode.LONG_ONLY, Stops(), AllIn(), COSTS, Limits()), Decimal(1000), NOON, NOON,
)  # fmt: skip
RATE = Decimal("0.0001")
ORDER = Order(OrderId(7), MAIN, RunId(1), BTC, Side.BUY, QUANTITY, Reason.SIGNAL)
EXIT = Order(
    OrderId(8), MAIN, RunId(1), BTC, Side.SELL, QUANTITY, Reason.STOP_LOSS, Purpose.EXIT,
    reduce_only=True,
)  # fmt: skip
REST = replace(EXIT, purpose=Purpose.STOP, kind=OrderKind.STOP, trigger=Decimal("43000.5"))
FILL = FillReport(BTC, "t-1", "v", OrderId(7), Side.BUY, QUANTITY, PRICE, FEE, "USDT", NOON)
REPORT = OrderReport("v", OrderId(7), BTC, Side.BUY, QUANTITY, Decimal(0), OrderState.WORKING, NOON)
REFUSED = Refused(Enter(RunId(1), Direction.LONG), Refusal.COOLDOWN)

SAID: list[tuple[Payload, str]] = [
    (
        RunStarted(NOON, RUN),
        "Run started: strategy abababababab on binance:spot:BTCUSDT 5m with 1,000",
    ),
    (CandleClosed(NOON, BTC, Timeframe.M5, NOON, PRICE), "Candle closed: BTCUSDT 5m at 43,210.1"),
    (RecordRefusal(NOON, REFUSED), "Entry refused: LONG, cooling down after the last exit"),
    (PlaceOrder(NOON, ORDER), "Order placed: BUY 0.013 BTCUSDT (signal)"),
    (OrderReported(NOON, MAIN, REPORT), "Order 7: working, 0 of 0.013 filled"),
    (
        FillReported(NOON + MINUTE_NS, MAIN, FILL),
        "Order filled: BUY 0.013 BTCUSDT at 43,210.1 (fee 0.42 USDT)",
    ),
    (
        PlaceOrder(NOON + 2 * MINUTE_NS, EXIT),
        "Order placed: SELL 0.013 BTCUSDT (stop loss, reduce only)",
    ),
    (
        SendRefused(NOON + 2 * MINUTE_NS, MAIN, OrderId(8), "-2019", "margin, too small"),
        "Order rejected: 8, margin, too small",
    ),
    (SendLost(NOON, MAIN, OrderId(8), "no reply"), "Order in doubt: 8, no reply"),
    (CancelRefused(NOON, MAIN, OrderId(8), "gone"), "Cancel refused: order 8, gone"),
]
#: what only runs have that look at more than closes
BEYOND_CLOSES: list[tuple[Payload, str]] = [
    (
        PlaceOrder(NOON, REST),
        "Order placed: SELL 0.013 BTCUSDT at 43,000.5 (stop loss, reduce only)",
    ),
    (FundingFixed(NOON, BTC, RATE, PRICE), "Funding fixed: 0.01 % at 43,210.1"),
    (
        MoneyMoved(
            NOON, MAIN, "USDT", Decimal("-0.05617313"), MoneyKind.FUNDING, "1", BTC, RATE, PRICE
        ),
        "Funding paid: 0.05617313 (0.01 % at 43,210.1)",
    ),
    (
        MoneyMoved(
            NOON, MAIN, "USDT", Decimal("0.05617313"), MoneyKind.FUNDING, "2", BTC, -RATE, PRICE
        ),
        "Funding received: 0.05617313 (-0.01 % at 43,210.1)",
    ),
    (
        MoneyMoved(NOON, MAIN, "USDT", Decimal(-5), MoneyKind.TRANSFER, "3"),
        "Money moved: -5 USDT (transfer)",
    ),
]


def keep(home: Path, run_id: int, payloads: list[Payload]) -> Path:
    path = journal_path(home, run_id)
    journal = open_journal(path)
    journal.append([Entry(3 * at, payload) for at, payload in enumerate(payloads, start=1)])
    journal.close()
    return path


@pytest.mark.parametrize(
    ("payload", "text"), SAID + BEYOND_CLOSES, ids=lambda value: type(value).__name__
)
def test_every_kind_of_entry_has_a_title(payload: Payload, text: str) -> None:
    assert title(payload) == text


def test_no_kind_of_entry_is_without_a_title() -> None:
    assert set(_TITLES) == {*typing.get_args(Event), *typing.get_args(Command)}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"), ("0.00", "0"), ("-0.5", "-0.5"), ("100", "100"), ("1E+3", "1,000"),
        ("43210.123456789", "43,210.123"), ("0.0000001234567891", "0.00000012345679"),
        ("0.02312345678901234567890123456", "0.023123457"), ("-1000.10", "-1,000.1"),
        ("1234567890.5", "1,234,567,890"),
    ],
)  # fmt: skip
def test_an_amount_is_readable(value: str, text: str) -> None:
    assert amount(Decimal(value)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_a_readable_amount_is_near_the_exact_one(value: Decimal) -> None:
    near = Decimal(amount(value).replace(",", ""))
    assert abs(near - value) <= max(abs(value) * Decimal("1e-7"), Decimal(0))


def test_tail_shows_the_newest_run_without_the_noise(say: Say, home: Path) -> None:
    keep(home, 2, [payload for payload, _ in SAID[:2]])
    keep(home, 10, [payload for payload, _ in SAID])
    code, out, _ = say("journal", "tail")
    assert code == 0
    lines = out.splitlines()
    assert "run 10" in lines[0]
    assert "18" in lines[4]
    assert "2024-01-31 12:01:00" in lines[4]
    assert "Order filled: BUY 0.013 BTCUSDT at 43,210.1 (fee 0.42 USDT)" in lines[4]
    assert len(lines) == 1 + 8
    assert "working" not in out
    assert "Candle" not in out
    _, out, _ = say("journal", "tail", "--all", "-n", "3")
    assert len(out.splitlines()) == 1 + 3
    assert "Cancel refused" in out.splitlines()[-1]


def test_tail_finds_the_last_entries_however_far_apart_they_lie(home: Path) -> None:
    """Market facts take their numbers elsewhere: a quiet run has entries thousands apart."""
    journal = open_journal(journal_path(home, 1))
    seqs = [*range(1, 50), 60, 5_000, 5_001, 900_000]
    journal.append([Entry(seq, SAID[9][0]) for seq in seqs])
    for count in (1, 2, 4, 30, 53, 99):
        assert [line.entry.seq for line in tail(journal, count)] == seqs[-count:]
    journal.close()


def test_tail_for_machines_is_exact(say: Say, home: Path) -> None:
    keep(home, 1, [payload for payload, _ in SAID])
    code, out, _ = say("journal", "tail", "--run", "1", "--all", "--json")
    said = json.loads(out)
    assert code == 0
    assert [entry["title"] for entry in said] == [text for _, text in SAID]
    assert [entry["seq"] for entry in said] == list(range(3, 31, 3))
    assert said[5]["payload"]["report"]["price"] == str(PRICE)


def test_without_a_journal_it_says_what_to_do(say: Say, home: Path) -> None:
    code, _, err = say("journal", "tail")
    assert code == 1
    assert "no run has a journal yet" in err
    assert "bowline paper" in err
    keep(home, 4, [SAID[0][0]])
    code, _, err = say("journal", "verify", "--run", "9")
    assert code == 1
    assert "run 9 has no journal" in err
    assert "one: 4" in err


def test_csv_json_and_parquet_say_the_same_and_keep_every_digit(
    say: Say, home: Path, tmp_path: Path
) -> None:
    keep(home, 1, [payload for payload, _ in SAID])
    for ending in ("csv", "json", "parquet"):
        code, out, _ = say("journal", "export", "--to", str(tmp_path / f"j.{ending}"))
        assert (code, "10 entries of run 1" in out) == (0, True)
    with (tmp_path / "j.csv").open(newline="") as file:
        in_csv = list(csv.DictReader(file))
    in_json = json.loads((tmp_path / "j.json").read_text())
    in_parquet = parquet.read_table(tmp_path / "j.parquet").to_pylist()

    assert [row["title"] for row in in_csv] == [text for _, text in SAID]
    assert [msgspec.json.decode(row["payload"], type=Payload) for row in in_csv] == [
        p for p, _ in SAID
    ]
    fill = in_csv[5]
    assert (fill["run"], fill["seq"], fill["kind"], fill["is_command"]) == (
        "1",
        "18",
        "FillReported",
        "False",
    )
    assert (fill["price"], fill["quantity"], fill["fee"]) == (str(PRICE), "0.0130", "0.42")
    assert (fill["side"], fill["instrument"], fill["order_id"]) == (
        "buy",
        "binance:spot:BTCUSDT",
        "7",
    )
    assert in_csv[3]["reason"] == "signal"
    assert in_csv[3]["is_command"] == "True"
    assert in_csv[2]["reason"] == "cooling down after the last exit"
    for row, as_json, as_parquet in zip(in_csv, in_json, in_parquet, strict=True):
        assert row.keys() == as_json.keys() == as_parquet.keys()
        for name, text in row.items():
            assert text == ("" if as_parquet[name] is None else str(as_parquet[name]))
            if name != "payload":
                assert as_json[name] == as_parquet[name]
        assert json.loads(row["payload"]) == as_json["payload"]
    assert isinstance(in_parquet[0]["seen_ns"], int)


def test_the_reference_has_every_column_and_the_format_as_they_are() -> None:
    text = REFERENCE.read_text()
    columns = text.partition("## The columns of an export")[2]
    assert (
        tuple(re.findall(r"^\| `(\w+)` \|", columns, re.MULTILINE)) == JournalRow.__struct_fields__
    )
    assert f"## Format {FORMAT}\n" in text
    assert f"0x{APPLICATION_ID:X}".lower() in text.lower()


def test_an_empty_journal_can_be_exported(say: Say, home: Path, tmp_path: Path) -> None:
    keep(home, 1, [])
    for ending in ("csv", "json", "parquet"):
        file = tmp_path / f"j.{ending}"
        code, out, _ = say("journal", "export", "--to", str(file), "--json")
        assert (code, json.loads(out)) == (0, {"run": 1, "entries": 0, "file": str(file)})
    assert json.loads((tmp_path / "j.json").read_text()) == []
    assert parquet.read_table(tmp_path / "j.parquet").num_rows == 0


def test_a_file_that_is_there_is_only_replaced_by_force(
    say: Say, home: Path, tmp_path: Path
) -> None:
    keep(home, 1, [SAID[0][0]])
    file = tmp_path / "j.csv"
    file.write_text("mine")
    code, _, err = say("journal", "export", "--to", str(file))
    assert (code, file.read_text()) == (1, "mine")
    assert "--force" in err
    assert say("journal", "export", "--to", str(file), "--force")[0] == 0
    assert file.read_text().startswith("run,seq,")
    for name, word in (("j.xlsx", ".parquet"), ("none/j.csv", "no folder")):
        code, _, err = say("journal", "export", "--to", str(tmp_path / name))
        assert code == 1
        assert word in err


def damage(path: Path) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    (trigger,) = db.execute(
        "SELECT sql FROM sqlite_master WHERE name = 'entries_update'"
    ).fetchone()
    db.execute("DROP TRIGGER entries_update")
    db.execute("UPDATE entries SET payload = replace(payload, '0.0130', '0.0139') WHERE seq = 18")
    db.execute(trigger)
    db.close()


def test_verify_says_yes_and_names_the_head(say: Say, home: Path) -> None:
    path = keep(home, 1, [payload for payload, _ in SAID])
    code, out, _ = say("journal", "verify")
    journal = open_journal(path, read_only=True)
    assert code == 0
    assert "10 entries and 0 snapshots are intact" in out
    assert journal.head in out
    _, out, _ = say("journal", "verify", "--json")
    assert json.loads(out) == {
        "run": 1, "entries": 10, "snapshots": 0, "head": journal.head, "damage": None,
    }  # fmt: skip
    journal.close()


def test_damage_is_named_with_its_seq_and_nothing_is_exported(
    say: Say, home: Path, tmp_path: Path
) -> None:
    damage(keep(home, 1, [payload for payload, _ in SAID]))
    code, out, err = say("journal", "verify")
    assert (code, out) == (1, "")
    assert "run 1 is damaged at seq 18" in err
    assert "5 entries before it" in err
    code, out, _ = say("journal", "verify", "--json")
    assert (code, json.loads(out)["damage"]["seq"]) == (1, 18)
    code, _, err = say("journal", "export", "--to", str(tmp_path / "j.csv"))
    assert code == 1
    assert "damaged at entry 18" in err
    assert list(tmp_path.glob("*j.csv*")) == []
    code, _, err = say("journal", "tail", "--json")
    assert code == 1
    assert json.loads(err)["error"]["kind"] == "Damaged"
