"""The page stands alone, says what the report says, stays small, keeps names text, and draws."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re

import numpy as np
import pytest
from msgspec.structs import replace

from bowline.core.errors import BadInput
from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.model.intent import Refusal
from bowline.core.model.values import Timeframe
from bowline.core.report import METRICS, make_report
from bowline.desk.output_files import Output
from bowline.desk.report import Caption, html_page, write_html
from bowline.desk.report.text import metric_texts, verdict
from tests.core.report.runs import flipping_record, frame
from tests.desk.pages import Elements

CAPTION = Caption("trend-1", ("sma_cross fast=10 slow=50",), "candles.csv")
HOSTILE = """</script><script>alert(1)</script><img src=x onerror=alert(2)>"'&${style}"""


def wave(count, timeframe=Timeframe.H1):
    return frame(100 * np.exp(0.2 * np.sin(np.arange(count) / 37.0)), timeframe)


@pytest.fixture(scope="module")
def report():
    return make_report(flipping_record(wave(24 * 60), 21))


@pytest.fixture(scope="module")
def page(report):
    return html_page(report, CAPTION)


def test_nothing_is_loaded_from_anywhere(page):
    found = Elements(page).tags
    assert {tag for tag, _ in found}.isdisjoint(
        {"img", "iframe", "object", "embed", "base", "form"}
    )
    loads = [
        a for _, attrs in found for name, a in attrs.items() if name in ("src", "srcset", "href")
    ]
    assert loads == ["data:,"]
    assert "://" not in page.replace("http-equiv", "")
    assert not re.search(
        r"@import|url\(|fetch\(|XMLHttpRequest|WebSocket|EventSource|import\(", page
    )


def test_no_script_may_run_but_the_page_s_own(page):
    (policy,) = [a["content"] for tag, a in Elements(page).tags if "http-equiv" in a]
    _drawing, script = Elements(page).scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy
    assert not any(name.startswith("on") for _, a in Elements(page).tags for name in a)


def test_every_figure_is_the_report_s(page, report):
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th><td>([^<]+)</td></tr>', page)
    shown = [(html.unescape(title), html.unescape(text)) for title, text in rows]
    assert shown[: len(METRICS)] == list(metric_texts(report.metrics))
    assert html.escape(verdict(report)) in page
    by_title = dict(shown)
    assert by_title["Total Return [%]"] == f"{report.metrics.total_return_pct:,.2f}"
    assert by_title["Num. Trades"] == str(len(report.round_trips))
    for month in report.months:
        assert f"{month.return_pct:+,.1f}<small>{month.benchmark_pct:+,.1f}</small>" in page


def column(text, kind):
    return np.frombuffer(base64.b64decode(text), dtype=f"<{kind}")


def test_what_is_drawn_is_what_happened(page, report):
    drawing = json.loads(Elements(page).scripts[0])
    candles, trips = drawing["candles"], drawing["round_trips"]
    assert drawing["candles_together"] == 1
    assert (column(candles["close_s"], "u4") == report.record.candles.close_ns // 10**9).all()
    assert column(candles["equity"], "f4") == pytest.approx(report.curves.equity, rel=1e-6)
    assert column(candles["drawdown"], "f4") == pytest.approx(report.drawdown_pct, rel=1e-6)
    assert column(trips["pnl"], "f8").tolist() == [float(t.pnl) for t in report.round_trips]
    assert column(trips["closed_s"], "u4").tolist() == [
        t.closed_ns // 10**9 for t in report.round_trips
    ]


def test_130_000_candles_and_6_500_round_trips_stay_small_and_lose_no_high_or_low():
    candles = wave(130_000, Timeframe.M1)
    report = make_report(flipping_record(candles, 20))
    page = html_page(report, CAPTION)
    drawing = json.loads(Elements(page).scripts[0])

    assert len(page) < 500_000
    assert "combines 26 candles of the run" in page
    assert f"The last 2,500 of {len(report.round_trips):,}" in page
    high, low = (column(drawing["candles"][name], "f4") for name in ("high", "low"))
    assert len(high) == 5000
    assert high.max() == np.float32(candles.high.max())
    assert low.min() == np.float32(candles.low.min())
    depth = column(drawing["candles"]["drawdown"], "f4")
    assert depth.max() == np.float32(report.metrics.max_drawdown_pct)


def hostile_report():
    record = flipping_record(wave(200), 21)
    instrument = Instrument(InstrumentId(MarketId(1), HOSTILE))
    record = replace(record, run=replace(record.run, instrument=instrument, strategy_id=HOSTILE))
    return make_report(replace(record, refusals={Refusal.COOLDOWN: 2}, conflicting_signals=1))


def test_a_hostile_name_stays_text():
    page = html_page(hostile_report(), Caption(HOSTILE, (HOSTILE,), HOSTILE))
    tags = Elements(page).tags

    assert [tag for tag, _ in tags].count("script") == 2
    assert not [tag for tag, _ in tags if tag == "img"]
    assert page.count(html.escape(HOSTILE)) >= 6
    assert HOSTILE not in page


def test_a_name_that_is_no_text_is_shown_and_not_fallen_over(report, tmp_path):
    write_html(report, Caption("x", (), "candles-\udcff.csv"), Output(tmp_path / "report.html"))
    assert "candles-\\udcff.csv" in (tmp_path / "report.html").read_text()


def test_equal_reports_make_equal_pages(report, page):
    again = make_report(flipping_record(wave(24 * 60), 21))
    assert html_page(again, CAPTION) == page


def test_an_edge_of_nothing_is_still_a_page():
    """One candle and no fill: everything that does not exist is n/a, nothing is NaN."""
    page = html_page(make_report(flipping_record(wave(1), 21)), CAPTION)
    text = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert "There were no trades." in page
    assert "n/a" in text
    assert not re.search(r">[+-]?(nan|NaN|inf|None)\b", text)


def test_a_file_that_cannot_be_written_is_said(report, tmp_path):
    with pytest.raises(BadInput, match="cannot write"):
        write_html(report, CAPTION, Output(tmp_path / "absent" / "report.html"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ordinary", "hostile", "empty"])
def test_a_browser_draws_the_page_without_complaint(kind, report, tmp_path, browser):
    made = {
        "ordinary": lambda: (report, CAPTION),
        "hostile": lambda: (hostile_report(), Caption(HOSTILE, (HOSTILE,), HOSTILE)),
        "empty": lambda: (make_report(flipping_record(wave(1), 21)), CAPTION),
    }[kind]()
    path = tmp_path / "report.html"
    write_html(*made, Output(path))
    page = browser.open(path)
    dom = page.dom

    assert page.complaints == []
    shown = re.findall(r'aria-label="Show round trip (\d+) in the chart"', dom)
    assert len(shown) == min(25, len(made[0].round_trips))
    readout = re.search(r'id="equity-readout">(.*?)</p>', dom)[1]
    assert f"{made[0].curves.equity[-1]:,.2f}" in readout


def test_a_drawdown_has_one_sign(page, report):
    """A size on the card, in the table of metrics and on the scale of the chart: never below 0."""
    size = f"{report.metrics.max_drawdown_pct:,.2f}"
    card = re.search(r'Max\. drawdown</p><p class="figure loss">([^<]+)</p>', page)
    assert card is not None
    assert card[1] == f"{size} %"
    assert f'<th scope="row">Max. Drawdown [%]</th><td>{size}</td>' in page
