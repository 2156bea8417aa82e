"""Venues change how often a perpetual pays: every payment that is there counts, a hole is one."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from bowline.core.errors import BadInput
from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.desk.funding import HOUR_NS, funding_frame, holes_of
from bowline.desk.funding_intervals import intervals_of
from bowline.storage.files.funding import load_funding_file
from tests.candle_files import zip_bytes

PERP = InstrumentId(MarketId(2), "COINUSDT")
MARKET = ("--market", "binance:linear", "--symbol", "COINUSDT")
#: 2025-01-01 00:00 UTC
FIRST_S = 1_735_689_600


def at(*hours: int) -> np.ndarray:
    return (np.array(hours, dtype=np.int64) + FIRST_S // 3600) * HOUR_NS


def steps(*pairs: tuple[int, int]) -> list[int]:
    """Hours of rates: so many steps of so many hours, one pair after the other."""
    found = [0]
    for count, hours in pairs:
        found += [found[-1] + hours * (n + 1) for n in range(count)]
    return found


def rows(hours: list[int], form: str = "{ms},0.0001") -> str:
    return "".join(form.format(ms=(FIRST_S + 3600 * h) * 1000) + "\n" for h in hours)


def written(tmp_path: Path, text: str | bytes, head: str = "fundingTime,fundingRate\n") -> Path:
    path = tmp_path / "funding"
    path.write_bytes(text if isinstance(text, bytes) else (head + text).encode())
    return path


def frame(tmp_path: Path, text: str, head: str = "fundingTime,fundingRate\n", **options):
    return funding_frame(load_funding_file(written(tmp_path, text, head)), PERP, None, **options)


@pytest.mark.parametrize(
    "pairs",
    [
        ((24, 4), (15, 8)),
        ((15, 8), (24, 4), (48, 1), (24, 4), (15, 8)),
        ((9, 8), (1, 4), (1, 4), (9, 8)),
        ((9, 8), (3, 2), (2, 1), (9, 8)),
        # the last or first rows by an interval that the series had before or has after
        ((9, 8), (12, 2), (2, 8)),
        ((2, 8), (12, 2), (9, 8)),
        ((9, 8), (6, 4), (2, 8)),
        # two steps that would lack three rows each: in the middle and at the end
        ((12, 2), (2, 8), (12, 2)),
        ((24, 1), (2, 4)),
        ((30, 1),),
    ],
)
def test_a_series_with_every_payment_has_no_hole_whatever_its_intervals(pairs) -> None:
    hours = steps(*pairs)
    found = intervals_of(at(*hours))
    assert found is not None
    assert not found.off_grid.any()
    assert (found.interval_ns[1:] // HOUR_NS).tolist() == np.diff(hours).tolist()


@pytest.mark.parametrize("missing", [1, 5, 20, 24, 30])
def test_a_missing_payment_is_a_hole_in_every_interval(missing: int) -> None:
    hours = steps((12, 8), (12, 4), (12, 8))
    before, after = hours[missing - 1], hours[missing + 1]
    found = intervals_of(at(*hours[:missing], *hours[missing + 1 :]))
    assert found is not None
    assert not found.off_grid.any()
    event_ns = at(*hours[:missing], *hours[missing + 1 :])
    gaps = np.flatnonzero(np.diff(event_ns) > found.interval_ns[1:])
    if missing == 24:
        # the first payment by a longer interval: it may as well have begun later
        assert len(gaps) <= 1
        return
    assert [(before, after)] == [(hours[at_], hours[at_ + 2]) for at_ in gaps]


@pytest.mark.parametrize(
    ("pairs", "holes"),
    [
        # off the grid of 8 hours: payments every 4 hours of which two are missing
        (((7, 4), (2, 8)), 2),
        # on the grid, and yet but two rows are lacking of an interval that never was another
        (((8, 4), (2, 8)), 2),
        (((8, 4), (2, 8), (8, 4)), 2),
        # a single long step is a hole, whatever the intervals around it
        (((9, 8), (12, 2), (1, 8)), 1),
        (((12, 2), (1, 8), (12, 2)), 1),
        # three hours are no interval
        (((12, 1), (2, 3)), 2),
    ],
)
def test_a_few_long_steps_stay_holes_where_they_may_be_some(pairs, holes: int) -> None:
    event_ns = at(*steps(*pairs))
    found = intervals_of(event_ns)
    assert found is not None
    assert np.count_nonzero(np.diff(event_ns) > found.interval_ns[1:]) == holes


def test_what_the_file_says_of_its_intervals_is_believed(tmp_path: Path) -> None:
    """Binance's archive: two rates eight hours apart after four-hourly ones, said to be so."""
    hours, said = [0, 4, 8, 12, 20, 28], [4, 4, 4, 4, 8, 8]
    text = "".join(
        f"{(FIRST_S + 3600 * h) * 1000 + 3},{each},0.0001\n"
        for h, each in zip(hours, said, strict=True)
    )
    head = "calc_time,funding_interval_hours,last_funding_rate\n"
    found, _ = frame(tmp_path, text, head)
    assert list(holes_of(found)) == []
    # as rows alone the same may be two that are missing
    plain, _ = frame(tmp_path, rows(hours))
    assert len(list(holes_of(plain))) == 2
    with pytest.raises(BadInput, match="interval of 3 hours"):
        frame(tmp_path, text.replace(",8,", ",3,"), head)


def test_the_change_of_an_interval_between_two_files_is_no_hole(say, tmp_path: Path) -> None:
    parts = steps((9, 8)), [72 + h for h in steps((9, 4))][1:]
    for hours in parts:
        path = written(tmp_path, rows(hours))
        assert say("funding", "import", str(path), *MARKET)[0] == 0
    (entry,) = json.loads(say("funding", "list", "--json")[1])
    assert entry["holes"] == []
    assert [(each["interval_hours"], each["rates"]) for each in entry["stretches"]] == [
        (8, 10),
        (4, 9),
    ]


def test_rows_may_repeat_come_in_any_order_and_be_seconds_late(tmp_path: Path) -> None:
    hours = steps((6, 8))
    late = [f"{(FIRST_S + 3600 * h) * 1000 + 1000 * (h % 7)},0.0001\n" for h in hours]
    found, notes = frame(tmp_path, "".join([*late[::-1], late[2]]))
    assert found.event_ns.tolist() == at(*hours).tolist()
    assert "1 repeated rows left out" in notes
    with pytest.raises(BadInput, match="contradicts another row"):
        frame(tmp_path, "".join([*late, late[2].replace("0.0001", "0.0002")]))
    with pytest.raises(BadInput, match="not on a full hour"):
        frame(tmp_path, "".join(late) + f"{(FIRST_S + 60) * 1000},0.0001\n")


def test_percent_is_read_where_it_is_said_and_refused_where_it_is_in_doubt(
    tmp_path: Path,
) -> None:
    hours = steps((6, 8))
    doubtful = rows(hours, "{ms},0.01")
    with pytest.raises(BadInput, match="in percent that is usual") as caught:
        frame(tmp_path, doubtful)
    assert "--unit percent" in caught.value.hint
    assert frame(tmp_path, doubtful, unit="percent")[0].rate[0] == pytest.approx(0.0001)
    assert frame(tmp_path, doubtful, unit="fraction")[0].rate[0] == 0.01
    marked = rows(hours, "{ms},0.01%")
    assert frame(tmp_path, marked)[0].rate[0] == pytest.approx(0.0001)
    headed = frame(tmp_path, doubtful, "fundingTime,Funding Rate (%)\n")
    assert headed[0].rate[0] == pytest.approx(0.0001)
    assert "rates in percent taken as such" in headed[1]


def test_rates_of_another_perpetual_are_left_out_and_counted(tmp_path: Path) -> None:
    text = "".join(
        f"{name},{(FIRST_S + 3600 * h) * 1000},0.0001\n"
        for h in steps((4, 8))
        for name in ("COIN-USDT-SWAP", "OTHER-USDT-SWAP")
    )
    path = written(tmp_path, text, "instrument_name,funding_time,funding_rate\n")
    file = load_funding_file(path, None, "COINUSDT")
    assert len(file.rate) == 5
    assert file.notes == ("5 rows of other instruments left out (OTHER-USDT-SWAP)",)


def test_archives_and_separators_are_read_as_those_of_candles(tmp_path: Path) -> None:
    text = "fundingTime,fundingRate\n" + rows(steps((4, 8)))
    for content in (
        text.replace(",", ";").encode(),
        text.encode("utf-16"),
        gzip.compress(text.encode()),
        zip_bytes({"a.csv": text.encode()}),
    ):
        assert len(load_funding_file(written(tmp_path, content)).rate) == 5


TOLD = """\
import numpy as np

from bowline.core.signals import Strategy


class Told(Strategy):
    id = "told"
    version = 1
    title = "LONG where the volume is 1"
    parameters = ()

    def warmup(self, params):
        return 0

    def signals(self, candles, params):
        return np.where(candles.volume == 1, 1, 0).astype(np.int8)
"""
SPEC = """\
version: 1
timeframe: 1h
instrument: {market: "binance:linear", symbol: COINUSDT}
direction: long-only
strategy: {id: told}
sizing: {mode: fixed_quote, quote: 1000}
costs: {fee_pct: 0, slippage_pct: 0}
funding: true
"""


def test_a_run_pays_across_a_change_of_the_interval(say, home: Path, tmp_path: Path) -> None:
    """1,000 held at a still price from 04:00 on pays 0.1 at a time.

    Every 4 h at 08:00 to 120:00, that is 29 times, and every 8 h at 128:00 to 240:00, 15 times.
    """
    (home / "strategies").mkdir()
    (home / "strategies" / "told.py").write_text(TOLD)
    assert say("strategy", "trust", "told.py")[0] == 0
    candles, spec = tmp_path / "hours.csv", tmp_path / "spec.yaml"
    lines = [f"{FIRST_S + 3600 * h},100,100,100,100,{int(h > 2)}\n" for h in range(240)]
    candles.write_text("time,open,high,low,close,volume\n" + "".join(lines))
    spec.write_text(SPEC)
    times = steps((30, 4), (15, 8))
    assert say("funding", "import", str(written(tmp_path, rows(times))), *MARKET)[0] == 0
    assert "every 4 h, every 8 h from 2025-01-06 08:00" in say("funding", "list")[1]
    code, out, err = say("backtest", str(spec), "--candles", str(candles), "--json")
    assert code == 0, err
    funding = json.loads(out)["funding"]
    assert funding["payments"] == 44
    assert float(funding["paid_quote"]) == pytest.approx(4.4)
    # one of them really missing is still refused
    fewer = [h for h in times if h != 64]
    assert say("funding", "delete", *MARKET, "--yes")[0] == 0
    assert say("funding", "import", str(written(tmp_path, rows(fewer))), *MARKET)[0] == 0
    code, _, err = say("backtest", str(spec), "--candles", str(candles))
    assert code == 1
    assert "between 2025-01-03 12:00 and 2025-01-03 20:00" in err
