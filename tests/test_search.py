"""Protects the search: a failure that a draw makes is told, and its command makes it again."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import pytest

from tests import chance, mutants, search

DRAWS = """
from hypothesis import given, strategies as st
from tests.chance import seeded

@given(st.integers(0, 10**9))
def test_property(number):
    assert number < 10**6

def test_own_generator():
    assert seeded(1).random() < 0, f"drew {seeded(1).random()}"

def test_that_holds():
    assert True
"""


@pytest.mark.slow
def test_a_failure_is_told_and_its_command_repeats_it(tmp_path) -> None:
    file = tmp_path / "test_draws.py"
    file.write_text(DRAWS)
    child = search.Child(str(file), 5, tmp_path)
    child.process.wait()
    assert child.is_over()
    outcomes, failures = child.result()
    assert outcomes == {"passed": 1, "failed": 2}
    told = {name.rpartition("::")[2]: text for name, text in failures.items()}
    assert "number=1000000" in told["test_property"]
    drew = told["test_own_generator"].partition("drew ")[2].split()[0]

    words = shlex.split(search.command(f"{file}::test_own_generator", 5))
    env = dict(word.split("=") for word in words[:2])
    again = subprocess.run(
        [sys.executable, *words[3:]], cwd=search.REPO, env=os.environ | env,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert f"drew {drew}" in again.stdout
    assert again.returncode == 1


def test_every_run_draws_the_same_and_each_search_something_else(monkeypatch) -> None:
    monkeypatch.setattr(chance, "SEARCH", "")
    fixed = chance.seeded(3).random(), chance.generator(3).random()
    assert fixed == (0.23796462709189137, 0.08564916714362436)
    drawn = set()
    for number in ("1", "2"):
        monkeypatch.setattr(chance, "SEARCH", number)
        drawn |= {chance.seeded(3).random(), chance.generator(3).random()}
    assert len(drawn | set(fixed)) == 6


SOUND = '''
"""Doc 1 < 2."""
from a import b

def f(x: int = 1) -> int:
    if not x and x <= min(x, 2):
        g(x)
    raise ValueError("1 < 2")
'''


def test_faults_are_put_where_something_is_decided() -> None:
    places = list(mutants.Places("a.py", SOUND).all())
    assert [(each.line, each.was, each.text) for each in places] == [
        (5, "1", "2"),
        (6, "and", "or"),
        (6, "not x", "(x)"),
        (6, "<=", "<"),
        (6, "min", "max"),
        (6, "2", "3"),
        (7, "g(x)", "pass"),
    ]
    for each in places:
        raw = SOUND.encode()
        assert raw[each.start : each.end].decode() == each.was


def test_a_sample_of_faults_is_the_same_for_the_same_seed() -> None:
    rooms = list(mutants.ROOMS)
    assert mutants.sample(rooms, 5, 1) == mutants.sample(rooms, 20, 1)[:5]
    assert mutants.sample(rooms, 5, 1) != mutants.sample(rooms, 5, 2)
