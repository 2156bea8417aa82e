"""Protects the judge's table: what the page says of every market is what ccxt finds there."""

from __future__ import annotations

import asyncio

import pytest

from bowline.simex import DIALECTS
from tests.simex.judge import LINEAR_ONLY, OPERATIONS, examine
from tests.simex.page import ABSENT, KINDS, NO, PAGE, YES, cells_of_page, played


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("venue", DIALECTS)
def test_ccxt_finds_at_each_market_what_the_page_says(venue: str, kind: str) -> None:
    found = asyncio.run(examine(venue, kind))
    said = cells_of_page()[venue, kind]
    asked = {name: mark for name, mark in said.items() if mark != ABSENT}
    assert asked == {name: NO if reason else YES for name, reason in found.items()}, found


def test_the_page_lists_what_is_played() -> None:
    assert "\n".join(played()) in PAGE.read_text("utf-8")


def test_the_page_has_a_mark_in_every_cell() -> None:
    said = cells_of_page()
    assert {venue for venue, _ in said} >= set(DIALECTS)
    for (_, kind), marks in said.items():
        assert set(marks) == set(OPERATIONS)
        assert set(marks.values()) <= {YES, NO, ABSENT}
        if kind == "spot":
            assert all(marks[name] == ABSENT for name in LINEAR_ONLY)
