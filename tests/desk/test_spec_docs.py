"""Protects: what the pages on specs and plugins show can be copied and works."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from bowline.core.model.values import Timeframe
from bowline.core.signals import (
    MIN_WARMUP,
    WARMUP_RULE,
    Strategies,
    opinion_of,
    parse_spec,
    strategy_name,
)
from bowline.core.signals.spec_reading import MAX_INDICATORS, MAX_PLACES
from bowline.desk.plugins import PluginFolder, load_plugins
from bowline.desk.spec_text import MAX_BYTES, parse_spec_text
from tests.core.signals.test_opinion import walk
from tests.core.signals.test_spec import PLAIN
from tests.generators import ALL_SIZING_MODES, catalogue

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
SPEC = (DOCS / "reference/spec.md").read_text("utf-8")
HOWTO = (DOCS / "howto/write-a-strategy-plugin.md").read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    found = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found
    return found


def test_the_spec_of_the_reference_is_good() -> None:
    for block in blocks(SPEC, "yaml"):
        parse_spec(parse_spec_text(block, "spec.md"), catalogue(), Strategies())


def test_the_reference_says_what_the_code_does() -> None:
    for said in (
        f"at most {MAX_BYTES // 1024} KiB",
        ", ".join(each.value for each in Timeframe),
        f"1 to {MAX_INDICATORS} indicators",
        f"at least {MIN_WARMUP} (the rule",
        WARMUP_RULE,
        f"at most {MAX_PLACES} digits",
        strategy_name(parse_spec(PLAIN, catalogue(), Strategies())),
        *(f"| `{mode}` |" for mode in ALL_SIZING_MODES),
    ):
        assert said in SPEC.replace("\n", " "), said


def test_every_field_of_a_spec_is_in_the_reference(tmp_path: Path) -> None:
    """By asking the reader which fields it knows."""
    from bowline.core.errors import BadInput

    with pytest.raises(BadInput) as caught:
        parse_spec({"x": 1}, catalogue(), Strategies())
    fields = caught.value.problems[0].rpartition("expected ")[2].split(", ")
    assert len(fields) == 14
    for field in fields:
        assert f"`{field}" in SPEC


def test_the_plugin_of_the_guide_works(tmp_path: Path) -> None:
    (tmp_path / "exhaustion.py").write_text(blocks(HOWTO, "python")[0])
    folder = PluginFolder(tmp_path, tmp_path / "trusted.json")
    folder.trust("exhaustion.py")
    plugins = load_plugins(folder, points=())
    assert not plugins.failures
    spec = parse_spec(parse_spec_text(blocks(HOWTO, "yaml")[0], "howto"), catalogue(), plugins)
    candles = walk(2000)
    frame = opinion_of(spec, catalogue(), plugins).signals(candles)
    colour = np.sign(candles.close - candles.open)
    for t in range(4, 2000):
        window = colour[t - 4 : t + 1].tolist()
        expected = {(-1.0,): 1, (1.0,): -1}.get(tuple(set(window)), 0)
        assert frame.direction[t] == expected
    assert {1, -1} <= set(frame.direction.tolist())
