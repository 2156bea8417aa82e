"""A sweep's page stands alone, says the sweep's figures, stays small, keeps names text, draws."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import zlib

import numpy as np
import pytest
from msgspec.structs import replace

from bowline.core.errors import BadInput
from bowline.desk.output_files import Output
from bowline.desk.sweep_report import Figures, Ranked, sweep_page, write_sweep_html
from bowline.desk.sweep_report.drawing import MOST_VARIANTS
from tests.desk.pages import Elements
from tests.desk.sweep_report.sample import sample

HOSTILE = """</script><script>alert(1)</script><img src=x onerror=alert(2)>"'&${style}"""


@pytest.fixture(scope="module")
def picture():
    return sample()


@pytest.fixture(scope="module")
def page(picture):
    return sweep_page(picture)


def drawing_in(page):
    return json.loads(Elements(page).scripts[0])


def unpacked(drawing):
    """The columns as a stranger would read them: inflate, take the byte planes apart."""
    packed = drawing["packed"]
    planes = zlib.decompress(base64.b64decode(packed["deflated"]))
    assert len(planes) == packed["bytes"]
    found = {}
    for name, (kind, count, begins) in packed["columns"].items():
        size = np.dtype(kind).itemsize
        raw = np.frombuffer(planes[begins : begins + size * count], np.uint8)
        found[name] = raw.reshape(size, count).T.copy().view(f"<{kind}").ravel()
    return found


def cut(picture, count):
    """The first variants of a picture, none of them on top."""
    figures = Figures(*(getattr(picture.figures, n)[:count] for n in Figures.__struct_fields__))
    axes = tuple(replace(axis, codes=axis.codes[:count]) for axis in picture.axes)
    return replace(
        picture, variants=count, figures=figures, axes=axes, split=None, thresholds=(),
        top=np.zeros(0, dtype=np.int64), equity=(), alike=(),
    )  # fmt: skip


def test_nothing_is_loaded_from_anywhere(page):
    found = Elements(page).tags
    assert {tag for tag, _ in found}.isdisjoint(
        {"img", "iframe", "object", "embed", "base", "form"}
    )
    loads = [
        a for _, attrs in found for name, a in attrs.items() if name in ("src", "srcset", "href")
    ]
    assert loads == ["data:,"]
    # the name of SVG is an address that nobody asks
    assert set(re.findall(r"\w+://[^\"' ]*", page)) <= {"http://www.w3.org/2000/svg"}
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


def test_the_verdict_and_its_findings_stand_without_a_script(picture, page):
    text = html.unescape(re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL))
    assert picture.judgement.words in text
    for check in picture.judgement.checks:
        assert f'<p class="figure {check.tone.value}">{check.figure}</p>' in text
        assert check.meaning in text
    for words in (*picture.warnings, *(word for fact in picture.facts for word in fact)):
        assert words in text
    assert "The best 50 of 2,000 by total return." in text
    assert "last days are not an out-of-sample test" in text
    assert "To save a row (#) as a strategy: bowline grid save 7 ROW" in text
    assert "out of sample" not in text.replace("Out of sample", "")


def test_every_number_that_travels_is_the_sweep_s(picture, page):
    drawing = drawing_in(page)
    columns = unpacked(drawing)
    for name, given in picture.columns():
        if name.startswith("axis"):
            continue
        assert np.array_equal(columns[name], given.astype(columns[name].dtype), equal_nan=True)
    assert columns["variant"].tolist() == picture.figures.variant.tolist()
    assert columns["top"].tolist() == picture.top.tolist()
    assert columns["alike"].tolist() == list(picture.alike)
    assert (drawing["save"], drawing["ranked_by"]) == ("bowline grid save 7", "total_return_pct")
    for number, axis in enumerate(picture.axes):
        said = [(None, *axis.values)[code] for code in columns[f"axis{number}"]]
        assert said == [axis.values[code] if code >= 0 else None for code in axis.codes]
        assert drawing["axes"][number] == {"name": axis.name, "values": list(axis.values)}


@pytest.mark.parametrize(
    ("ranked_by", "column"),
    [("max drawdown", "max_drawdown_pct"), ("sharpe", "sharpe"), ("round trips", "round_trips")],
)
def test_a_narrow_table_keeps_the_figure_that_ranks(picture, ranked_by, column):
    drawing = drawing_in(sweep_page(replace(picture, ranked_by=ranked_by)))
    assert drawing["ranked_by"] == column
    assert column in {figure["id"] for figure in drawing["figures"]}


def test_a_figure_that_is_drawn_only_where_it_ranks_travels_too(picture):
    values = np.linspace(0, 100, len(picture.figures.variant))
    other = replace(picture, ranked=Ranked("Win rate", " %", 1, values), ranked_by="win rate")
    drawing = drawing_in(sweep_page(other))
    assert drawing["ranked_by"] == "ranked"
    assert {"id": "ranked", "title": "Win rate", "unit": " %", "better": 1} in drawing["figures"]
    assert np.array_equal(unpacked(drawing)["ranked"], values.astype("f4"))


def test_a_sparkline_has_the_start_the_end_and_the_height_of_its_curve(picture, page):
    drawing = drawing_in(page)
    curves = unpacked(drawing)["curves"].reshape(-1, drawing["curve_points"])
    assert len(curves) == len(picture.top)
    for heights, equity in zip(curves, picture.equity, strict=True):
        spread = equity.max() - equity.min()
        back = equity.min() + heights / 65_535 * spread
        assert back[[0, -1]] == pytest.approx(equity[[0, -1]], abs=spread / 65_000)


@pytest.mark.slow
def test_110_000_variants_stay_under_three_megabytes_and_more_keep_their_best():
    whole = sample(MOST_VARIANTS, 300)
    page = sweep_page(whole)
    assert len(page) < 3_000_000
    assert "Charts show all 110,000 variants." in page

    more = sample(250_000, 300)
    page = sweep_page(more)
    columns = unpacked(drawing_in(page))
    assert len(page) < 3_000_000
    assert len(columns["variant"]) <= MOST_VARIANTS
    assert f"{len(columns['variant']):,} of 250,000 variants" in page
    best = columns["variant"][columns["top"]].astype(int)
    assert best.tolist() == more.figures.variant[more.top].tolist()


def test_a_hostile_name_stays_text():
    picture = sample(60, 5, hostile=HOSTILE)
    page = sweep_page(picture)
    tags = Elements(page).tags

    assert [tag for tag, _ in tags].count("script") == 2
    assert not [tag for tag, _ in tags if tag == "img"]
    assert page.count(html.escape(HOSTILE)) >= 20
    assert HOSTILE not in page
    assert HOSTILE in drawing_in(page)["axes"][0]["name"]


def test_equal_pictures_make_equal_pages(page):
    assert sweep_page(sample()) == page


def test_columns_of_unequal_length_are_refused(picture):
    with pytest.raises(ValueError, match="sharpe: expected 2000 rows"):
        replace(picture, figures=replace(picture.figures, sharpe=np.zeros(3)))
    with pytest.raises(ValueError, match="equity curve each"):
        replace(picture, equity=())
    axis = replace(picture.axes[0], values=("1",))
    with pytest.raises(ValueError, match="codes within its values"):
        replace(picture, axes=(axis,))


def test_a_file_that_cannot_be_written_is_said(picture, tmp_path):
    with pytest.raises(BadInput, match="cannot write"):
        write_sweep_html(picture, Output(tmp_path / "absent" / "sweep.html"))


def wild():
    """Returns beyond any scale, busts, figures that do not exist, one parameter."""
    picture = sample(500, 3)
    odd = np.where(np.arange(500) % 7, picture.figures.total_return_pct, 1e15)
    odd[:2] = -100, 1e60
    figures = replace(picture.figures, total_return_pct=odd, sharpe=np.full(500, np.nan))
    return replace(picture, figures=figures, axes=picture.axes[:1])


#: presses keys, filters and sorts; what the page says then
_PROBE = """(() => {
const said = {};
const text = (id) => document.getElementById(id).textContent;
const press = (id, ...keys) => keys.forEach((key) =>
  document.getElementById(id).dispatchEvent(new KeyboardEvent("keydown", { key })));
for (const id of ["heatmap", "risk", "split", "distribution"]) press(id, "ArrowRight");
for (const id of ["heatmap", "risk", "split", "distribution"]) said[id] = text(`${id}-readout`);
press("risk", "Home", "Enter");
said.chosen = text("chosen-title") + text("chosen-figures");
const filter = document.getElementById("top-filter");
for (const words of ["fast=33", "trips>400 return>0", "nonsense=1"]) {
  filter.value = words;
  filter.dispatchEvent(new Event("input"));
  said[words] = [text("top-count"), document.querySelectorAll("#top-table tbody tr").length];
}
filter.value = "";
filter.dispatchEvent(new Event("input"));
const heads = document.querySelectorAll("#top-table th button");
[...heads].find((head) => head.textContent.startsWith("Drawdown")).click();
said.first = document.querySelector("#top-table tbody tr").textContent;
said.wide = document.documentElement.scrollWidth > innerWidth;
return said;
})()"""


def probed(browser, picture, folder):
    """What the page says after its keys were pressed."""
    path = folder / "probed.html"
    write_sweep_html(picture, Output(path))
    page = browser.open(path)
    said = page.ask(_PROBE)
    assert page.complaints == []
    return said


@pytest.mark.slow
class TestInABrowser:
    @pytest.mark.parametrize("kind", ["ordinary", "hostile", "wild", "one", "none"])
    def test_it_draws_the_page_without_complaint(self, kind, picture, tmp_path, browser):
        made = {
            "ordinary": lambda: picture,
            "hostile": lambda: sample(60, 5, hostile=HOSTILE),
            "wild": wild,
            "one": lambda: cut(picture, 1),
            "none": lambda: cut(picture, 0),
        }[kind]()
        path = tmp_path / "sweep.html"
        write_sweep_html(made, Output(path))
        page = browser.open(path)
        dom = page.dom

        assert page.complaints == []
        assert dom.count('class="spark') == min(15, len(made.top))
        assert "NaN" not in re.sub(r"<script.*?</script>", "", dom, flags=re.DOTALL)

    def test_keys_filters_and_sorting_say_the_sweep_s_numbers(self, picture, tmp_path, browser):
        said = probed(browser, picture, tmp_path)
        figures, best = picture.figures, picture.top[0]
        gained = f"{figures.total_return_pct[best]:+,.2f} %"
        number = f"{figures.variant[best]:,}"
        fast, trips = picture.axes[0], figures.round_trips[picture.top]
        shown = {
            "fast=33": (fast.codes[picture.top] == fast.values.index("33")).sum(),
            "trips>400 return>0": (trips > 400).sum(),
        }

        assert not said["wide"]
        assert f"variant {number}" in said["risk"]
        assert gained in said["risk"]
        pair = [axis.values[axis.codes[best]] for axis in picture.axes[:2]]
        assert f"sma_cross fast {pair[0]}, slow {pair[1]}" in said["risk"]
        measured = ~np.isnan(picture.split.last_days[picture.top])
        first = picture.figures.variant[picture.top[measured][0]]
        assert f"variant {first:,}" in said["split"]
        assert f"Variant {number}, row 1" in said["chosen"]
        assert gained in said["chosen"]
        for words, count in shown.items():
            assert said[words] == [f"{count} of 50 rows.", min(15, count)]
        assert said["nonsense=1"][0].endswith("Unknown figure or parameter: nonsense=1")
        shallow = figures.max_drawdown_pct[picture.top].min()
        assert f"{shallow:,.2f} %" in said["first"]

    def test_a_cell_of_the_heatmap_counts_and_ranks_its_variants(self, picture, tmp_path, browser):
        said = probed(browser, picture, tmp_path)["heatmap"]
        cell, named = np.ones(picture.variants, dtype=bool), 0
        for axis in picture.axes:
            if found := re.search(rf"{axis.name} (off|[\d.]+)", said):
                cell &= axis.codes == axis.values.index(found[1])
                named += 1
        assert named == 2
        assert 1 < cell.sum() < picture.variants
        assert f"of {cell.sum():,} variants" in said
        best = picture.figures.total_return_pct[cell].max()
        assert f"best total return {best:+,.2f} %" in said
