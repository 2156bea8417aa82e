"""The journal: what happened and what was decided, in order, each entry sealed to the last.

An entry is durable before it is acted on, and nothing may ever change or remove one. The seal is a
hash chain, the same for every store, so that equal runs have equal heads:

1. The head of an empty journal is 32 zero bytes.
2. An entry's cause and payload are written as deterministic JSON (Decimal as text).
3. Its hash is SHA-256 over the hash before it, its seq (8 bytes, signed, big-endian), that text.

Snapshots are a convenience of restarts, never a part of the chain: they have a chain of their own,
each link bound to the entries' hash at its seq.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from bowline.core.model.command import Command
from bowline.core.model.event import Event

Payload = Event | Command

#: the head of a journal with no entry
EMPTY_HEAD = bytes(32)


class Entry(msgspec.Struct, frozen=True):
    """One event or command and its place.

    `cause` is the seq of the command that a fact answers; 0 for what came from outside, and for a
    command, which the fact before it led to.
    """

    seq: int
    payload: Payload
    cause: int = 0

    @property
    def seen_ns(self) -> int:
        """When it was seen, ns UTC."""
        return self.payload.seen_ns

    @property
    def is_command(self) -> bool:
        """Whether it was decided here, not told from outside."""
        return isinstance(self.payload, Command)


class Snapshot(msgspec.Struct, frozen=True):
    """The engine's state after everything up to and including `seq`."""

    seq: int
    state: bytes


class Damage(msgspec.Struct, frozen=True):
    """The first thing found that is not as it was written; `seq` is 0 if it is no entry's."""

    seq: int
    what: str


class VerifyResult(msgspec.Struct, frozen=True):
    """How many entries and snapshots are sound, and the first damage, if any."""

    entries: int
    snapshots: int
    damage: Damage | None = None


class JournalMark(msgspec.Struct, frozen=True):
    """An entry of a journal by which it is known later: how many there were, its seq and hash."""

    entries: int
    seq: int
    head: str


class Journal(Protocol):
    """Append-only, one writer. Every method may raise Damaged."""

    def append(self, entries: Sequence[Entry]) -> None:
        """Write all of them durably before returning, or none.

        ValueError unless each seq is above the one before it, the journal's last and the last
        snapshot's.
        """

    def entries(self, after_seq: int = 0) -> Iterator[Entry]:
        """The entries with a higher seq, in order; each link of the chain is checked on the way."""

    @property
    def last_seq(self) -> int:
        """The seq of the last entry, 0 when empty."""

    @property
    def head(self) -> str:
        """The hash of the last entry in hex: equal for equal journals."""

    def mark(self) -> JournalMark:
        """The end as it is now."""

    def has(self, mark: JournalMark) -> bool:
        """Whether this is the journal of the mark, still as long as then or longer."""

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep it, durably. ValueError unless its seq is above the last snapshot's.

        The same snapshot once more is no error: a restart may take it again.
        """

    def latest_snapshot(self) -> Snapshot | None:
        """The snapshot with the highest seq."""

    def verify(self) -> VerifyResult:
        """Check every entry and snapshot."""

    def close(self) -> None:
        """Release the journal; it can be opened again."""


class _Stored(msgspec.Struct, frozen=True, omit_defaults=True):
    """An entry without its seq."""

    payload: Payload
    cause: int = 0


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(_Stored)


def encode_payload(payload: Payload) -> bytes:
    """A payload as text: equal for equal payloads."""
    return _encoder.encode(payload)


def encode_entry(entry: Entry) -> bytes:
    """The bytes that are stored and sealed beside the seq."""
    return _encoder.encode(_Stored(entry.payload, entry.cause))


def decode_entry(seq: int, stored: bytes) -> Entry:
    """What `encode_entry` was given; msgspec.ValidationError if it is none of ours."""
    found = _decoder.decode(stored)
    return Entry(seq, found.payload, found.cause)


def entry_hash(previous: bytes, seq: int, payload: bytes) -> bytes:
    """The link after `previous`."""
    return hashlib.sha256(previous + seq.to_bytes(8, "big", signed=True) + payload).digest()


def snapshot_hash(previous: bytes, seq: int, entries_head: bytes, state: bytes) -> bytes:
    """The link of the snapshots' own chain, bound to the entries' hash at its seq."""
    return hashlib.sha256(
        previous + seq.to_bytes(8, "big", signed=True) + entries_head + state
    ).digest()


def check_rising(entries: Sequence[Entry], floor: int) -> None:
    """ValueError unless the seqs rise strictly from above `floor`."""
    for entry in entries:
        if entry.seq <= floor:
            raise ValueError(f"entry {entry.seq} cannot follow {floor}: seq must rise strictly")
        floor = entry.seq


def is_new_snapshot(snapshot: Snapshot, latest: Snapshot | None) -> bool:
    """Whether to keep it; False if it is the latest once more, ValueError if it is out of order."""
    if snapshot == latest:
        return False
    if snapshot.seq < 0 or (latest and snapshot.seq <= latest.seq):
        last = latest.seq if latest else 0
        raise ValueError(f"snapshot at {snapshot.seq} cannot follow the one at {last}")
    return True
