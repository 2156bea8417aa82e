"""Every page, on a phone and on a desk: it complains of nothing, fits, and what is pressed works.

A page is made as the command makes it, from figures made up here, with long names and with next to
nothing in it as well. What a chart says on its axes is read from what the page draws.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from msgspec.structs import replace

from bowline.core.report import make_report
from bowline.desk.output_files import Output
from bowline.desk.report import Caption, write_html
from bowline.desk.sweep_report import Ranked, write_sweep_html
from bowline.storage.files import write_candle_file
from tests.core.report.runs import flipping_record, frame
from tests.desk.browser import DESKTOP, PHONE
from tests.desk.sweep_report.sample import sample
from tests.research.grids import minutes

MANY = tuple(f"indicator_of_a_long_name_{n} fast={n} slow={n * 7}" for n in range(45))
LONG = "a" * 120
SPEC = """
version: 1
timeframe: {timeframe}
instrument: {{market: "binance:linear", symbol: MADEUP}}
direction: long-only
indicators: [{{id: sma_cross, params: {{fast: 3, slow: 8}}}}]
sizing: {{mode: all_in}}
"""
RUNS = "version: 1\ncash: 5000\nruns: [{strategy: quick.yaml}, {strategy: slow.yaml}]\n"


def backtest(path, caption, count=24 * 60, every=21):
    wave = frame(100 * np.exp(0.2 * np.sin(np.arange(count) / 37.0)))
    write_html(make_report(flipping_record(wave, every)), caption, Output(path))


def portfolio(path, say):
    folder = path.parent
    candles = folder / "MADEUP-1m.parquet"
    write_candle_file(minutes(6_000), candles, ".parquet")
    (folder / "quick.yaml").write_text(SPEC.format(timeframe="5m"))
    (folder / "slow.yaml").write_text(SPEC.format(timeframe="15m"))
    (folder / "both.yaml").write_text(RUNS)
    market = ("--market", "binance:linear", "--symbol", "MADEUP")
    code, _, errors = say("candles", "import", str(candles), *market)
    assert code == 0, errors
    words = (str(folder / "both.yaml"), "--from", "2024-01-03", "--html", str(path))
    code, _, errors = say("portfolio", *words)
    assert code == 0, errors


PAGES = {
    "backtest": lambda path, say: backtest(path, Caption("trend-1", ("sma_cross",), "x.csv")),
    "backtest of 45 indicators": lambda path, say: backtest(path, Caption(LONG, MANY, LONG)),
    "backtest of one candle": lambda path, say: backtest(path, Caption("x", (), "x.csv"), 1),
    "portfolio": portfolio,
    "sweep": lambda path, say: write_sweep_html(sample(), Output(path)),
    "sweep of long names": lambda path, say: write_sweep_html(
        sample(60, 5, hostile=LONG), Output(path)
    ),
    "sweep of one": lambda path, say: write_sweep_html(sample(1, 1), Output(path)),
}


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def width(request):
    return request.param


@pytest.fixture(params=PAGES)
def made(request, tmp_path, say):
    path = tmp_path / "page.html"
    PAGES[request.param](path, say)
    return path


#: canvas -> what its axes measure, across and up
AXES = {
    "backtest": {
        "equity": ["time, UTC", "Equity, quote money"],
        "drawdown": ["time, UTC", "Drawdown, %"],
        "market": ["time, UTC", "Price"],
    },
    "portfolio": {
        "equity": ["time, UTC", "Equity, quote money"],
        "runs": ["time, UTC", "Profit, quote money"],
        "drawdown": ["time, UTC", "Drawdown, %"],
    },
    "sweep": {
        "heatmap": ["sma_cross fast", "SL %"],
        "risk": ["Max. drawdown", "Total return"],
        "split": ["Sharpe ratio, first 70 % of the days", "Sharpe ratio, last 30 % of the days"],
        "distribution": ["Total return", "variants"],
    },
}
#: what sticks out of the page to the right, unless it lies in something that scrolls by itself
_TOO_WIDE = """[...document.querySelectorAll("body *")].filter((each) => {
  if (each.getBoundingClientRect().right <= document.documentElement.clientWidth + 1) return false;
  for (let at = each.parentElement; at; at = at.parentElement)
    if (["auto", "scroll", "hidden"].includes(getComputedStyle(at).overflowX)) return false;
  return true;
}).map((each) => each.outerHTML.slice(0, 120))"""
#: presses everything there is to press, chooses every choice, types into every field
_PRESS_ALL = """(() => {
  const pressed = [];
  const shown = (each) => each.checkVisibility() && !each.disabled;
  for (const each of document.querySelectorAll("summary, button, [role=button]")) {
    if (shown(each)) { each.click(); pressed.push(each.textContent.trim()); }
  }
  for (const each of document.querySelectorAll("select")) {
    if (!shown(each)) continue;
    for (const option of each.options) {
      each.value = option.value;
      each.dispatchEvent(new Event("change", { bubbles: true }));
      pressed.push(option.textContent);
    }
  }
  for (const each of document.querySelectorAll("canvas")) {
    if (!shown(each)) continue;
    for (const key of ["ArrowRight", "ArrowLeft", "Home", "End", "+", "-", "0", "Enter"])
      each.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    const box = each.getBoundingClientRect();
    const at = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, bubbles: true };
    for (const kind of ["pointermove", "pointerdown", "pointerup", "pointerleave"])
      each.dispatchEvent(new PointerEvent(kind, { pointerId: 1, ...at }));
    each.dispatchEvent(new MouseEvent("click", at));
    pressed.push(each.id);
  }
  return pressed;
})()"""
_BROKEN_LINKS = """[...document.querySelectorAll("a")].map((each) => each.getAttribute("href"))
  .filter((to) => !to || !to.startsWith("#") || !document.getElementById(to.slice(1)))"""
_NAMELESS = """[...document.querySelectorAll("button, select, input, canvas, a, table, summary")]
  .filter((each) => each.checkVisibility())
  .filter((each) => !(each.getAttribute("aria-label") || each.labels?.length ||
    each.closest("[aria-labelledby]") || each.textContent.trim()))
  .map((each) => each.outerHTML.slice(0, 120))"""


@pytest.mark.slow
def test_a_page_complains_of_nothing_and_fits(browser, made, width) -> None:
    page = browser.open(made, width)
    assert page.complaints == []
    assert page.ask(_TOO_WIDE) == []
    assert page.ask("document.documentElement.scrollWidth") <= width
    assert page.ask(_BROKEN_LINKS) == []
    assert page.ask(_NAMELESS) == []


#: cells whose text is wider than they are: it would run into the next one
_OVERFLOWING = """[...document.querySelectorAll("td, th")].filter((each) => each.checkVisibility())
  .filter((each) => each.scrollWidth > each.clientWidth + 1)
  .map((each) => each.textContent)"""


@pytest.mark.slow
def test_large_figures_stay_in_their_cells(browser, tmp_path, width) -> None:
    """Months that gained a thousandfold, a year of them, and round trips to match."""
    path = tmp_path / "page.html"
    steep = frame(100 * np.exp(np.arange(24 * 90) / 300.0))
    write_html(make_report(flipping_record(steep, 700)), Caption("x", (), "x.csv"), Output(path))
    page = browser.open(path, width)
    assert re.search(r"\+\d,\d{3}\.\d", page.ask("document.querySelector('.months').innerText"))
    assert page.ask(_OVERFLOWING) == []


@pytest.mark.slow
def test_whatever_is_pressed_works_and_still_fits(browser, made, width) -> None:
    page = browser.open(made, width)
    pressed = page.ask(_PRESS_ALL)
    page.until("new Promise((done) => requestAnimationFrame(() => done(true)))")
    assert page.complaints == []
    assert page.ask(_TOO_WIDE) == []
    shown = page.ask("document.querySelectorAll('canvas').length")
    assert len(pressed) >= shown
    text = page.ask("document.body.innerText")
    assert not re.search(r"\b(NaN|undefined|Infinity|\[object)\b", text), text


@pytest.mark.slow
@pytest.mark.parametrize("page_name", AXES)
def test_every_chart_names_its_axes(browser, tmp_path, say, page_name, width) -> None:
    path = tmp_path / "page.html"
    PAGES[page_name](path, say)
    drawn = browser.open(path, width).drawn
    assert drawn.keys() == AXES[page_name].keys()
    for canvas, names in AXES[page_name].items():
        for name in names:
            assert any(name in text for text in drawn[canvas]), (canvas, name, drawn[canvas])


#: by what a sweep ranks -> the head of its column
HEADS = {
    "total return": "Return",
    "max drawdown": "Drawdown",
    "sharpe": "Sharpe",
    "round trips": "Trips",
}
_HEADS_SHOWN = """[...document.querySelectorAll("#top-table th")]
  .filter((each) => each.checkVisibility() && each.getBoundingClientRect().right <= innerWidth)
  .map((each) => each.textContent.replace(/ [↑↓]$/, ""))"""


@pytest.mark.slow
@pytest.mark.parametrize("ranked_by", [*HEADS, "win rate"])
def test_the_figure_that_ranks_a_sweep_is_in_its_table(browser, tmp_path, ranked_by, width) -> None:
    """On a phone, too, and beside the return, without scrolling; other figures may give way."""
    picture = replace(sample(), ranked_by=ranked_by)
    if ranked_by not in HEADS:
        won = Ranked("Win rate", " %", 1, np.linspace(20, 80, picture.variants))
        picture = replace(picture, ranked=won)
    path = tmp_path / "sweep.html"
    write_sweep_html(picture, Output(path))
    page = browser.open(path, width)
    shown = page.ask(_HEADS_SHOWN)
    assert {"Return", HEADS.get(ranked_by, "Win rate")} <= set(shown)
    row = page.ask("document.querySelector('#top-table tbody tr').innerText")
    assert len(row.split()) >= len(shown) - 1
