"""The API key of the test account at each venue: derived from the seed, valid here alone."""

from __future__ import annotations

import hashlib

from msgspec import Struct


class ApiCredentials(Struct, frozen=True):
    """What a client signs with; `password` is the passphrase that only some venues ask for."""

    api_key: str
    secret: str
    password: str
    user_id: str


def account_credentials(venue: str, seed: int) -> ApiCredentials:
    """The credentials of the funded account at this venue."""

    def derived(purpose: str, length: int) -> str:
        text = f"bowline simex {seed} {venue} {purpose}"
        return hashlib.sha256(text.encode()).hexdigest()[:length]

    return ApiCredentials(
        api_key=f"sim{derived('key', 29)}",
        secret=derived("secret", 64),
        password=derived("password", 16),
        user_id=str(10_000_000 + int(derived("user", 6), 16)),
    )
