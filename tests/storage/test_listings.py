"""What a venue lists is kept with every change, in both databases (M2, Q10)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bowline.core.model.instrument import Instrument, InstrumentId, MarketId
from bowline.core.venue import Listing, ListingStatus
from bowline.storage.listings import ListingStore
from tests.databases import open_engine

MARKET = MarketId(4)


def listed(symbol: str, tick: str = "0.1", **more: object) -> Listing:
    instrument = Instrument(InstrumentId(MARKET, symbol), tick_size=Decimal(tick))
    return Listing(instrument, symbol, symbol[:3], "USDT", **more)


BTC, ETH = listed("BTCUSDT", max_leverage=Decimal(100)), listed("ETHUSDT")


@pytest.fixture
def store(database_url: str) -> Iterator[ListingStore]:
    made = ListingStore(open_engine(database_url))
    yield made
    made.close()


def test_a_sync_says_what_is_new_what_changed_and_what_is_gone(store: ListingStore) -> None:
    assert store.synced_ns(MARKET) is None
    first = store.sync(MARKET, [BTC, ETH], 10)
    assert (first.added, first.unchanged) == ((BTC, ETH), 0)
    finer = listed("BTCUSDT", "0.01", max_leverage=Decimal(100))
    second = store.sync(MARKET, [finer], 20)
    gone = replace(ETH, status=ListingStatus.DELISTED)
    assert (second.changed, second.delisted, second.unchanged) == (((BTC, finer),), (gone,), 0)
    assert store.listings(MARKET) == (finer, gone)
    assert store.history(BTC.instrument.id) == ((10, BTC), (20, finer))
    assert store.synced_ns(MARKET) == 20


def test_a_sync_without_news_writes_nothing(store: ListingStore) -> None:
    store.sync(MARKET, [BTC, ETH], 10)
    store.sync(MARKET, [BTC], 20)
    quiet = store.sync(MARKET, [BTC], 30)
    assert (quiet.added, quiet.changed, quiet.delisted, quiet.unchanged) == ((), (), (), 1)
    assert len(store.history(ETH.instrument.id)) == 2


def test_what_is_listed_again_trades_again(store: ListingStore) -> None:
    for now_ns, listings in ((10, [BTC]), (20, []), (30, [BTC])):
        store.sync(MARKET, listings, now_ns)
    assert [each.tradable for _, each in store.history(BTC.instrument.id)] == [True, False, True]


def test_another_markets_listing_is_refused_whole(store: ListingStore) -> None:
    with pytest.raises(ValueError, match="does not belong"):
        store.sync(MarketId(3), [BTC], 10)
    assert store.listings(MarketId(3)) == ()


def test_the_list_of_what_is_recorded(store: ListingStore) -> None:
    ids = [BTC.instrument.id, ETH.instrument.id]
    store.start_recording(ids, 1)
    store.start_recording(ids[:1], 2)
    assert store.recorded() == tuple(ids)
    store.stop_recording(ids[:1])
    assert store.recorded() == (ids[1],)


amounts = st.decimals(Decimal("1e-12"), Decimal("1e6"), allow_nan=False, allow_infinity=False)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(
    tick=amounts, least=amounts, leverage=st.none() | amounts, status=st.sampled_from(ListingStatus)
)
def test_every_listing_is_read_back_exactly(
    store: ListingStore, tick: Decimal, least: Decimal, leverage: Decimal | None, status
) -> None:
    odd = listed("ODDUSDT", str(tick), min_quantity=least, max_leverage=leverage, status=status)
    last = (store.synced_ns(MARKET) or 0) + 1
    store.sync(MARKET, [odd], last)
    assert store.listings(MARKET) == (odd,)
