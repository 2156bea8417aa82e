"""Protects: no line of a plugin runs untrusted, and a broken one neither hides nor spreads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bowline.core.errors import BadInput, Damaged, NotFound
from bowline.core.signals import Strategies
from bowline.desk.plugins import PluginFolder, load_plugins
from tests.core.signals.test_opinion import walk
from tests.generators import catalogue

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples/strategies/breakout.py"
#: leaves a mark when it runs
MARKING = "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n"
PLUGIN = '''
"""A plugin."""
import numpy as np
from bowline.core.signals import Strategy

class Flat(Strategy):
    id = "flat"
    title = "Never an opinion"
    def warmup(self, params):
        return 0
    def signals(self, candles, params):
        return np.zeros(len(candles), dtype=np.int8)
'''


@pytest.fixture
def plugins(tmp_path: Path) -> PluginFolder:
    folder = tmp_path / "strategies"
    folder.mkdir()
    return PluginFolder(folder, tmp_path / "home" / "trusted.json")


def loaded(plugins: PluginFolder) -> Strategies:
    return load_plugins(plugins, points=())


def written(plugins: PluginFolder, text: str, name: str = "flat.py") -> Path:
    path = plugins.folder / name
    path.write_text(text)
    return path


def test_a_file_runs_only_as_it_was_when_it_was_trusted(plugins: PluginFolder) -> None:
    """Never trusted, changed after, trusted under another name: its code is never executed."""
    path = written(plugins, PLUGIN + MARKING)
    mark = path.with_suffix(".ran")
    assert [failure.origin for failure in loaded(plugins).failures] == [str(path)]
    assert "is not trusted" in loaded(plugins).failures[0].message
    assert f"bowline strategy trust {path}" in loaded(plugins).failures[0].hint
    plugins.trust("flat.py")
    assert not mark.exists()
    assert [entry.strategy.id for entry in loaded(plugins)] == ["flat"]
    assert mark.exists()
    mark.unlink()
    path.write_text(PLUGIN + MARKING + "\n")
    assert "has changed since it was trusted" in loaded(plugins).failures[0].message
    path.rename(path.with_name("other.py"))
    assert "is not trusted" in loaded(plugins).failures[0].message
    assert not list(plugins.folder.glob("*.ran"))


def test_the_code_hash_is_of_the_bytes_that_ran(plugins: PluginFolder) -> None:
    path = written(plugins, PLUGIN)
    trusted = plugins.trust(str(path))
    assert loaded(plugins).get("flat").code == trusted.sha256
    path.write_text(PLUGIN + "# more\n")
    again = plugins.trust(str(path))
    assert loaded(plugins).get("flat").code == again.sha256 != trusted.sha256


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n\ny = 1 / 0\n", "bad.py line 3: ZeroDivisionError: division by zero"),
        ("x = 1\ndef f(:\n", "bad.py line 2: SyntaxError"),
        ("import nowhere_at_all\n", "bad.py line 1: ModuleNotFoundError"),
        ("from . import other\n", "bad.py line 1: ImportError"),
        ("raise SystemExit(0)\n", "bad.py line 1: SystemExit"),
        ("x = 1\n", "defines no subclass of Strategy"),
        (PLUGIN.replace('"flat"', '"No Id"'), "id: 'No Id' is not an id"),
        (PLUGIN.replace('title = "Never an opinion"', ""), "title: None"),
        (PLUGIN.replace("def warmup", "def warm_up"), "Can't instantiate abstract class"),
        (PLUGIN, "the id flat belongs to"),
    ],
)
def test_a_broken_plugin_says_where_and_leaves_the_others_alone(
    plugins: PluginFolder, text: str, words: str
) -> None:
    # the good one comes first by name
    written(plugins, PLUGIN, "a_good.py")
    written(plugins, text, "bad.py")
    plugins.trust("a_good.py")
    plugins.trust("bad.py")
    found = loaded(plugins)
    assert [entry.strategy.id for entry in found] == ["flat"]
    assert len(found.failures) == 1
    assert words in found.failures[0].message


def test_only_classes_of_the_file_itself_are_plugins(plugins: PluginFolder) -> None:
    """What it imports is somebody else's, what begins with _ is there to be inherited from."""
    written(plugins, PLUGIN.replace("class Flat(Strategy)", "class _Flat(Strategy)")
            + "class One(_Flat):\n    id = 'one'\nclass Two(_Flat):\n    id = 'two'\n")  # fmt: skip
    plugins.trust("flat.py")
    assert sorted(entry.strategy.id for entry in loaded(plugins)) == ["one", "two"]
    assert not loaded(plugins).failures


def test_only_files_of_the_folder_can_be_trusted(plugins: PluginFolder, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.py"
    elsewhere.write_text(PLUGIN)
    with pytest.raises(BadInput, match=r"not a \.py file in the strategies folder"):
        plugins.trust(str(elsewhere))
    written(plugins, PLUGIN, "plugin.txt")
    with pytest.raises(BadInput, match=r"not a \.py file"):
        plugins.trust("plugin.txt")
    (plugins.folder / "link.py").symlink_to(elsewhere)
    with pytest.raises(BadInput, match=r"elsewhere\.py is not a"):
        plugins.trust("link.py")
    with pytest.raises(NotFound, match=r"none\.py"):
        plugins.trust("none.py")


def test_a_damaged_record_of_trust_is_not_an_empty_one(plugins: PluginFolder) -> None:
    written(plugins, PLUGIN)
    plugins.trust("flat.py")
    record = plugins.folder.parent / "home" / "trusted.json"
    record.write_text(record.read_text()[:-4])
    with pytest.raises(Damaged, match="trust the files again"):
        raise_with_hint(plugins)


def raise_with_hint(plugins: PluginFolder) -> None:
    try:
        loaded(plugins)
    except Damaged as error:
        raise Damaged(error.hint) from error


def test_no_folder_is_no_plugins(tmp_path: Path) -> None:
    found = loaded(PluginFolder(tmp_path / "none", tmp_path / "trusted.json"))
    assert not list(found)
    assert not found.failures


def test_an_installed_package_is_found_and_hashed_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pip leaves it: a package, and a dist-info that names its entry points."""
    package, about = tmp_path / "my_plugins", tmp_path / "my_plugins-1.2.dist-info"
    package.mkdir()
    about.mkdir()
    (package / "__init__.py").write_text("")
    (package / "flat.py").write_text(PLUGIN)
    (package / "bad.py").write_text("\nimport nowhere_at_all\n")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-plugins\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text(
        "[bowline.strategies]\nflat = my_plugins.flat:Flat\nbad = my_plugins.bad:Bad\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = PluginFolder(tmp_path / "none", tmp_path / "trusted.json")
    found = load_plugins(folder)
    assert found.get("flat").origin == "flat = my_plugins.flat:Flat of my-plugins 1.2"
    assert len(found.failures) == 1
    assert "bad.py line 2: ModuleNotFoundError" in found.failures[0].message
    (package / "__init__.py").write_text("# changed\n")
    assert load_plugins(folder).get("flat").code != found.get("flat").code


def test_the_example_plugin_works_as_its_spec_says(plugins: PluginFolder) -> None:
    """The one in examples/: loaded, parsed and asked, against a channel computed here."""
    from bowline.core.signals import opinion_of, parse_spec
    from bowline.desk.spec_text import read_spec_file

    written(plugins, EXAMPLE.read_text(), "breakout.py")
    plugins.trust("breakout.py")
    raw = read_spec_file(EXAMPLE.parent.parent / "specs/breakout_plugin.yaml")
    spec = parse_spec(raw, catalogue(), loaded(plugins))
    candles = walk(500)
    frame = opinion_of(spec, catalogue(), loaded(plugins)).signals(candles)
    now = 0
    for t in range(500):
        if t >= 48:
            if candles.close[t] > candles.high[t - 48 : t].max():
                now = 1
            elif candles.close[t] < candles.low[t - 48 : t].min():
                now = -1
        assert frame.direction[t] == now
    assert {1, -1} <= set(frame.direction.tolist())


def test_the_record_of_trust_is_readable_by_people(plugins: PluginFolder) -> None:
    trusted = plugins.trust(str(written(plugins, PLUGIN)))
    record = json.loads((plugins.folder.parent / "home" / "trusted.json").read_text())
    assert record == {trusted.path: trusted.sha256}
