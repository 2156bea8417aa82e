"""How much may be asked of a venue: weighted token buckets of our own, with a lane for the way out.

One `Limits` stands for one venue as seen from this machine. It must never let more through than
its share of what the venue publishes, and an entry must never wait until it is stale: it is
refused. Time is handed in; `pass_through` alone sleeps.

1. Each budget the venue publishes becomes two buckets: the reserve, for cancels and reduce-only
   orders, and the rest, for everything. Together they are `share` of what is published.
2. A bucket holds half of its part (one request at least) and refills over the window what keeps it
   below the next whole number above the part: weights are whole, so that no window whatever,
   wherever it begins, sees more than the part.
3. What is asked books its tokens at once and waits until they are there: who comes first goes
   first, and nobody starves.
4. A cancel or exit takes the reserve or the rest, whichever lets it go sooner.
5. What the venue says it has counted takes tokens away, never adds any.
6. After a 429 entries and reads are refused until the moment the venue named, and exits go on out
   of the reserve. After a ban nothing is sent: each request would make it longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from enum import Enum
from math import floor, inf

from msgspec import Struct

from bowline.venues.errors import Retryable

#: of what a venue publishes we use this part: another program on this address has the rest
SHARE = 0.5
#: of our part this is kept for cancels and exits
RESERVE = 0.25
SMALLEST_RESERVE = 1.5
#: a wait after a 429 that names no moment
UNNAMED_WAIT_S = 10.0
UNNAMED_BAN_S = 120.0
#: a little less than all, so that rounding never makes a window full
_BELOW = 1 - 1e-6


class Lane(Enum):
    """Why something is sent. `EXIT`: a cancel, a reduce-only order, the dead-man switch."""

    ENTRY = "entry"
    READ = "read"
    EXIT = "exit"


#: how long one may wait for its turn: an entry that waited is an entry at an old price
PATIENCE_S = {Lane.ENTRY: 0.25, Lane.READ: 30.0, Lane.EXIT: 30.0}


class Scope(Enum):
    """Whom the venue counts: an address, or an account."""

    ADDRESS = "address"
    ACCOUNT = "account"


class Budget(Struct, frozen=True):
    """`tokens` in any window of `window_s` seconds, as published by the venue for these markets.

    `orders` only: it counts placing and cancelling, nothing else. `each`: every end point has one
    of its own.
    """

    name: str
    tokens: float
    window_s: float
    scope: Scope = Scope.ADDRESS
    kinds: tuple[str, ...] = ("spot", "linear")
    orders_only: bool = False
    each: bool = False


class UsageHeaders(Struct, frozen=True):
    """The reply header that says how much of a budget is `used`, or how much is `left`."""

    budget: str
    used: str = ""
    left: str = ""


class Ask(Struct, frozen=True):
    """One request: what it is, where, whose, and what the venue counts it for."""

    lane: Lane
    kind: str
    endpoint: str
    account: str = ""
    weight: int = 1
    order: bool = False
    #: with the account's key; what is public counts for the address alone
    signed: bool = True


class Bucket:
    """At most `tokens` of whole weights in any window of `window_s`, half of them at once."""

    __slots__ = ("_at_s", "_capacity", "_per_s", "_tokens")

    def __init__(self, tokens: float, window_s: float) -> None:
        if not tokens >= 1:
            raise ValueError(f"a budget of {tokens} requests a window lets nothing through")
        self._capacity = max(1.0, tokens / 2)
        self._per_s = (floor(tokens) + 1 - self._capacity) * _BELOW / window_s
        self._tokens = self._capacity
        self._at_s = -inf

    def wait_s(self, weight: int, now_s: float) -> float:
        """How long until `weight` could go; infinite if it never can."""
        if weight > self._capacity:
            return inf
        self._refill(now_s)
        return max(0.0, (weight - self._tokens) / self._per_s)

    def book(self, weight: int, now_s: float) -> None:
        """Take the tokens; below zero they are promised to who has booked before."""
        self._refill(now_s)
        self._tokens -= weight

    def give_back(self, weight: int) -> None:
        """What was booked is not sent after all."""
        self._tokens = min(self._capacity, self._tokens + weight)

    def at_most(self, tokens: float, now_s: float) -> None:
        """The venue has less left than we thought."""
        self._refill(now_s)
        self._tokens = min(self._tokens, tokens)

    def _refill(self, now_s: float) -> None:
        # a clock that goes back refills nothing
        if now_s > self._at_s:
            if self._at_s != -inf:
                gained = (now_s - self._at_s) * self._per_s
                self._tokens = min(self._capacity, self._tokens + gained)
            self._at_s = now_s


class _Pair:
    """A budget's two buckets."""

    __slots__ = ("reserve", "rest", "window_tokens")

    def __init__(self, budget: Budget, share: float) -> None:
        self.window_tokens = budget.tokens
        ours = budget.tokens * share
        # of a small budget the reserve is still worth a request
        kept = max(ours * RESERVE, min(SMALLEST_RESERVE, ours / 2))
        self.reserve = Bucket(kept, budget.window_s)
        self.rest = Bucket(ours - kept, budget.window_s)

    def sooner(self, ask: Ask, now_s: float) -> Bucket:
        """The bucket that this request would take from."""
        if ask.lane is not Lane.EXIT:
            return self.rest
        buckets = (self.reserve, self.rest)
        return min(buckets, key=lambda each: each.wait_s(ask.weight, now_s))


_Key = tuple[str, str, str, str]


class Limits:
    """All budgets of one venue; pure, with `now_s` of a monotonic clock handed in."""

    def __init__(
        self,
        venue: str,
        budgets: tuple[Budget, ...],
        headers: tuple[UsageHeaders, ...] = (),
        *,
        share: float = SHARE,
    ) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"share {share} of a venue's limits: expected above 0, up to 1")
        self.venue = venue
        self._budgets = budgets
        self._headers = headers
        self._share = share
        self._pairs: dict[_Key, _Pair] = {}
        #: until when entries and reads stop, by market kind; a ban is of the whole address
        self._stopped_until_s: dict[str, float] = {}
        self._banned_until_s = -inf

    def book(self, ask: Ask, now_s: float, patience_s: float) -> float:
        """Seconds to wait before sending, booked. Raises Retryable, with nothing booked."""
        self.check(ask, now_s)
        chosen = [(b, self._pair(b, ask).sooner(ask, now_s)) for b in self._counting(ask)]
        wait_s, name = 0.0, ""
        for budget, bucket in chosen:
            needed_s = bucket.wait_s(ask.weight, now_s)
            if needed_s > wait_s:
                wait_s, name = needed_s, budget.name
        if wait_s > patience_s:
            raise Retryable(
                f"{self.venue}: our share of its limit {name!r} is used up", after_s=wait_s
            )
        for _, bucket in chosen:
            bucket.book(ask.weight, now_s)
        return wait_s

    def give_back(self, ask: Ask) -> None:
        """A booked request that was stopped while it waited."""
        for budget in self._counting(ask):
            self._pair(budget, ask).rest.give_back(ask.weight)

    def stop(self, kind: str, seconds: float | None, now_s: float) -> float:
        """The venue answered 429: stop for what it named; returns the seconds."""
        wait_s = UNNAMED_WAIT_S if seconds is None else seconds
        self._stopped_until_s[kind] = max(self._stopped_until_s.get(kind, -inf), now_s + wait_s)
        return wait_s

    def ban(self, seconds: float | None, now_s: float) -> float:
        """The venue banned this address; returns the seconds."""
        wait_s = UNNAMED_BAN_S if seconds is None else seconds
        self._banned_until_s = max(self._banned_until_s, now_s + wait_s)
        return wait_s

    def observe(self, ask: Ask, headers: Mapping[str, str], now_s: float) -> None:
        """What the reply's headers say that the venue has counted."""
        for rule in self._headers:
            left = _left(rule, headers)
            budget = next((b for b in self._counting(ask) if b.name == rule.budget), None)
            if budget is None or left is None:
                continue
            pair = self._pair(budget, ask)
            if rule.used:
                left = pair.window_tokens - left
            pair.rest.at_most(left * (1 - RESERVE), now_s)
            pair.reserve.at_most(left, now_s)

    def check(self, ask: Ask, now_s: float) -> None:
        """Raises Retryable while the venue wants nothing of this kind."""
        self.check_ban(now_s)
        left_s = self._stopped_until_s.get(ask.kind, -inf) - now_s
        if left_s > 0 and ask.lane is not Lane.EXIT:
            raise Retryable(f"{self.venue} asked us to slow down", after_s=left_s)

    def check_ban(self, now_s: float) -> None:
        """Raises Retryable while the venue has banned this address."""
        left_s = self._banned_until_s - now_s
        if left_s > 0:
            raise Retryable(f"{self.venue} has banned this address", after_s=left_s)

    def _counting(self, ask: Ask) -> list[Budget]:
        return [
            budget
            for budget in self._budgets
            if ask.kind in budget.kinds
            and (ask.order or not budget.orders_only)
            and (ask.signed or budget.scope is Scope.ADDRESS)
        ]

    def _pair(self, budget: Budget, ask: Ask) -> _Pair:
        key = (
            budget.name,
            # two budgets of one name, each for a kind of its own, are two
            ",".join(budget.kinds),
            ask.account if budget.scope is Scope.ACCOUNT else "",
            ask.endpoint if budget.each else "",
        )
        if key not in self._pairs:
            self._pairs[key] = _Pair(budget, self._share)
        return self._pairs[key]


def _left(rule: UsageHeaders, headers: Mapping[str, str]) -> float | None:
    """What is left, or what is used where the rule says so; None without a readable header."""
    text = headers.get(rule.used or rule.left, "")
    return float(text) if text.isascii() and text.isdigit() else None


async def pass_through(limits: Limits, ask: Ask, now_s: Callable[[], float]) -> None:
    """Wait for this request's turn. Raises Retryable where the wait would be too long.

    Who waited looks again: a stop or a ban that came meanwhile holds for it too.
    """
    wait_s = limits.book(ask, now_s(), PATIENCE_S[ask.lane])
    if wait_s > 0:
        try:
            await asyncio.sleep(wait_s)
            limits.check(ask, now_s())
        except (asyncio.CancelledError, Retryable):
            limits.give_back(ask)
            raise
