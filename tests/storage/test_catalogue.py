"""The catalogue on disk: YAML is the truth, what was made of it is current, a file narrows it.

`WRITE_GENERATED=1 pytest tests/storage/test_catalogue.py` writes both files anew.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bowline import wire
from bowline.core.errors import BadInput, NotFound
from bowline.desk.indicator_page import reference_page
from bowline.storage import catalogue as stored
from tests.conftest import REPO

ENTRIES = REPO / "src/bowline/core/signals/entries"
PAGE = REPO / "docs/reference/indicators.md"


@pytest.fixture(scope="module")
def packaged():
    return stored.read_catalogue()


def _expect(path: Path, content: bytes) -> None:
    if os.environ.get("WRITE_GENERATED"):
        path.write_bytes(content)
    assert path.read_bytes() == content, f"{path.name} is old: run this test with WRITE_GENERATED=1"


def test_the_compiled_catalogue_is_that_of_the_yaml_files():
    _expect(ENTRIES / stored.COMPILED, stored.compile_catalogue())


def test_the_reference_page_is_that_of_the_catalogue(packaged):
    _expect(PAGE, reference_page(packaged).encode())


def test_every_yaml_file_holds_the_group_it_is_named_after():
    for path in ENTRIES.glob("*.yaml"):
        groups = set(re.findall(r"(?m)^  group: (\w+)$", path.read_text()))
        assert groups == {path.stem}


def test_compiled_and_read_entries_are_equal(packaged):
    read = stored._build(stored._texts())
    assert read.entries == packaged.entries


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The entries in a folder of their own, for the reader to find."""
    shutil.copytree(ENTRIES, tmp_path / "entries")
    monkeypatch.setattr(stored, "files", lambda _package: tmp_path)
    return tmp_path / "entries"


def test_a_changed_yaml_file_is_read_whatever_was_compiled(copied):
    path = copied / "momentum.yaml"
    path.write_text(path.read_text().replace("- id: rsi\n", "- id: my_rsi\n"))
    ids = stored.read_catalogue().ids()
    assert "my_rsi" in ids
    assert "rsi" not in ids


def test_without_the_compiled_copy_the_yaml_files_are_enough(copied, packaged):
    (copied / stored.COMPILED).unlink()
    assert stored.read_catalogue().entries == packaged.entries


def test_the_compiled_copy_is_what_spares_the_yaml_reader():
    """0.2 s of every start; without yaml imported, nothing can have been parsed."""
    program = (
        "import sys; from bowline.storage.catalogue import read_catalogue;"
        "read_catalogue(); print('yaml' in sys.modules, 'talib' in sys.modules)"
    )
    run = [sys.executable, "-c", program]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "False False\n"


def test_a_file_of_the_environment_narrows(home, tmp_path, monkeypatch):
    own = tmp_path / "own.yaml"
    own.write_text("indicators:\n  macd: {enabled: false}\n  rsi: {params: {period: {max: 50}}}\n")
    monkeypatch.setenv("BOWLINE_INDICATORS", str(own))
    catalogue = wire.load_catalogue()
    assert "macd" not in catalogue.ids()
    assert catalogue.get("rsi").resolve({"period": 51})[1]
    monkeypatch.delenv("BOWLINE_INDICATORS")
    assert not wire.load_catalogue().get("rsi").resolve({"period": 51})[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "indicators:\n  rsi: {params: {period: {max: 501}}}\n",
            "indicators.rsi.params.period.max",
        ),
        ("indicators:\n  rsii: {}\n", "indicators.rsii"),
        ("indicators: [\n", "is not YAML"),
        ("- rsi\n", "is not a mapping"),
        ("rsi: {}\n", "indicators:"),
    ],
)
def test_a_file_that_does_not_narrow_is_refused_with_its_mistakes(tmp_path, text, said):
    own = tmp_path / "own.yaml"
    own.write_text(text)
    with pytest.raises(BadInput) as caught:
        stored.read_catalogue(own)
    assert said in "\n".join([caught.value.message, *caught.value.problems])


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(NotFound, match=r"nowhere\.yaml"):
        stored.read_catalogue(tmp_path / "nowhere.yaml")


def test_the_bounds_shown_in_the_reference_page_can_be_used(tmp_path):
    block = re.search(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    own = tmp_path / "own.yaml"
    own.write_text(block[1])
    narrowed = stored.read_catalogue(own)
    assert narrowed.get("rsi").defaults()["period"] == 15
    assert "macd" not in narrowed.ids()
