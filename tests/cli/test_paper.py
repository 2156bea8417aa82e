"""What `bowline paper` says at the end of a run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bowline.cli.paper import summary


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 round trips"), (1, "round trip"), (1_200, "1,200 round trips")]
)
def test_one_round_trip_is_not_many(count: int, words: str) -> None:
    result = SimpleNamespace(finished=True, entries=5, head="abc", differences=())
    run = SimpleNamespace(result=result, taken_up=False, run_id=1, journal="run.journal")

    assert summary(run, count)[-1] == f"a backtest on the same candles gives the same {words}"


def test_a_run_stopped_before_its_first_close_compares_nothing() -> None:
    result = SimpleNamespace(finished=False, entries=2, head="abc", differences=())
    run = SimpleNamespace(result=result, taken_up=False, run_id=1, journal="run.journal")

    first, last = summary(run, None)
    assert first == "interrupted: repeat the command to resume"
    assert last == "journal: run.journal (2 entries, head abc)"
