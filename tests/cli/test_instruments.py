"""`bowline instruments` and `bowline candles download`, as a person uses them (M2, M9)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.cli.played import played
from tests.conftest import Say

NAMED = ("--market", "bybit:linear")
SOME = (*NAMED, "--symbol", "BTCUSDT", "--from", "2026-01-01")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with played() as found:
        yield found


@pytest.fixture(autouse=True)
def _there(url: str, home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOWLINE_VENUES_URL", url)


def test_what_a_venue_lists_is_kept_shown_and_chosen(say: Say) -> None:
    code, out, _ = say("instruments", "sync", "--markets", "bybit", "--json")
    synced = {each["market"]: each for each in json.loads(out)}
    assert code == 0
    assert [len(synced[name]["changes"]["added"]) for name in ("bybit:spot", "bybit:linear")] == [
        1, 1,
    ]  # fmt: skip
    assert "1 listed, 1 trading; 0 new" in say("instruments", "sync", "--markets", "bybit:spot")[1]
    (listed,) = json.loads(say("instruments", "list", "--markets", "bybit:linear", "--json")[1])
    assert listed["name"] == "bybit:linear:BTCUSDT"
    assert json.loads(say("instruments", "record", "BTCUSDT", *NAMED, "--json")[1]) == [
        "bybit:linear:BTCUSDT"
    ]
    shown = json.loads(say("instruments", "show", "BTCUSDT", *NAMED, "--json")[1])
    assert (shown["subscribed"], len(shown["history"])) == (True, 1)
    assert "recorded: nothing" in say("instruments", "record", "BTCUSDT", *NAMED, "--off")[1]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("instruments", "show", "BTCUSD", *NAMED), "did you mean BTCUSDT"),
        (("instruments", "show", "BTCUSDT", "--market", "okx:spot"), "instruments sync"),
        (("instruments", "sync", "--markets", "mtgox"), "mtgox"),
        (("candles", "download", *NAMED, "--symbol", "XUSDT", "--from", "2026-01-01"), "no XUSDT"),
    ],
)
def test_what_is_not_there_is_said_with_what_to_do(
    say: Say, words: tuple[str, ...], complaint: str
) -> None:
    say("instruments", "sync", "--markets", "bybit:linear")
    code, _, err = say(*words)
    assert code == 1
    assert complaint in err


def test_a_market_that_does_not_answer_is_told_and_changes_nothing(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    say("instruments", "sync", "--markets", "bybit:linear")
    monkeypatch.setenv("BOWLINE_VENUES_URL", "http://127.0.0.1:9")
    code, out, _ = say("instruments", "sync", "--markets", "bybit:linear", "--json")
    assert code == 1
    assert json.loads(out)[0]["error"]
    assert "BTCUSDT" in say("instruments", "list", "--markets", "bybit:linear")[1]


def test_a_download_takes_what_is_missing_once_and_knows_what_nobody_has(say: Say) -> None:
    say("instruments", "sync", "--markets", "bybit:linear")
    start = ("--from", "2026-11-20")
    first = json.loads(_download(say, *start))
    assert first["done"]["candles"] > 100
    assert first["done"]["empty"], "the venue's past begins two hours ago"
    again = json.loads(_download(say, *start))
    assert again["wanted"] <= 12, "the youngest minutes alone are asked for again"


def _download(say: Say, *words: str) -> str:
    code, out, err = say("candles", "download", *NAMED, "--symbol", "BTCUSDT", *words, "--json")
    assert code == 0, err
    return out
