"""The instrument catalogue: what each venue lists, since when, and which instruments to record.

A change is a new row, so that past decisions can be checked against the rules of their time.
Listings are never deleted: what a venue no longer lists is marked as delisted. It reads no clock.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace

from bowline.core.model.instrument import InstrumentId, MarketId
from bowline.core.venue import Listing, ListingStatus
from bowline.storage.absences import AbsenceStore
from bowline.storage.schema import listing_syncs, ref_listings, subscriptions


class ListingChanges(msgspec.Struct, frozen=True):
    """The result of a sync; `changed` holds old and new, `unchanged` counts the rest."""

    added: tuple[Listing, ...]
    changed: tuple[tuple[Listing, Listing], ...]
    delisted: tuple[Listing, ...]
    unchanged: int = msgspec.field(name="known")  # as the JSON of `instruments sync` has it


class ListingStore:
    """Listings, their history, and the list of recorded instruments.

    `engine` must be migrated; its execution option `writes` marks a writing transaction.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        #: ranges of candles that venues do not have, in the same database
        self.absences = AbsenceStore(engine)

    def sync(self, market_id: MarketId, listings: Iterable[Listing], now_ns: int) -> ListingChanges:
        """Store the complete list of a market; differences become new rows.

        Raises ValueError if a listing belongs to another market.
        """
        listed = {each.instrument.id: each for each in listings}
        foreign = [each for each in listed if each.market_id != market_id]
        if foreign:
            raise ValueError(f"{foreign[0]} does not belong to market {market_id}")
        with self._engine.execution_options(writes=True).begin() as db:
            before = {each.instrument.id: each for each in _current(db, market_id)}
            gone = [
                replace(each, status=ListingStatus.DELISTED)
                for key, each in before.items()
                if key not in listed and each.status is not ListingStatus.DELISTED
            ]
            added = [each for key, each in listed.items() if key not in before]
            changed = [
                (before[key], each)
                for key, each in listed.items()
                if key in before and before[key] != each
            ]
            for each in (*added, *(after for _, after in changed), *gone):
                _keep(db, each, now_ns)
            db.execute(sa.delete(listing_syncs).where(listing_syncs.c.market_id == market_id))
            db.execute(sa.insert(listing_syncs).values(market_id=market_id, synced_ns=now_ns))
        unchanged = len(listed) - len(added) - len(changed)
        return ListingChanges(tuple(added), tuple(changed), tuple(gone), unchanged)

    def listings(self, market_id: MarketId) -> tuple[Listing, ...]:
        """A market's listings as they are now, by symbol."""
        with self._engine.connect() as db:
            return tuple(_current(db, market_id))

    def history(self, instrument: InstrumentId) -> tuple[tuple[int, Listing], ...]:
        """Every version of one listing and since when, oldest first; empty if it is unknown."""
        table = ref_listings.c
        rows = (
            sa.select(table.since_ns, table.listing)
            .where(table.market_id == instrument.market_id, table.symbol == instrument.symbol)
            .order_by(table.since_ns)
        )
        with self._engine.connect() as db:
            return tuple((since_ns, _read(text)) for since_ns, text in db.execute(rows))

    def synced_ns(self, market_id: MarketId) -> int | None:
        """When a market was last synced, ns UTC; None if never."""
        row = sa.select(listing_syncs.c.synced_ns).where(listing_syncs.c.market_id == market_id)
        with self._engine.connect() as db:
            found = db.scalar(row)
            return None if found is None else int(found)

    def start_recording(self, instruments: Iterable[InstrumentId], now_ns: int) -> None:
        """Add instruments to the recording list; those already on it stay as they are."""
        with self._engine.execution_options(writes=True).begin() as db:
            for each in set(instruments) - set(_recorded(db)):
                row = {"market_id": each.market_id, "symbol": each.symbol, "since_ns": now_ns}
                db.execute(sa.insert(subscriptions).values(row))

    def stop_recording(self, instruments: Iterable[InstrumentId]) -> None:
        """Remove instruments from the recording list."""
        table = subscriptions.c
        with self._engine.execution_options(writes=True).begin() as db:
            for each in instruments:
                same = sa.and_(table.market_id == each.market_id, table.symbol == each.symbol)
                db.execute(sa.delete(subscriptions).where(same))

    def recorded(self) -> tuple[InstrumentId, ...]:
        """The instruments on the recording list, sorted."""
        with self._engine.connect() as db:
            return _recorded(db)

    def close(self) -> None:
        """Close the database connections."""
        self._engine.dispose()


def _current(db: sa.Connection, market_id: MarketId) -> list[Listing]:
    table = ref_listings.c
    each = (
        sa.select(table.symbol, sa.func.max(table.since_ns).label("since_ns"))
        .where(table.market_id == market_id)
        .group_by(table.symbol)
        .subquery()
    )
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


def _recorded(db: sa.Connection) -> tuple[InstrumentId, ...]:
    table = subscriptions.c
    rows = sa.select(table.market_id, table.symbol).order_by(table.market_id, table.symbol)
    return tuple(InstrumentId(MarketId(market), symbol) for market, symbol in db.execute(rows))


def _read(text: str) -> Listing:
    return msgspec.json.decode(text, type=Listing)
