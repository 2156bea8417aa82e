"""Minutes without a trade are filled by choice alone, and stay known as filled wherever they go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bowline import wire
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.model.values import MINUTE_NS, Timeframe

START_NS = 1_735_689_600 * 10**9
SYMBOL = InstrumentId(MarketId(1), "QUIET")
MARKET = ("--market", "binance:spot", "--symbol", "QUIET")


def quiet(tmp_path: Path, minutes: list[int], bad: tuple[int, ...] = ()) -> str:
    """A file in Kraken's form; price 100 + minute, the bad rows with a high below their low."""
    path = tmp_path / "quiet.csv"
    rows = []
    for m in minutes:
        price = 100 + m / 10
        high = 1 if m in bad else price
        rows.append(f"{START_NS // 10**9 + 60 * m},{price},{high},{price},{price},1,3\n")
    path.write_text("".join(rows))
    return str(path)


def minutes_of(home: Path):
    return wire.open_candles(home).read(SYMBOL, Timeframe.M1)


SOME = [0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 40, 41]


def test_nothing_is_filled_unasked(say, home: Path, tmp_path: Path) -> None:
    code, out, _ = say("candles", "import", quiet(tmp_path, SOME), *MARKET, "--json")
    outcome = json.loads(out)["files"][0]
    assert (code, outcome["missing"], outcome["filled"]) == (0, 29, None)
    assert len(minutes_of(home)) == len(SOME)


def test_filled_minutes_hold_the_last_close_and_are_counted(
    say, home: Path, tmp_path: Path
) -> None:
    path = quiet(tmp_path, SOME)
    fill = ("--fill-flat", "--fill-longest", "20", "--json")
    code, out, _ = say("candles", "import", path, *MARKET, *fill)
    assert code == 0
    assert json.loads(out)["files"][0]["filled"] == {"minutes": 2, "left": 1, "left_minutes": 27}
    frame = minutes_of(home)
    at = (START_NS + 3 * MINUTE_NS, START_NS + 4 * MINUTE_NS)
    flat = [frame.open_ns.tolist().index(each) for each in at]
    assert [frame.close[each] for each in flat] == [100.2, 100.2]
    assert [frame.volume[each] for each in flat] == [0, 0]
    (entry,) = json.loads(say("candles", "list", "--json")[1])
    assert (entry["candles"], entry["filled"], entry["gaps"]) == (15, 2, 1)
    # known, and asked once more to fill what was left
    code, out, _ = say("candles", "import", path, *MARKET, "--fill-flat", "--json")
    outcome = json.loads(out)["files"][0]
    assert (outcome["status"], outcome["filled"]["minutes"]) == ("known", 27)


@pytest.mark.parametrize(("longest", "filled"), [(26, 2), (27, 29)])
def test_a_hole_as_long_as_the_bound_is_filled(
    say, home: Path, tmp_path: Path, longest: int, filled: int
) -> None:
    """Minutes 13 to 39, which are 27."""
    fill = ("--fill-flat", "--fill-longest", str(longest), "--json")
    _, out, _ = say("candles", "import", quiet(tmp_path, SOME), *MARKET, *fill)
    assert json.loads(out)["files"][0]["filled"]["minutes"] == filled


def test_a_hole_with_a_refused_row_is_no_quiet_minute(say, home: Path, tmp_path: Path) -> None:
    path = quiet(tmp_path, list(range(10)), bad=(4,))
    fill = ("--keep-good", "--fill-flat", "--json")
    code, out, _ = say("candles", "import", path, *MARKET, *fill)
    assert code == 0
    assert json.loads(out)["files"][0]["filled"] == {"minutes": 0, "left": 1, "left_minutes": 1}


def test_the_mark_survives_export_and_import_and_a_trade_that_comes_later(
    say, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("candles", "import", quiet(tmp_path, SOME), *MARKET)
    code, out, _ = say("candles", "fill", *MARKET, "--json")
    assert (code, json.loads(out)["minutes"]) == (0, 29)
    for suffix in ("csv", "parquet"):
        target = tmp_path / f"out.{suffix}"
        code, out, _ = say("candles", "export", str(target), *MARKET, "--json")
        assert (code, json.loads(out)["filled_minutes"]) == (0, 29)
        monkeypatch.setenv("BOWLINE_HOME", str(tmp_path / f"second-{suffix}"))
        code, out, _ = say("candles", "import", str(target), *MARKET, "--json")
        assert code == 0
        (entry,) = json.loads(say("candles", "list", "--json")[1])
        assert (entry["candles"], entry["filled"]) == (42, 29)
        monkeypatch.setenv("BOWLINE_HOME", str(home))
    hours = tmp_path / "tens.csv"
    say("candles", "export", str(hours), *MARKET, "--timeframe", "5m")
    assert hours.read_text().splitlines()[1].endswith(",2")
    say("candles", "import", quiet(tmp_path, [*SOME[:3], 3, *SOME[3:]]), *MARKET)
    (entry,) = json.loads(say("candles", "list", "--json")[1])
    assert entry["filled"] == 28


def test_a_file_without_filled_minutes_has_no_such_column(say, home: Path, tmp_path: Path) -> None:
    say("candles", "import", quiet(tmp_path, [0, 1, 2]), *MARKET)
    say("candles", "export", str(tmp_path / "out.csv"), *MARKET)
    head = (tmp_path / "out.csv").read_text().splitlines()[0]
    assert head == "open_time,open,high,low,close,volume"
