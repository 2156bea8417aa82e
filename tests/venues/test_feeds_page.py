"""Protects docs/reference/feeds.md: its first table names what the codecs really ask for."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from bowline.core.model.instrument import Market
from bowline.core.venue import Listings
from bowline.venues import FeedChannel, FeedCodec, FeedTopic
from bowline.venues.binance import BinanceFeedCodec
from bowline.venues.bitget import BitgetFeedCodec
from bowline.venues.bybit import BybitFeedCodec
from bowline.venues.okx import OkxFeedCodec
from tests.conftest import REPO
from tests.venues import recorded

FEED_CODECS: dict[str, Callable[[Market, Listings], FeedCodec]] = {
    "binance": BinanceFeedCodec, "bybit": BybitFeedCodec, "okx": OkxFeedCodec,
    "bitget": BitgetFeedCodec,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["spot", "linear"])
@pytest.mark.parametrize("venue", FEED_CODECS)
def test_the_page_names_channels_and_urls(venue: str, kind: str) -> None:
    market, listings = recorded.listed(f"{venue}:{kind}", ["SOMEUSDT"])
    codec = FEED_CODECS[venue](market, listings)
    page = (REPO / "docs/reference/feeds.md").read_text("utf-8")
    (row,) = (line for line in page.splitlines() if f"`{market.name}`" in line and "wss://" in line)
    _, trades, quotes, book, candles, url = (cell.strip() for cell in row.strip("|").split("|"))
    cells = dict(zip(FeedChannel, (trades, quotes, book, candles), strict=True))
    for channel, cell in cells.items():
        topic = FeedTopic(channel, listings.all[0].instrument.id)
        (asked,) = codec.subscribe([topic], 1)
        word = re.escape(cell.strip("`"))
        assert re.search(rf'["@]{word}[".]', asked.decode()), (channel, asked)
        base, _, path = codec.rules(channel).url.partition("/ws/v5")
        assert base in url or codec.rules(channel).url.rpartition(".com")[2] in url
        assert path in url
