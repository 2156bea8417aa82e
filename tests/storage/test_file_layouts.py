"""Files as people and exchanges write them: read where the meaning is clear, else refused.

The values are written in the test by hand: six minutes from 2025-01-01 00:00 UTC (1735689600),
whose volumes are 1.5, 2.5 ... 6.5.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from bowline.core.errors import BadInput
from bowline.core.model.instrument import market_by_name
from bowline.core.model.values import MINUTE_NS, Timeframe
from bowline.storage.files import FileHints, load_file
from bowline.storage.files.checked import check_file

FIRST_NS = 1_735_689_600 * 10**9
NOW_NS = FIRST_NS + 10**18
#: open, high, low, close, volume
ROWS = (
    ("100.00", "100.60", "99.90", "100.50", "1.50"),
    ("100.50", "100.60", "100.10", "100.20", "2.50"),
    ("100.20", "100.80", "100.10", "100.70", "3.50"),
    ("100.70", "100.80", "100.30", "100.40", "4.50"),
    ("100.40", "101.00", "100.30", "100.90", "5.50"),
    ("100.90", "101.00", "100.50", "100.60", "6.50"),
)
HEAD = "time,open,high,low,close,volume"
SPOT = FileHints(market=market_by_name("binance:spot"), symbol="BTCUSDT")
LINEAR = FileHints(market=market_by_name("okx:linear"), symbol="BTCUSDT")


def lines(stamp: str, head: str = HEAD, cell: str = ",", *, tail: str = "") -> str:
    """The rows; in `stamp`, {s} is seconds, {m} minutes past the hour in two digits."""
    rows = [
        stamp.format(s=1_735_689_600 + 60 * m, m=f"{m:02}") + cell + cell.join(row) + tail
        for m, row in enumerate(ROWS)
    ]
    return "\n".join(([head] if head else []) + rows) + "\n"


def load(tmp_path: Path, content: str | bytes, hints: FileHints = FileHints()):  # noqa: B008
    path = tmp_path / "file"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_file(path, hints)


def comma(text: str) -> str:
    return text.replace(".", ",")


SEC = lines("{s}")
CDD = "Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount"
CDD_ROWS = "".join(
    f"{1_735_689_600 + 60 * m}000,2025-01-01 00:0{m}:00,BTCUSDT,{','.join(row)},650.0,10\n"
    for m, row in reversed(list(enumerate(ROWS)))
)
READ = {
    "semicolons": SEC.replace(",", ";"),
    "tabs": SEC.replace(",", "\t"),
    "bars": SEC.replace(",", "|"),
    "semicolons, decimal commas": comma(SEC.replace(",", ";")),
    "an Excel line that names the separator": "sep=;\n" + SEC.replace(",", ";"),
    "blank lines first": "\n\r\n  \n" + SEC,
    "comments before and between": "# made by hand\n// twice\n"
    + SEC.replace("1735689720", "# a pause\n1735689720"),
    "a title before the header": "BTCUSDT 1m\n" + SEC,
    "CRLF and a byte order mark": b"\xef\xbb\xbf" + SEC.replace("\n", "\r\n").encode(),
    "an old Macintosh": SEC.replace("\n", "\r"),
    "UTF-16 with its mark": SEC.encode("utf-16"),
    "UTF-16 big end first": b"\xfe\xff" + SEC.encode("utf-16-be"),
    "UTF-16 without a mark": SEC.encode("utf-16-le"),
    "a comma at the end of every row": lines("{s}", tail=","),
    "a comma at the end of every line": lines("{s}", HEAD + ",", tail=","),
    "quoted cells": "\n".join(
        ",".join(f'"{cell}"' for cell in line.split(",")) for line in SEC.splitlines()
    ),
    "two files joined with their headings": SEC + HEAD + "\n" + SEC.split("\n", 1)[1],
    "milliseconds": lines("{s}000"),
    "microseconds": lines("{s}000000"),
    "CryptoDataDownload with its first line": f"https://www.CryptoDataDownload.com\n{CDD}\n{CDD_ROWS}",
    "CryptoDataDownload": f"{CDD}\n{CDD_ROWS}",
    "the quote's volume first": lines(
        "{s}", "Unix,Open,High,Low,Close,Volume BTC,Volume USDT", tail=",650.0"
    ),
    "Kaggle": lines(
        "{s}",
        "Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price",
        tail=",650.0,100.5",
    ),
    "date and time of day": lines("2025-01-01,00:{m}:00", "Date,Time,Open,High,Low,Close,Volume"),
    "MetaTrader 4": lines("2025.01.01,00:{m}", ""),
    "MetaTrader 4 in one cell": lines("2025.01.01 00:{m}", ""),
    "MetaTrader 5": "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n"
    + "".join(
        f"2025.01.01\t00:0{m}:00\t" + "\t".join([*row[:4], "77", row[4], "1"]) + "\n"
        for m, row in enumerate(ROWS)
    ),
    "MetaTrader 5 without its header": "".join(
        f"2025.01.01,00:0{m}:00," + ",".join([*row[:4], "77", row[4], "1"]) + "\n"
        for m, row in enumerate(ROWS)
    ),
    "HistData": lines("20250101 00{m}00", "", ";"),
    "digits alone": lines("2025010100{m}"),
    "digits with seconds": lines("2025010100{m}00"),
    "Dukascopy": lines("01.01.2025 00:{m}:00.000 GMT+0000", "Gmt time,Open,High,Low,Close,Volume"),
    "an offset in every stamp": lines("2025-01-01T02:{m}:00+02:00"),
    "another offset": lines("2024-12-31 19:{m}:00-0500"),
    "UTC in words": lines("2025-01-01 00:{m}:00 UTC"),
    "slashes, year first": lines("2025/01/01 00:{m}"),
    "twelve hours": lines('"Jan 01, 2025 12:{m} AM"'),
    "Kraken": lines("{s}", "", tail=",3"),
    "Kraken's REST": "".join(
        f"{1_735_689_600 + 60 * m}," + ",".join([*row[:4], row[3], row[4], "3"]) + "\n"
        for m, row in enumerate(ROWS)
    ),
    "KuCoin's order": "".join(
        f"{1_735_689_600 + 60 * m},{o},{c},{h},{low},{v},650\n"
        for m, (o, h, low, c, v) in enumerate(ROWS)
    ),
    "Coinbase's order": "".join(
        f"{1_735_689_600 + 60 * m},{low},{h},{o},{c},{v}\n"
        for m, (o, h, low, c, v) in enumerate(ROWS)
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_a_file_whose_meaning_is_clear_is_read_exactly(kind: str, tmp_path: Path) -> None:
    file = load(tmp_path, READ[kind], SPOT)
    checked = check_file(file, NOW_NS)
    assert not checked.reasons
    frame = checked.frame(load_instrument())
    assert frame.timeframe is Timeframe.M1
    assert frame.open_ns.tolist() == [FIRST_NS + m * MINUTE_NS for m in range(6)]
    for at, name in enumerate(("open", "high", "low", "close", "volume")):
        assert getattr(frame, name).tolist() == [float(row[at]) for row in ROWS], name


def load_instrument():
    from bowline.core.model.instrument import InstrumentId

    return InstrumentId(market_by_name("binance:spot").market_id, "BTCUSDT")


def test_what_was_taken_for_what_is_said(tmp_path: Path) -> None:
    file = load(tmp_path, READ["CryptoDataDownload with its first line"], SPOT)
    said = "\n".join(file.notes)
    assert "volume=Volume BTC" in said
    assert "time=Unix" in said
    assert "1 line before the rows left out: 'https://www.CryptoDataDownload.com'" in said
    assert "newest first" in said
    file = load(tmp_path, READ["semicolons, decimal commas"], SPOT)
    assert "with semicolons and decimal commas" in file.format
    assert "second stamps" in file.format
    file = load(tmp_path, READ["MetaTrader 4"], SPOT)
    assert "without a zone taken as UTC" in file.format
    assert "2 comments left out" not in said


def test_a_local_clock_is_moved_by_what_the_person_says_and_only_where_none_is_named(
    tmp_path: Path,
) -> None:
    local = lines("2025-01-01 03:{m}:00")
    moved = load(tmp_path, local, FileHints(offset_ns=3 * 60 * MINUTE_NS))
    assert moved.columns.open_ns[0] == FIRST_NS
    assert "clock at UTC+3" in moved.format
    for zoned in (SEC, lines("2025-01-01T00:{m}:00Z")):
        with pytest.raises(BadInput, match="a zone of their own"):
            load(tmp_path, zoned, FileHints(offset_ns=3 * 60 * MINUTE_NS))
    with pytest.raises(BadInput, match="local clock") as caught:
        load(tmp_path, lines("2025-01-01 03:{m}:00", HEAD.replace("time", "Local time")))
    assert "--utc-offset" in caught.value.hint


def test_a_comma_that_may_be_either_is_refused_until_it_is_said(tmp_path: Path) -> None:
    rows = "".join(f"{1_735_689_600 + 60 * m};1,200;1,300;1,100;1,250;1,500\n" for m in range(6))
    text = HEAD.replace(",", ";") + "\n" + rows
    with pytest.raises(BadInput, match="decimal comma or one between thousands") as caught:
        load(tmp_path, text)
    assert "--decimal" in caught.value.hint
    assert load(tmp_path, text, FileHints(decimal=",")).columns.volume[0] == 1.5
    assert load(tmp_path, text, FileHints(decimal=".")).columns.volume[0] == 1500


def test_signs_between_thousands_are_read_and_must_stand_in_threes(tmp_path: Path) -> None:
    text = SEC.replace("1.50", '"1,001.50"').replace("2.50", '"1,002,002.50"')
    volume = load(tmp_path, text).columns.volume
    assert volume[:2].tolist() == [1001.5, 1002002.5]
    wrong = SEC.replace("1.50", '"1,001.50"').replace("2.50", '"10,02.50"')
    with pytest.raises(BadInput, match=r"row 1: volume is not a number: '1,001\.50'"):
        load(tmp_path, wrong)
    spaced = SEC.replace("1.50", "1 001.50")
    assert load(tmp_path, spaced).columns.volume[0] == 1001.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (lines("01/02/2025 00:{m}"), "does not say which number is the month"),
        (lines("2025-02-30 00:{m}"), "no date that exists"),
        (lines("2025-01-01 25:{m}"), "no date that exists"),
        (lines("{s}", "time,open,high,low,close,turnover"), "quote money"),
        (lines("{s}", "time,open,high,low,close,Volume USDT"), "no volume column"),
        (lines("{s}", "close_time,open,high,low,close,volume"), "a time of the close is none"),
        (lines("{s}", "Datum,Eroeffnung,Hoch,Tief,Schluss,Volumen"), "not the columns of candles"),
        (
            lines("{s}", "time,open,high,low,close,Volume BTC,Volume ETH", tail=",1"),
            "more than one volume column",
        ),
        (lines("{s}", "time,open,high,low,close,tickvol"), "no volume column"),
        (lines("{s}", "", tail=",1,2"), "do not say which is the volume"),
        ("time,open,high,low,close,volume\n" + "1" * 200_000, "longer than"),
        ("a line\n" * 100, "neither text"),
        (SEC + "\n<html>502 Bad Gateway</html>\n", "columns, expected 6"),
    ],
)
def test_what_is_not_clear_is_refused_with_what_was_seen(
    text: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput) as caught:
        load(tmp_path, text)
    assert said in "\n".join((caught.value.message, *caught.value.problems))
    assert caught.value.hint


def test_a_day_above_twelve_tells_the_order_of_slashes(tmp_path: Path) -> None:
    for stamp in ("13/01/2025 00:{m}", "01/13/2025 00:{m}"):
        open_ns = load(tmp_path, lines(stamp)).columns.open_ns
        assert open_ns[0] == FIRST_NS + 12 * 1440 * MINUTE_NS


def test_a_column_that_the_person_names_is_taken(tmp_path: Path) -> None:
    text = lines("{s}", "Datum,Eroeffnung,Hoch,Tief,Schluss,Volumen")
    names = ("Datum", "Eroeffnung", "Hoch", "Tief", "Schluss", "Volumen")
    columns = dict(zip(("time", "open", "high", "low", "close", "volume"), names, strict=True))
    assert load(tmp_path, text, FileHints(columns=columns)).columns.volume[5] == 6.5
    with pytest.raises(BadInput, match="no column is 'Menge'"):
        load(tmp_path, text, FileHints(columns={**columns, "volume": "Menge"}))
    headless = lines("{s}", "", tail=",1,2")
    numbers = {"volume": "6", "open": "2", "high": "3", "low": "4", "close": "5", "time": "1"}
    assert load(tmp_path, headless, FileHints(columns=numbers)).columns.volume[5] == 6.5
    with pytest.raises(BadInput, match="cannot be two things"):
        load(tmp_path, SEC, FileHints(columns={"open": "close"}))


# --- archives: units, other rows -----------------------------------------------------------------

OKX = "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm\n"


def okx(name: str = "BTC-USDT-SWAP", confirm: int = 1, minute: int = 0, base: str = "1.5") -> str:
    """150 contracts of 0.01 BTC are 1.5 BTC (OKX, GET /market/history-candles: vol, volCcy)."""
    stamp = 1_735_689_600_000 + 60_000 * minute
    return f"{name},100,100.6,99.9,100.5,150,{base},150,{stamp},{confirm}\n"


def test_okx_swaps_count_contracts_and_its_spot_does_not(tmp_path: Path) -> None:
    swap = OKX + okx() + okx(minute=1)
    assert load(tmp_path, swap, LINEAR).columns.volume.tolist() == [1.5, 1.5]
    spot = FileHints(market=market_by_name("okx:spot"), symbol="BTCUSDT")
    text = OKX + okx("BTC-USDT") + okx("BTC-USDT", minute=1)
    assert load(tmp_path, text, spot).columns.volume.tolist() == [150, 150]
    with pytest.raises(BadInput, match="not the columns"):
        load(tmp_path, swap)


def test_rows_of_other_instruments_and_forming_candles_are_left_out_and_counted(
    tmp_path: Path,
) -> None:
    text = OKX + okx() + okx("ETH-USDT-SWAP", minute=1) + okx("BTC-USDT", minute=1) + okx(minute=1)
    file = load(tmp_path, text + okx(confirm=0, minute=2), LINEAR)
    assert len(file.columns) == 2
    said = "\n".join(file.notes)
    assert "2 rows of other instruments left out (BTC-USDT, ETH-USDT-SWAP)" in said
    assert "1 rows of candles that were not closed left out" in said
    # the row is counted in the file, not among those that were taken
    assert file.place(1) == (file.name, 4)
    with pytest.raises(BadInput, match="no candle: 1 rows of other instruments"):
        load(tmp_path, OKX + okx("ETH-USDT-SWAP"), LINEAR)
    with pytest.raises(BadInput, match="does not say whether the candle was closed"):
        load(tmp_path, OKX + okx(confirm=7), LINEAR)


def test_contracts_need_their_size_and_must_not_contradict_what_stands_beside(
    tmp_path: Path,
) -> None:
    from msgspec.structs import replace

    bare = OKX.replace("vol_ccy,vol_quote,", "") + okx().replace("150,1.5,150,", "150,")
    with pytest.raises(BadInput, match="how much one is, is not known") as caught:
        load(tmp_path, bare, LINEAR)
    assert "--contract-size" in caught.value.hint
    sized = replace(LINEAR, contract_size=Decimal("0.01"))
    assert load(tmp_path, bare, sized).columns.volume.tolist() == [1.5]
    assert load(tmp_path, OKX + okx(), sized).columns.volume.tolist() == [1.5]
    with pytest.raises(BadInput, match="are not 15 base units"):
        load(tmp_path, OKX + okx(base="15"), sized)


def test_volume_in_contracts_is_known_by_its_venue(tmp_path: Path) -> None:
    """Gate's `v`, MEXC's `vol`, HTX's `vol` count contracts on perpetuals (their API documents)."""
    vol = lines("{s}", "id,open,high,low,close,vol").replace("id,", "time,")
    for venue in ("okx", "gate", "htx", "mexc"):
        market = market_by_name(f"{venue}:linear")
        with pytest.raises(BadInput, match="in contracts"):
            load(tmp_path, vol, FileHints(market=market, symbol="BTCUSDT"))
        sized = FileHints(market=market, symbol="BTCUSDT", contract_size=Decimal("0.0001"))
        assert load(tmp_path, vol, sized).columns.volume[0] == 0.00015
    # base units under the names that say so
    assert load(tmp_path, vol, SPOT).columns.volume[0] == 1.5
    for name, head in (
        ("gate:linear", "t,o,h,l,c,a,v"),
        ("htx:linear", "time,open,high,low,close,amount,vol"),
        ("htx:spot", "time,open,high,low,close,amount,vol"),
    ):
        base_first = FileHints(market=market_by_name(name))
        assert load(tmp_path, lines("{s}", head, tail=",999"), base_first).columns.volume[0] == 1.5
    for name, head in (("htx:spot", "time,open,high,low,close,vol"), ("gate:spot", "t,o,h,l,c,v")):
        with pytest.raises(BadInput) as caught:
            load(tmp_path, lines("{s}", head), FileHints(market=market_by_name(name)))
        assert "quote money" in caught.value.problems[0]
    with pytest.raises(BadInput) as caught:
        load(tmp_path, lines("{s}", "time,open,high,low,close,amount,vol", tail=",9"), SPOT)
    assert "is not known" in caught.value.problems[0]
    said = FileHints(
        market=market_by_name("bybit:linear"),
        contract_size=Decimal("0.1"),
        volume_in_contracts=True,
    )
    assert load(tmp_path, SEC, said).columns.volume[0] == 0.15


def test_gates_order_of_columns_is_recognised_and_so_is_the_unit_of_its_volume(
    tmp_path: Path,
) -> None:
    text = "".join(
        f"{1_735_689_600 + 60 * m},{int(float(v) * 100)},{c},{h},{low},{o}\n"
        for m, (o, h, low, c, v) in enumerate(ROWS)
    )
    with pytest.raises(BadInput, match="quote money on spot"):
        load(tmp_path, text, FileHints(market=market_by_name("gate:spot")))
    sized = FileHints(market=market_by_name("gate:linear"), contract_size=Decimal("0.01"))
    file = load(tmp_path, text, sized)
    assert "in Gate's order" in file.format
    assert file.columns.volume.tolist() == [1.5, 2.5, 3.5, 4.5, 5.5, 6.5]
    assert file.columns.open[0] == 100


# --- timeframes ----------------------------------------------------------------------------------


def at_minutes(minutes: list[int], first: int = 1_735_689_600) -> str:
    rows = "".join(f"{first + 60 * m},100,100,100,100,1\n" for m in minutes)
    return HEAD + "\n" + rows


def timeframe_of(tmp_path: Path, minutes: list[int], **options) -> Timeframe:
    return check_file(load(tmp_path, at_minutes(minutes)), NOW_NS, **options).timeframe


def test_a_thin_market_is_of_one_minute_whatever_its_commonest_step(tmp_path: Path) -> None:
    chance = np.random.default_rng(7)
    thin = sorted(chance.choice(4000, 350, replace=False).tolist())
    assert timeframe_of(tmp_path, thin) is Timeframe.M1


@pytest.mark.parametrize(
    ("minutes", "timeframe"),
    [
        ([0, 5, 10], Timeframe.M5),
        ([0, 5, 15, 20, 30, 35], Timeframe.M5),
        ([0, 60, 120, 240], Timeframe.H1),
        ([0, 1440, 2880, 7200, 8640], Timeframe.D1),
    ],
)
def test_few_rows_tell_their_timeframe_where_half_of_their_steps_are_it(
    tmp_path: Path, minutes: list[int], timeframe: Timeframe
) -> None:
    assert timeframe_of(tmp_path, minutes) is timeframe


@pytest.mark.parametrize("minutes", [[0], [0, 7, 21], [0, 10, 25, 55], [0, 43200, 86400]])
def test_few_rows_that_leave_it_open_need_the_word_of_a_person(
    tmp_path: Path, minutes: list[int]
) -> None:
    with pytest.raises(BadInput) as caught:
        timeframe_of(tmp_path, minutes)
    assert "--timeframe" in caught.value.hint
    assert timeframe_of(tmp_path, minutes, timeframe=Timeframe.M1) is Timeframe.M1


def test_the_word_of_a_person_is_held_against_the_rows(tmp_path: Path) -> None:
    fives = [5 * n for n in range(40)]
    with pytest.raises(BadInput, match="holds 5m candles, not 1m"):
        timeframe_of(tmp_path, fives, timeframe=Timeframe.M1)
    with pytest.raises(BadInput, match="are no 5m candles"):
        timeframe_of(tmp_path, [0, 1, 2], timeframe=Timeframe.M5)
    months = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365] * 2
    with pytest.raises(BadInput, match="no known timeframe"):
        timeframe_of(tmp_path, sorted({1440 * (d + 365 * (n // 13)) for n, d in enumerate(months)}))
