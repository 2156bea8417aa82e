"""The test account's keys at each venue: a function of the seed, good for nothing anywhere else."""

from __future__ import annotations

import hashlib

from msgspec import Struct


class Keys(Struct, frozen=True):
    """What a client logs in with; `password` is the passphrase that only some venues ask for."""

    api_key: str
    secret: str
    password: str
    user_id: str


def keys_of(venue: str, seed: int) -> Keys:
    """The keys of the funded account at this venue."""

    def word(purpose: str, length: int) -> str:
        text = f"bowline simex {seed} {venue} {purpose}"
        return hashlib.sha256(text.encode()).hexdigest()[:length]

    return Keys(
        api_key=f"sim{word('key', 29)}",
        secret=word("secret", 64),
        password=word("password", 16),
        user_id=str(10_000_000 + int(word("user", 6), 16)),
    )
