"""Protects what a reply means for money: refused, later, or nobody knows, code by code."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowline.venues.errors import Rejected, Retryable, Unknown
from bowline.venues.rest.classify import ReplyMeaning, classify, to_error
from bowline.venues.rest.tables import QUIRKS

#: what a reply with a code looks like at each venue
SHAPES = {
    "binance": lambda code: (400, {"code": int(code), "msg": "words"}),
    "bybit": lambda code: (200, {"retCode": int(code), "retMsg": "words", "result": {}}),
    "okx": lambda code: (200, {"code": "1", "msg": "", "data": [{"sCode": code, "sMsg": "w"}]}),
    "bitget": lambda code: (400, {"code": code, "msg": "words", "data": None}),
    "bingx": lambda code: (200, {"code": int(code), "msg": "words", "data": {}}),
    "gate": lambda code: (400, {"label": code, "message": "words"}),
    "htx": lambda code: (200, {"status": "error", "err-code": code, "err-msg": "words"}),
    "mexc": lambda code: (200, {"success": False, "code": int(code), "message": "words"}),
}
LISTED = {
    "duplicate": (ReplyMeaning.DUPLICATE, Unknown),
    "not_modified": (ReplyMeaning.NOT_MODIFIED, None),
    "not_found": (ReplyMeaning.NOT_FOUND, Rejected),
    "unknown": (ReplyMeaning.UNKNOWN, Unknown),
    "limited": (ReplyMeaning.LIMITED, Retryable),
    "clock": (ReplyMeaning.CLOCK, Retryable),
    "busy": (ReplyMeaning.BUSY, Retryable),
    "in_use": (ReplyMeaning.REJECTED, Rejected),
    "rejected": (ReplyMeaning.REJECTED, Rejected),
}
CODES = [
    (venue, words, code)
    for venue, quirks in QUIRKS.items()
    for words in LISTED
    for code in sorted(getattr(quirks.codes, words))
]


def error_of(venue: str, status: int, text: str, *, moves_money: bool, ccxt: str = "") -> object:
    verdict = classify(QUIRKS[venue].codes, status, text, lambda _: ccxt)
    return to_error(verdict, what=venue, moves_money=moves_money, after_s=7.0)


@pytest.mark.parametrize(("venue", "words", "code"), CODES)
def test_each_listed_code_means_what_the_table_says(venue: str, words: str, code: str) -> None:
    """A2: a new order that meets the code is refused, tried later or in doubt, and no other."""
    status, content = SHAPES[venue](code)
    meaning, kind = LISTED[words]
    verdict = classify(QUIRKS[venue].codes, status, json.dumps(content), lambda _: "BadRequest")
    assert (verdict.meaning, verdict.code) == (meaning, code)
    error = to_error(verdict, what=venue, moves_money=True, after_s=1)
    assert error is None if kind is None else type(error) is kind


@pytest.mark.parametrize("venue", QUIRKS)
def test_no_code_has_two_meanings(venue: str) -> None:
    codes = QUIRKS[venue].codes
    listed = [code for words in LISTED for code in getattr(codes, words)]
    assert len(listed) == len(set(listed))
    assert not set(listed) & set(codes.ok)


@pytest.mark.parametrize(
    ("venue", "status", "code"),
    [
        ("binance", 400, "-4116"), ("bybit", 200, "110072"), ("bybit", 200, "170141"),
        ("okx", 200, "51016"), ("bingx", 200, "101481"), ("bingx", 200, "109201"),
    ],
)  # fmt: skip
def test_a_duplicate_id_says_that_the_order_is_there(venue: str, status: int, code: str) -> None:
    """A retry that was overtaken by its own first try must lead to a look-up, never a refusal."""
    del status
    sent, content = SHAPES[venue](code)
    assert isinstance(error_of(venue, sent, json.dumps(content), moves_money=True), Unknown)


def test_binance_spot_tells_a_duplicate_in_words_alone() -> None:
    text = json.dumps({"code": -2010, "msg": "Duplicate order sent."})
    assert isinstance(error_of("binance", 400, text, moves_money=True), Unknown)
    text = json.dumps({"code": -2010, "msg": "Account has insufficient balance."})
    assert isinstance(error_of("binance", 400, text, moves_money=True), Rejected)


@pytest.mark.parametrize(
    ("venue", "code", "said", "kind"),
    [
        ("bybit", "170147", "Order cancellation timeout", Unknown),
        ("okx", "51054", "Request timed out", Unknown),
        ("okx", "51410", "under cancelling status", Unknown),
        ("bingx", "109500", "The current system is busy, please try again later", Unknown),
        ("bingx", "100421", "This pair is restricted from API trading", Rejected),
        ("bingx", "100421", "Null timestamp or timestamp mismatch", Retryable),
        ("gate", "TOO_BUSY", "busy", Unknown),
        ("htx", "1034", "Incorrect field of order price type.", Rejected),
        ("htx", "500", "no timestamp of the engine", Unknown),
        ("mexc", "400", "DUPLICATE ORDER", Unknown),
    ],
)
def test_what_venues_say_of_their_own_trouble_is_not_taken_for_a_no(
    venue: str, code: str, said: str, kind: type
) -> None:
    """A wrong no loses an order, and a wrong "not accepted" sends it twice."""
    status, content = SHAPES[venue](code)
    text = json.dumps(content).replace('"words"', f'"{said}"')
    error = error_of(venue, status, text, moves_money=True, ccxt="InvalidOrder")
    assert type(error) is kind


@pytest.mark.parametrize("venue", QUIRKS)
@pytest.mark.parametrize("status", [500, 502, 503, 504, 301, 302])
def test_a_5xx_or_redirect_leaves_an_order_in_doubt(venue: str, status: int) -> None:
    """A4: the venue's own trouble says nothing about the order; a read is asked again."""
    for text in ("<html>", "", "{}", "[1"):
        assert isinstance(error_of(venue, status, text, moves_money=True), Unknown)
        assert isinstance(error_of(venue, status, text, moves_money=False), Retryable)


@pytest.mark.parametrize("venue", QUIRKS)
def test_429_and_418_are_definitely_not_carried_out(venue: str) -> None:
    """A5: the error carries the wait that the venue named."""
    for status in (429, 418):
        error = error_of(venue, status, "", moves_money=True)
        assert isinstance(error, Retryable)
        assert error.after_s == 7.0


@given(text=st.text(max_size=60), status=st.sampled_from([200, 201, 400, 404]))
def test_no_reply_that_is_no_json_passes_for_an_answer(text: str, status: int) -> None:
    try:
        json.loads(text)
    except ValueError:
        for venue in QUIRKS:
            assert isinstance(error_of(venue, status, text, moves_money=True), Unknown)


@pytest.mark.parametrize(
    ("ccxt", "kind"),
    [
        ("InsufficientFunds", Rejected), ("InvalidOrder", Rejected), ("BadRequest", Rejected),
        ("AuthenticationError", Rejected), ("PermissionDenied", Rejected),
        ("ExchangeError", Unknown), ("ExchangeNotAvailable", Unknown), ("RequestTimeout", Unknown),
        ("", Unknown), ("RateLimitExceeded", Retryable), ("InvalidNonce", Retryable),
        ("OnMaintenance", Retryable), ("DuplicateOrderId", Unknown),
    ],
)  # fmt: skip
def test_a_code_outside_the_table_is_a_refusal_only_where_ccxt_knows_it(
    ccxt: str, kind: type
) -> None:
    text = json.dumps({"retCode": 987654, "retMsg": "never seen"})
    assert type(error_of("bybit", 200, text, moves_money=True, ccxt=ccxt)) is kind


def test_numbers_of_a_reply_are_never_floats() -> None:
    text = '{"retCode": 0, "result": {"price": 0.10000000000000000001, "size": 1e-7}}'
    content = classify(QUIRKS["bybit"].codes, 200, text, lambda _: "").content
    assert content["result"] == {"price": "0.10000000000000000001", "size": "1e-7"}
