"""Protects depth views: whoever applies every change has exactly the shown part of the book."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.sim.exchange import BookSnapshot, BookUpdated
from bowline.simex.depth_view import DepthView

INSTRUMENT = InstrumentId(MarketId(3), "BTCUSDT")
sizes = st.integers(0, 5).map(Decimal)
bid_changes = st.lists(st.tuples(st.integers(1, 30).map(Decimal), sizes), max_size=6)
ask_changes = st.lists(st.tuples(st.integers(31, 60).map(Decimal), sizes), max_size=6)


@given(st.lists(st.tuples(bid_changes, ask_changes), max_size=12), st.sampled_from([0, 1, 3, 50]))
def test_the_changes_of_a_view_rebuild_what_it_shows(
    moves: list[tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]], depth: int
) -> None:
    bids, asks = {Decimal(20): Decimal(1)}, {Decimal(40): Decimal(1)}
    start = BookSnapshot(INSTRUMENT, 0, 7, tuple(bids.items()), tuple(asks.items()))
    view = DepthView(start, depth)
    mine = dict(view.bids), dict(view.asks)
    update, last, shown = view.update_number, view.last_update_id, view.sequence
    for number, (some_bids, some_asks) in enumerate(moves, 8):
        for levels, changes in ((bids, some_bids), (asks, some_asks)):
            levels.update(changes)
        moved = BookUpdated(number, INSTRUMENT, number, tuple(some_bids), tuple(some_asks))
        change = view.apply(moved)
        if change is not None:
            assert (change.update_number, change.first_update_id, change.previous_update_id) == (
                update + 1,
                last + 1,
                last,
            )
            assert change.last_update_id - change.first_update_id + 1 == len(change.bids) + len(
                change.asks
            )
            assert (change.sequence, change.previous_sequence) == (number, shown)
            update, last, shown = change.update_number, change.last_update_id, number
            for levels, changes in ((mine[0], change.bids), (mine[1], change.asks)):
                for price, size in changes:
                    if size:
                        levels[price] = size
                    else:
                        del levels[price]
        most = depth or 1_000
        best_bids = sorted((level for level in bids.items() if level[1]), reverse=True)[:most]
        best_asks = sorted(level for level in asks.items() if level[1])[:most]
        assert (view.bids, view.asks) == (best_bids, best_asks)
        assert (mine[0], mine[1]) == (dict(best_bids), dict(best_asks))
