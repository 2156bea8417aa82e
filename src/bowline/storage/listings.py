"""The instrument catalogue: what each venue lists, since when, and what is to be recorded of it.

A change is a new row, so that a decision of the past can be held against the rules of its time.
Nothing is ever deleted: what a venue no longer names is delisted, and stays. It reads no clock.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.venue import Listing, ListingStatus
from bowline.storage.absences import Absences
from bowline.storage.schema import listing_syncs, ref_listings, subscriptions


class Changed(msgspec.Struct, frozen=True):
    """What a sync brought; `known` counts the listings that are as they were."""

    added: tuple[Listing, ...]
    changed: tuple[tuple[Listing, Listing], ...]
    delisted: tuple[Listing, ...]
    known: int


class ListingStore:
    """The store. `engine` is migrated already; its option `writes` marks a writing transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        #: what of its candles each venue does not have, in the same database
        self.absences = Absences(engine)

    def sync(self, market_id: MarketId, listings: Iterable[Listing], now_ns: int) -> Changed:
        """Take what the venue lists now as the whole of the market; what is different is new."""
        said = {each.instrument.id: each for each in listings}
        strangers = [each for each in said if each.market_id != market_id]
        if strangers:
            raise ValueError(f"{strangers[0]} does not belong to market {market_id}")
        with self._engine.execution_options(writes=True).begin() as db:
            before = {each.instrument.id: each for each in _present(db, market_id)}
            gone = [
                replace(each, status=ListingStatus.DELISTED)
                for key, each in before.items()
                if key not in said and each.status is not ListingStatus.DELISTED
            ]
            added = [each for key, each in said.items() if key not in before]
            changed = [
                (before[key], each)
                for key, each in said.items()
                if key in before and before[key] != each
            ]
            for each in (*added, *(after for _, after in changed), *gone):
                _keep(db, each, now_ns)
            db.execute(sa.delete(listing_syncs).where(listing_syncs.c.market_id == market_id))
            db.execute(sa.insert(listing_syncs).values(market_id=market_id, synced_ns=now_ns))
        known = len(said) - len(added) - len(changed)
        return Changed(tuple(added), tuple(changed), tuple(gone), known)

    def listings(self, market_id: MarketId, at_ns: int | None = None) -> tuple[Listing, ...]:
        """A market's listings by symbol, as they are, or as they were at a moment."""
        with self._engine.connect() as db:
            return tuple(_present(db, market_id, at_ns))

    def history(self, instrument: InstrumentId) -> tuple[tuple[int, Listing], ...]:
        """Every state of one listing and since when, oldest first; nothing if it is unknown."""
        table = ref_listings.c
        rows = (
            sa.select(table.since_ns, table.listing)
            .where(table.market_id == instrument.market_id, table.symbol == instrument.symbol)
            .order_by(table.since_ns)
        )
        with self._engine.connect() as db:
            return tuple((since_ns, _read(text)) for since_ns, text in db.execute(rows))

    def synced_ns(self, market_id: MarketId) -> int | None:
        """When a market was last asked; None if never."""
        row = sa.select(listing_syncs.c.synced_ns).where(listing_syncs.c.market_id == market_id)
        with self._engine.connect() as db:
            found = db.scalar(row)
            return None if found is None else int(found)

    def subscribe(self, instruments: Iterable[InstrumentId], now_ns: int) -> None:
        """Put instruments on the list of what is recorded; those on it already stay."""
        with self._engine.execution_options(writes=True).begin() as db:
            present = set(_subscribed(db))
            for each in set(instruments) - present:
                row = {"market_id": each.market_id, "symbol": each.symbol, "since_ns": now_ns}
                db.execute(sa.insert(subscriptions).values(row))

    def unsubscribe(self, instruments: Iterable[InstrumentId]) -> None:
        """Take instruments off the list."""
        table = subscriptions.c
        with self._engine.execution_options(writes=True).begin() as db:
            for each in instruments:
                same = sa.and_(table.market_id == each.market_id, table.symbol == each.symbol)
                db.execute(sa.delete(subscriptions).where(same))

    def subscribed(self) -> tuple[InstrumentId, ...]:
        """What is recorded, in order."""
        with self._engine.connect() as db:
            return _subscribed(db)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def _present(db: sa.Connection, market_id: MarketId, at_ns: int | None = None) -> list[Listing]:
    table = ref_listings.c
    newest = sa.select(table.symbol, sa.func.max(table.since_ns).label("since_ns")).where(
        table.market_id == market_id
    )
    if at_ns is not None:
        newest = newest.where(table.since_ns <= at_ns)
    each = newest.group_by(table.symbol).subquery()
    rows = (
        sa.select(table.listing)
        .join(each, sa.and_(each.c.symbol == table.symbol, each.c.since_ns == table.since_ns))
        .where(table.market_id == market_id)
        .order_by(table.symbol)
    )
    return [_read(text) for text in db.scalars(rows)]


def _keep(db: sa.Connection, listing: Listing, now_ns: int) -> None:
    id_ = listing.instrument.id
    key = {"market_id": id_.market_id, "symbol": id_.symbol, "since_ns": now_ns}
    table = ref_listings.c
    same = sa.and_(*(table[name] == value for name, value in key.items()))
    db.execute(sa.delete(ref_listings).where(same))
    text = msgspec.json.encode(listing).decode()
    db.execute(sa.insert(ref_listings).values(key | {"listing": text}))


def _subscribed(db: sa.Connection) -> tuple[InstrumentId, ...]:
    table = subscriptions.c
    rows = sa.select(table.market_id, table.symbol).order_by(table.market_id, table.symbol)
    return tuple(InstrumentId(MarketId(market), symbol) for market, symbol in db.execute(rows))


def _read(text: str) -> Listing:
    return msgspec.json.decode(text, type=Listing)
