"""Rate limits of a venue, kept on our side: weighted token buckets with a part for exits.

One `RateLimiter` per venue and process. It must never let more through than its share of what the
venue publishes, and an entry must never wait until its price is stale: it is refused. The time is
a parameter; only `acquire` sleeps.

1. Each limit that the venue publishes becomes two buckets: one for exits only (cancels and
   reduce-only orders) and one for every request. Together they are `share` of what is published.
2. A bucket holds half of its part (at least one request) and refills over the window so that the
   sum stays below the next whole number above the part. Weights are whole numbers, so no window,
   wherever it begins, contains more than the part.
3. A request takes its tokens at once and waits until the bucket is no longer negative: first come,
   first served.
4. An exit takes its tokens from whichever bucket lets it go sooner.
5. The usage that the venue reports can only take tokens away.
6. After a 429 entries and reads are refused until the time that the venue named, and exits use
   their own bucket. After a ban nothing is sent: each request would prolong it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from enum import Enum
from math import floor, inf

from msgspec import Struct

from bowline.venues.errors import Retryable

#: the part of a published limit that we use: other programs on this address use the rest
SHARE = 0.5
#: the part of our share that only exits may use
EXIT_SHARE = 0.25
MIN_EXIT_TOKENS = 1.5
#: the wait after a 429, and after a ban, that names no time
DEFAULT_WAIT_S = 10.0
DEFAULT_BAN_S = 120.0
#: a little less than all, so that rounding never makes a window full
_BELOW = 1 - 1e-6


class Priority(Enum):
    """What a request is for. `EXIT`: a cancel, a reduce-only order, the dead-man switch."""

    ENTRY = "entry"
    READ = "read"
    EXIT = "exit"


#: how long a request may wait: an entry that waited would trade on an old price
MAX_WAIT_S = {Priority.ENTRY: 0.25, Priority.READ: 30.0, Priority.EXIT: 30.0}


class RateLimitScope(Enum):
    """What the venue counts requests by."""

    ADDRESS = "address"
    ACCOUNT = "account"


class RateLimit(Struct, frozen=True):
    """`tokens` in any window of `window_s` seconds, as the venue publishes for these markets.

    `orders_only`: it counts placing and cancelling, nothing else. `per_endpoint`: every end point
    has a limit of its own.
    """

    name: str
    tokens: float
    window_s: float
    scope: RateLimitScope = RateLimitScope.ADDRESS
    kinds: tuple[str, ...] = ("spot", "linear")
    orders_only: bool = False
    per_endpoint: bool = False


class UsageHeader(Struct, frozen=True):
    """The reply header that says how much of a limit is `used`, or how much is `left`."""

    limit: str
    used: str = ""
    left: str = ""


class LimitedRequest(Struct, frozen=True):
    """A request as the venue counts it."""

    priority: Priority
    kind: str
    endpoint: str
    account: str = ""
    weight: int = 1
    order: bool = False
    #: signed with the account's key; a public request counts for the address only
    signed: bool = True


class TokenBucket:
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
        """Seconds until the bucket holds `weight` tokens; infinite if it never does."""
        if weight > self._capacity:
            return inf
        self._refill(now_s)
        return max(0.0, (weight - self._tokens) / self._per_s)

    def take(self, weight: int, now_s: float) -> None:
        """Take the tokens. Below zero, earlier requests are still waiting for theirs."""
        self._refill(now_s)
        self._tokens -= weight

    def refund(self, weight: int) -> None:
        """Put tokens back: the request is not sent."""
        self._tokens = min(self._capacity, self._tokens + weight)

    def cap(self, tokens: float, now_s: float) -> None:
        """Lower the content to `tokens`: the venue counts less as left."""
        self._refill(now_s)
        self._tokens = min(self._tokens, tokens)

    def _refill(self, now_s: float) -> None:
        # a clock that goes back refills nothing
        if now_s > self._at_s:
            if self._at_s != -inf:
                gained = (now_s - self._at_s) * self._per_s
                self._tokens = min(self._capacity, self._tokens + gained)
            self._at_s = now_s


class _Buckets:
    """The two buckets of one limit."""

    __slots__ = ("exits", "shared", "window_tokens")

    def __init__(self, limit: RateLimit, share: float) -> None:
        self.window_tokens = limit.tokens
        ours = limit.tokens * share
        # even a small limit leaves exits one request
        for_exits = max(ours * EXIT_SHARE, min(MIN_EXIT_TOKENS, ours / 2))
        self.exits = TokenBucket(for_exits, limit.window_s)
        self.shared = TokenBucket(ours - for_exits, limit.window_s)

    def choose(self, request: LimitedRequest, now_s: float) -> TokenBucket:
        """The bucket that this request takes from."""
        if request.priority is not Priority.EXIT:
            return self.shared
        buckets = (self.exits, self.shared)
        return min(buckets, key=lambda each: each.wait_s(request.weight, now_s))


_Key = tuple[str, str, str, str]


class RateLimiter:
    """All rate limits of one venue; pure. `now_s` is the time of a monotonic clock."""

    def __init__(
        self,
        venue: str,
        rate_limits: tuple[RateLimit, ...],
        headers: tuple[UsageHeader, ...] = (),
        *,
        share: float = SHARE,
    ) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"share {share} of a venue's limits: expected above 0, up to 1")
        self.venue = venue
        self._rate_limits = rate_limits
        self._headers = headers
        self._share = share
        self._buckets: dict[_Key, _Buckets] = {}
        #: end of the pause of entries and reads, by market kind; a ban is for the whole address
        self._paused_until_s: dict[str, float] = {}
        self._banned_until_s = -inf

    def reserve(self, request: LimitedRequest, now_s: float, max_wait_s: float) -> float:
        """Take the tokens; returns the seconds to wait before sending.

        Raises Retryable, without taking any, if the wait would be longer than `max_wait_s`.
        """
        self.check(request, now_s)
        chosen = [
            (limit, self._buckets_of(limit, request).choose(request, now_s))
            for limit in self._limits_of(request)
        ]
        wait_s, name = 0.0, ""
        for limit, bucket in chosen:
            needed_s = bucket.wait_s(request.weight, now_s)
            if needed_s > wait_s:
                wait_s, name = needed_s, limit.name
        if wait_s > max_wait_s:
            raise Retryable(
                f"{self.venue}: our share of its limit {name!r} is used up", after_s=wait_s
            )
        for _, bucket in chosen:
            bucket.take(request.weight, now_s)
        return wait_s

    def refund(self, request: LimitedRequest) -> None:
        """Put back the tokens of a request that is not sent."""
        for limit in self._limits_of(request):
            self._buckets_of(limit, request).shared.refund(request.weight)

    def pause(self, kind: str, seconds: float | None, now_s: float) -> float:
        """Stop entries and reads after a 429, for `seconds` if it named them; returns how long."""
        wait_s = DEFAULT_WAIT_S if seconds is None else seconds
        self._paused_until_s[kind] = max(self._paused_until_s.get(kind, -inf), now_s + wait_s)
        return wait_s

    def ban(self, seconds: float | None, now_s: float) -> float:
        """Stop everything: the venue banned this address; returns for how many seconds."""
        wait_s = DEFAULT_BAN_S if seconds is None else seconds
        self._banned_until_s = max(self._banned_until_s, now_s + wait_s)
        return wait_s

    def observe(self, request: LimitedRequest, headers: Mapping[str, str], now_s: float) -> None:
        """Take into account the usage that the reply's headers report."""
        for rule in self._headers:
            left = _left(rule, headers)
            limit = next((b for b in self._limits_of(request) if b.name == rule.limit), None)
            if limit is None or left is None:
                continue
            buckets = self._buckets_of(limit, request)
            if rule.used:
                left = buckets.window_tokens - left
            buckets.shared.cap(left * (1 - EXIT_SHARE), now_s)
            buckets.exits.cap(left, now_s)

    def check(self, request: LimitedRequest, now_s: float) -> None:
        """Raises Retryable while requests of this kind are paused or banned."""
        self.check_ban(now_s)
        left_s = self._paused_until_s.get(request.kind, -inf) - now_s
        if left_s > 0 and request.priority is not Priority.EXIT:
            raise Retryable(f"{self.venue} asked us to slow down", after_s=left_s)

    def check_ban(self, now_s: float) -> None:
        """Raises Retryable while the venue has banned this address."""
        left_s = self._banned_until_s - now_s
        if left_s > 0:
            raise Retryable(f"{self.venue} has banned this address", after_s=left_s)

    def _limits_of(self, request: LimitedRequest) -> list[RateLimit]:
        return [
            limit
            for limit in self._rate_limits
            if request.kind in limit.kinds
            and (request.order or not limit.orders_only)
            and (request.signed or limit.scope is RateLimitScope.ADDRESS)
        ]

    def _buckets_of(self, limit: RateLimit, request: LimitedRequest) -> _Buckets:
        key = (
            limit.name,
            # limits of the same name for different kinds are separate limits
            ",".join(limit.kinds),
            request.account if limit.scope is RateLimitScope.ACCOUNT else "",
            request.endpoint if limit.per_endpoint else "",
        )
        if key not in self._buckets:
            self._buckets[key] = _Buckets(limit, self._share)
        return self._buckets[key]


def _left(rule: UsageHeader, headers: Mapping[str, str]) -> float | None:
    """The number of the header, left or used; None without a readable header."""
    text = headers.get(rule.used or rule.left, "")
    return float(text) if text.isascii() and text.isdigit() else None


async def acquire(
    limiter: RateLimiter, request: LimitedRequest, now_s: Callable[[], float]
) -> None:
    """Wait for this request's turn. Raises Retryable if the wait would be too long.

    After the wait the limits are checked again: a pause or ban may have begun meanwhile.
    """
    wait_s = limiter.reserve(request, now_s(), MAX_WAIT_S[request.priority])
    if wait_s > 0:
        try:
            await asyncio.sleep(wait_s)
            limiter.check(request, now_s())
        except (asyncio.CancelledError, Retryable):
            limiter.refund(request)
            raise
