"""`bowline venues`, `instruments` and `book` at a simulated venue, as a person uses them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.cli.played import Seat, seated


@pytest.fixture(scope="module")
def venue() -> Iterator[Seat]:
    with seated("--venues", "bybit", "--seed", "7") as at:
        yield at


@pytest.fixture
def trader(venue: Seat, monkeypatch: pytest.MonkeyPatch) -> Seat:
    for name, text in venue.settings("bybit").items():
        monkeypatch.setenv(name, text)
    return venue


def findings(said: str) -> dict[str, bool | None]:
    return {each["what"]: each["works"] for each in json.loads(said)}


def test_a_venue_that_works_is_found_to_work_without_moving_anything(say, trader: Seat) -> None:
    code, said, _ = say("venues", "check", "bybit:linear", "--json")
    assert (code, set(findings(said).values())) == (0, {True})
    assert "open orders: 0 open" in say("venues", "check", "bybit:linear")[1]


def test_a_wrong_secret_fails_what_needs_it_and_is_never_shown(
    say, trader: Seat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOWLINE_BYBIT_SECRET", "canary-of-a-secret")
    code, said, error = say("venues", "check", "bybit:spot", "--json")
    found = findings(said)
    assert code == 1
    assert [found[what] for what in ("clock", "live book", "key", "balances")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert found["positions"] is None
    key = trader.keys["bybit"]["api_key"]
    assert "canary-of-a-secret" not in said + error
    assert key not in said + error


def test_a_venue_that_is_not_there_is_said_so_and_half_a_key_is_refused(
    say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOWLINE_VENUES_URL", "http://127.0.0.1:1")
    code, said, _ = say("venues", "check", "bybit:spot", "--json")
    assert code == 1
    assert findings(said)["instruments"] is False
    assert findings(said)["key"] is None
    monkeypatch.setenv("BOWLINE_BYBIT_KEY", "k")
    code, _, error = say("venues", "list")
    assert code == 1
    assert "BOWLINE_BYBIT_SECRET" in error


def test_all_eight_venues_are_listed_with_what_they_can(say) -> None:
    listed = {each["venue"]: each for each in json.loads(say("venues", "list", "--json")[1])}
    assert len(listed) == 8
    assert not listed["mexc"]["dead_man"]
    assert listed["okx"]["budgets"]


def test_instruments_are_synced_listed_chosen_and_their_books_compared(say, trader: Seat) -> None:
    code, _, error = say("book", "BTCUSDT", "--venues", "bybit", "--once")
    assert code == 1
    assert "bowline instruments sync" in error
    (spot, linear) = json.loads(say("instruments", "sync", "--markets", "bybit", "--json")[1])
    assert (spot["market"], linear["market"]) == ("bybit:spot", "bybit:linear")
    assert spot["listed"] == linear["listed"] == 2
    assert "0 new, 0 changed, 0 delisted" in say("instruments", "sync", "--markets", "bybit")[1]
    names = [each["name"] for each in json.loads(say("instruments", "list", "--json")[1])]
    assert names == [
        "bybit:spot:BTCUSDT", "bybit:spot:ETHUSDT", "bybit:linear:BTCUSDT", "bybit:linear:ETHUSDT",
    ]  # fmt: skip
    code, _, error = say("instruments", "record", "BTCUSD", "--market", "bybit:linear")
    assert code == 1
    assert "did you mean BTCUSDT" in error
    say("instruments", "record", "BTCUSDT", "--market", "bybit:linear")
    shown = json.loads(
        say("instruments", "show", "BTCUSDT", "--market", "bybit:linear", "--json")[1]
    )
    assert (shown["subscribed"], shown["listing"]["max_leverage"]) == (True, "100")
    markets = "bybit:spot,bybit:linear"
    code, said, _ = say("book", "BTCUSDT", "--venues", markets, "--once", "--size", "0.5", "--json")
    compared = json.loads(said)
    assert code == 0
    for book in compared["books"]:
        assert book["state"] == "valid"
        assert book["sells_at"] <= book["bid"] < book["ask"] <= book["buys_at"]
    best = min(compared["books"], key=lambda each: each["buys_at"])
    assert compared["best_buy"] == best["market"]
