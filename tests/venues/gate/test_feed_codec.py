"""Protects what we read of Gate: recorded frames become the records others made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bowline.core.model.instrument import InstrumentId, market_by_name
from bowline.core.venue import (
    BookChanged,
    BookReplaced,
    CandleSeen,
    QuoteChanged,
    TradePrinted,
)
from bowline.venues import (
    ClosingAnnounced,
    DecodeError,
    FeedChannel,
    FeedTopic,
    PongReceived,
    Subscribed,
    SubscriptionRefused,
)
from bowline.venues.gate import GateFeedCodec
from bowline.venues.local_book import BookState, local_book_of
from tests.venues import fuzz, recorded
from tests.venues.judge import Judge

NOW_S = 1_700_000_000
WORDS = [
    "BTC_USDT", "BTC_USD", "ETH_USDT", "ZRX_USD", "BCH_USDT", "BCH_USD", "TRX_USDT", "COMP_USDT",
    "HT_USDT", "XRP_USDT", "BSW_USDT", "ALICE_USDT",
]  # fmt: skip
CAPTURED = [
    "INK_USDT", "HAI_ETH", "BTC_USDC", "NANO_USDT", "QTUM3S_USDT", "DIS_USDT", "NEO_BTC",
    "FAST_USDT", "ZKS_ETH", "OMG_USDT",
]  # fmt: skip
SPOT, LINEAR = (market_by_name(f"gate:{kind}").market_id for kind in ("spot", "linear"))


def codec_of(market: str, words: list[str] = WORDS, size: str = "1") -> GateFeedCodec:
    return GateFeedCodec(*recorded.listed(market, words, size), lambda: NOW_S)


@pytest.fixture
def linear() -> GateFeedCodec:
    return codec_of("gate:linear")


@pytest.fixture
def spot() -> GateFeedCodec:
    return codec_of("gate:spot")


@pytest.fixture
def lines(shared_data: Path) -> list[dict[str, Any]]:
    return recorded.tardis(shared_data, "gate-io-futures")


def test_frames_become_the_records_of_tardis(
    linear: GateFeedCodec, lines: list[dict[str, Any]]
) -> None:
    kinds = []
    for line in lines:
        read = linear.decode(recorded.raw(line["message"]))
        expected = recorded.expected_records(line)
        kinds += [each["type"] for each in expected]
        if line["message"]["event"] == "subscribe":
            assert read == (Subscribed(None),)
        elif {each["type"] for each in expected} <= {"derivative_ticker"}:
            assert read == (), line  # known, and nothing to us
        elif line["message"]["channel"] == "futures.book_ticker":
            # a size of 0 is what is left of a decimal one; tardis writes it as none
            (quote,), (record,) = read, expected
            assert isinstance(quote, QuoteChanged)
            sizes = {"bidAmount": quote.bid_size or None, "askAmount": quote.ask_size or None}
            (ours,) = recorded.as_records(read)
            assert ours | sizes | {"bidPrice": quote.bid, "askPrice": quote.ask} == record
        else:
            assert recorded.as_records(read) == expected, line
    assert set(kinds) >= {"trade", "book_change", "book_ticker"}


def test_contracts_become_coins_exactly(lines: list[dict[str, Any]]) -> None:
    """Tardis counts contracts, as the venue; here a contract is a hundredth of a coin."""
    linear = codec_of("gate:linear", size="0.01")
    for line in lines:
        for each in linear.decode(recorded.raw(line["message"])):
            if isinstance(each, TradePrinted):
                amounts = [record["amount"] for record in line["expected"]]
                assert each.quantity in {amount / 100 for amount in amounts}
            if isinstance(each, BookChanged | BookReplaced):
                ours = [size for _, size in each.bids]
                theirs = [level["amount"] / 100 for level in line["expected"][0]["bids"]]
                assert ours == theirs


def test_the_capture_of_cryptofeed_gives_its_counts(shared_data: Path) -> None:
    """It counts each book's start and every change that is not in it.

    Candles of 2021 had no base volume, so only those of 0 can be read today: 8 of its 14.
    """
    spot = codec_of("gate:spot", CAPTURED)
    folder = shared_data / "frames/cryptofeed_2021-04-22"
    starts = dict(_captured_starts(spot, folder / "GATEIO.http.0.0"))
    ticks: list[Any] = list(starts.values())
    tickers, unread = 0, []
    for frame in recorded.cryptofeed(folder / "GATEIO.ws.1.0"):
        tickers += b'"spot.tickers","event":"update"' in frame
        try:
            read = spot.decode(frame)
        except DecodeError as error:
            unread.append(str(error))
            continue
        for each in read:
            known = isinstance(each, BookChanged) and each.last <= starts[each.instrument].sequence
            if not isinstance(each, Subscribed) and not known:
                ticks.append(each)
    assert recorded.counted(ticks) == {"L2_BOOK": 169, "TRADES": 9, "CANDLES": 8}
    assert tickers == 22
    assert len(unread) == 6
    assert all("volume in base units" in words for words in unread)


def _captured_starts(codec: GateFeedCodec, path: Path) -> list[tuple[InstrumentId, BookReplaced]]:
    starts = []
    for line in path.read_text().splitlines():
        if "currency_pair=" not in line:
            continue
        word = line.partition("currency_pair=")[2].partition("&")[0]
        body = line[line.index("{") :].encode()
        instrument = InstrumentId(SPOT, word)
        starts.append((instrument, codec.decode_snapshot(instrument, body)))
    return starts


def test_requests_are_a_frame_a_topic_with_number_and_time(
    spot: GateFeedCodec, linear: GateFeedCodec
) -> None:
    def sent(codec: GateFeedCodec, market_id: Any) -> list[tuple[str, list[str]]]:
        topics = [
            FeedTopic(channel, InstrumentId(market_id, "BTC_USDT")) for channel in FeedChannel
        ]
        frames = [json.loads(frame) for frame in codec.subscribe(topics, 7)]
        assert {(each["id"], each["time"], each["event"]) for each in frames} == {
            (7, NOW_S, "subscribe")
        }
        return [(each["channel"], each["payload"]) for each in frames]

    assert sent(spot, SPOT) == [
        ("spot.trades", ["BTC_USDT"]),
        ("spot.book_ticker", ["BTC_USDT"]),
        ("spot.obu", ["ob.BTC_USDT.50"]),
        ("spot.candlesticks", ["1m", "BTC_USDT"]),
    ]
    assert sent(linear, LINEAR) == [
        ("futures.trades", ["BTC_USDT"]),
        ("futures.book_ticker", ["BTC_USDT"]),
        ("futures.order_book_update", ["BTC_USDT", "100ms", "100"]),
        ("futures.candlesticks", ["1m", "BTC_USDT"]),
    ]
    (frame,) = spot.unsubscribe([FeedTopic(FeedChannel.TRADES, InstrumentId(SPOT, "BTC_USDT"))], 8)
    assert json.loads(frame)["event"] == "unsubscribe"


REFUSAL = {
    "time": 1739853211, "time_ms": 1739853211201, "id": 4, "conn_id": "c", "trace_id": "t",
    "channel": "spot.trades", "event": "subscribe", "payload": ["LUNARLENS_USDT"],
    "error": {"code": 2, "message": "unknown currency pair: LUNARLENS_USDT"},
    "result": {"status": "fail"}, "requestId": "t",
}  # fmt: skip
TAKEN = {
    "time": 1789456334, "time_ms": 1789456334999, "id": 9, "conn_id": "c", "trace_id": "t",
    "channel": "futures.order_book_update", "event": "subscribe",
    "payload": ["BTC_USDT", "100ms", "100"], "result": {"status": "success"},
}  # fmt: skip
PONG = {"time": 1545404023, "channel": "spot.pong", "event": "", "error": None, "result": None}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (TAKEN, Subscribed(9)),
        (REFUSAL, SubscriptionRefused("2", "unknown currency pair: LUNARLENS_USDT", 4)),
        (PONG, PongReceived()),
        (PONG | {"error": {"code": 3, "message": "Server side error"}}, PongReceived()),
        ({"type": "upgrade", "msg": "Please reconnect."}, ClosingAnnounced("Please reconnect.")),
        (
            {
                "time": 1, "channel": "futures.system", "event": "update",
                "result": {"type": "upgrade", "msg": "soon"},
            },
            ClosingAnnounced("soon"),
        ),
    ],
)  # fmt: skip
def test_words_of_the_connection_are_known(
    linear: GateFeedCodec, message: dict[str, Any], expected: object
) -> None:
    assert linear.decode(recorded.raw(message)) == (expected,)


def test_a_perpetuals_book_joins_its_start_by_rest_and_shows_a_gap(linear: GateFeedCodec) -> None:
    instrument = InstrumentId(LINEAR, "BTC_USDT")
    local_book = local_book_of(linear, instrument)
    assert linear.snapshot_path(instrument) == (
        "/api/v4/futures/usdt/order_book?contract=BTC_USDT&limit=100&with_id=true"
    )
    assert local_book.apply(*linear.decode(_futures_change(11, 12, "99")), 0)
    start = linear.decode_snapshot(instrument, FUTURES_START)
    assert (start.sequence, start.event_ns) == (11, 1_623_898_993_121_000_000)
    local_book.apply(start, 0)
    book = local_book.valid_at(0, 0)
    assert book is not None
    assert book.bids(9) == [(99.0, 5.0), (98.0, 6.0)]
    assert local_book.apply(*linear.decode(_futures_change(14, 15, "97")), 0)
    assert local_book.state is BookState.INVALID


def test_a_spot_book_is_what_ccxt_makes_of_the_same_frames(spot: GateFeedCodec) -> None:
    judge = Judge("gate", "spot", "BTC_USDT", "wss://api.gateio.ws/ws/v4/")
    instrument = InstrumentId(SPOT, "BTC_USDT")
    local_book = local_book_of(spot, instrument)
    for message in OBU:
        judge.feed(message)
        (tick,) = spot.decode(recorded.raw(message))
        assert not local_book.apply(tick, 0)
    book = local_book.valid_at(0, 0)
    assert book is not None
    assert {"bids": book.bids(99), "asks": book.asks(99)} == judge.book


def test_perpetuals_trades_and_candles_are_what_ccxt_makes_of_them(linear: GateFeedCodec) -> None:
    judge = Judge("gate", "linear", "BTC_USDT", "wss://fx-ws.gateio.ws/v4/ws/usdt")
    judge.feed(FUTURES_TRADES)
    trades = linear.decode(recorded.raw(FUTURES_TRADES))
    assert [_as_ccxt(each) for each in trades] == judge.trades
    judge.feed(FUTURES_CANDLES)
    (candle,) = linear.decode(recorded.raw(FUTURES_CANDLES))
    assert isinstance(candle, CandleSeen)
    assert candle.closed
    assert [_candle_as_ccxt(candle)] == judge.candles


def _as_ccxt(trade: object) -> tuple[Any, ...]:
    assert isinstance(trade, TradePrinted)
    return trade.event_ns // 10**6, trade.side.value, trade.price, trade.quantity


def _candle_as_ccxt(each: CandleSeen) -> list[float]:
    return [each.open_ns // 10**6, each.open, each.high, each.low, each.close, each.volume]


def test_a_spot_candle_counts_coins_and_not_their_price(spot: GateFeedCodec) -> None:
    (candle,) = spot.decode(recorded.raw(SPOT_CANDLE))
    assert isinstance(candle, CandleSeen)
    assert (candle.volume, candle.close) == (1.281699, 45966.47)
    assert candle.volume * candle.close == pytest.approx(58932.23174896, rel=1e-3)


def test_fractions_of_a_millisecond_are_kept(spot: GateFeedCodec) -> None:
    (trade,) = spot.decode(recorded.raw(SPOT_TRADE))
    assert isinstance(trade, TradePrinted)
    assert trade.event_ns == 1_606_292_218_213_457_800


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"sell"', '"maybe"'), ('"0.4705"', '"NaN"'), ('"0.4705"', '"-1"'), ('"0.4705"', "null"),
        ('"1606292218213.4578"', '"soon"'), ('"1606292218213.4578"', '"1606292218213.-5"'),
        ("BTC_USDT", "BTC_EUR"), ("spot.trades", "spot.prints"), ('"update"', '"changed"'),
        ('"price"', '"cost"'), ("spot.trades", "futures.trades"),
    ],
)  # fmt: skip
def test_what_is_not_documented_is_unreadable_and_never_a_default(
    spot: GateFeedCodec, was: str, now: str
) -> None:
    frame = recorded.raw(SPOT_TRADE | {"new_field": [{}]}).decode()
    assert len(spot.decode(frame.encode())) == 1
    with pytest.raises(DecodeError):
        spot.decode(frame.replace(was, now).encode())


@pytest.mark.chance
@pytest.mark.parametrize("kind", ["spot", "linear"])
def test_no_damaged_frame_does_harm(kind: str, lines: list[dict[str, Any]]) -> None:
    if kind == "linear":
        frames = [recorded.raw(line["message"]) for line in lines]
        frames += [_futures_change(11, 12, "99"), _futures_change(13, 14, "98")]
        messages = [FUTURES_TRADES, FUTURES_CANDLES, TAKEN, PONG]
    else:
        frames = []
        messages = [*OBU, SPOT_TRADE, SPOT_CANDLE, REFUSAL, PONG]
    frames += map(recorded.raw, messages)
    fuzz.storm(codec_of(f"gate:{kind}", size="0.001"), frames)


@pytest.mark.chance
def test_no_damaged_reply_does_harm(spot: GateFeedCodec, linear: GateFeedCodec) -> None:
    for codec, market_id, body in ((spot, SPOT, SPOT_START), (linear, LINEAR, FUTURES_START)):
        instrument = InstrumentId(market_id, "BTC_USDT")
        fuzz.storm_of_bodies(
            lambda raw, c=codec, i=instrument: c.decode_snapshot(i, raw), [body], fuzz.FRAMES // 10
        )


FUTURES_START = (
    b'{"id":11,"current":1623898993.123,"update":1623898993.121,'
    b'"asks":[{"p":"101","s":7}],"bids":[{"p":"98","s":6},{"p":"97.5","s":0}]}'
)
SPOT_START = (
    b'{"id":11,"current":1623898993123,"update":1623898993121,'
    b'"asks":[["101","7"]],"bids":[["98","6"]]}'
)


def _futures_change(first: int, last: int, bid: str) -> bytes:
    change = {
        "t": 1650188898938, "s": "BTC_USDT", "U": first, "u": last,
        "b": [{"p": bid, "s": 5}], "a": [],
    }  # fmt: skip
    return recorded.raw({
        "id": None, "time": 1650188898, "channel": "futures.order_book_update",
        "event": "update", "error": None, "result": change,
    })  # fmt: skip


def _obu(**result: Any) -> dict[str, Any]:
    return {
        "channel": "spot.obu", "event": "update", "time_ms": 1777275365214,
        "result": {"t": 1777275365213, "s": "ob.BTC_USDT.50", **result},
    }  # fmt: skip


OBU = [
    _obu(full=True, u=10, b=[["99", "1"], ["98", "2"]], a=[["101", "3"], ["102", "4"]]),
    _obu(U=11, u=14, b=[["98", "0"], ["99.5", "1.5"]]),
    _obu(U=15, u=15),
    _obu(U=16, u=20, a=[["101", "0"], ["100.5", "0.25"], ["103", "1"]]),
]
SPOT_TRADE = {
    "time": 1606292218, "time_ms": 1606292218231, "channel": "spot.trades", "event": "update",
    "result": {
        "id": 309143071, "create_time": 1606292218, "create_time_ms": "1606292218213.4578",
        "side": "sell", "currency_pair": "BTC_USDT", "amount": "16.47", "price": "0.4705",
    },
}  # fmt: skip
SPOT_CANDLE = {
    "time": 1649063328, "channel": "spot.candlesticks", "event": "update",
    "result": {
        "t": "1649063280", "v": "58932.23174896", "c": "45966.47", "h": "45997.24",
        "l": "45966.47", "o": "45975.18", "n": "1m_BTC_USDT", "a": "1.281699", "w": True,
    },
}  # fmt: skip
FUTURES_TRADES = {
    "time": 1614556850, "channel": "futures.trades", "event": "update", "error": None,
    "result": [
        {
            "size": size, "id": 13654526, "create_time": 1614556850,
            "create_time_ms": 1614556850860, "price": "45300", "contract": "BTC_USDT",
        }
        for size in (1, -2000)
    ],
}  # fmt: skip
FUTURES_CANDLES = {
    "time": 1542162490, "time_ms": 1542162490123, "channel": "futures.candlesticks",
    "event": "update", "error": None,
    "result": [{
        "t": 1545129300, "v": 27525, "c": "95.4", "h": "96.9", "l": "89.5", "o": "94.3",
        "n": "1m_BTC_USDT", "w": True,
    }],
}  # fmt: skip
