"""Protects the table: every fault of the catalogue has a test, and every test it names is there."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.scenarios.faults.table import GATEWAY, TESTS

ROOT = Path(__file__).parents[3]
FAULTS = [
    f"{letter}{number}"
    for letter, most in (("A", 23), ("B", 15), ("C", 6), ("J", 10))
    for number in range(1, most + 1)
]


@cache
def functions_of(module: str) -> frozenset[str]:
    tree = ast.parse((ROOT / module).read_text("utf-8"))
    return frozenset(each.name for each in tree.body if isinstance(each, ast.FunctionDef))


def test_every_fault_and_nothing_else_is_in_the_table() -> None:
    assert list(TESTS) == FAULTS
    assert GATEWAY.keys() <= TESTS.keys()


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_held_by_tests_that_exist(fault: str) -> None:
    assert TESTS[fault]
    for module, name in TESTS[fault]:
        assert name.startswith("test_")
        assert name in functions_of(module), f"{module} has no {name}"


def test_every_test_of_a_fault_is_in_the_table() -> None:
    named = {each for rows in TESTS.values() for each in rows}
    here = Path(__file__).parent
    for module in ("test_rest_faults.py", "test_feed_faults.py", "test_candle_faults.py"):
        path = str((here / module).relative_to(ROOT))
        found = {(path, name) for name in functions_of(path) if name.startswith("test_")}
        assert found <= named
