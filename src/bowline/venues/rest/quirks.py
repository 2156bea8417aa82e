"""How one venue differs from the others, as a table: what to send, what its words and codes mean.

A table is read by `RestVenue` and `Transport` and holds no code. It must never say what two venues
have in common: that is the adapter's.

A value in `params` that begins with `$` is a word, replaced when the request is made; what follows
a `-` stays. A parameter whose word has no value is left out:

    $symbol $base $quote          the instrument, in the venue's words
    $id $number $tagged           our client id: as text, as an integer, as `t-` and text
    $order_id                     the venue's own id of the order
    $since $until                 the ends of a window of time, ms;  $since_s $until_s: in seconds
    $from_id                      the trade id to go on from
    $leverage $cross_leverage     $leverage_int: as an integer; the middle one is for cross only
    $mode                         the margin mode in the venue's word, from `margin_words`
    $hedge                        the position mode in the venue's word, from `hedge_words`
    $quantity $signed $number_of  how much, in the venue's units: text, with sign, as a JSON number
    $price $price_number $trigger as text, as a JSON number, and of a stop
    $rises                        1 if a stop waits for the price to rise, 2 if for it to fall
    $side $SIDE $Side             buy, BUY, Buy
    $position $POSITION $index    of hedge mode: long, LONG, 1 or 2
    $open_side $open_close        of hedge mode: the side that opened it; `open` or `close`
    $deal                         1 open long, 2 close short, 3 open short, 4 close long
    $seconds $seconds_text $ms    of the dead-man switch; $armed: `ACTIVATE` or `CLOSE`; $on: 1 or 0
    $account                      HTX's number of the spot account
    $stream_key                   the listen key of the private stream
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct, field

from bowline.core.venue import FillKind, ListingStatus, MarginMode
from bowline.venues.limits import Budget, UsageHeaders

Params = Mapping[str, object]


class Call(Struct, frozen=True):
    """A request of the venue's own: ccxt's name of the end point, and where the reply's rows are.

    `rows` is a path of keys, `result.list`; empty: the reply itself. `inner`: the rows are lists
    themselves, under this key. `refused`: what stands there instead when the answer is no.
    `listed`: the venue takes many at once, and the parameters go out as a list of one.
    """

    method: str
    params: Params = field(default_factory=dict)
    rows: str = ""
    inner: str = ""
    refused: tuple[str, ...] = ()
    listed: bool = False


class Pages(Struct, frozen=True):
    """How more rows are asked for: the parameter, and where its value comes from.

    `at` is a path in the reply, or with `of_last` in its last row; with neither pages are counted
    from 1. A page shorter than `size` is the last. `more` goes with every page after the first.
    """

    param: str
    size: int
    size_param: str = ""
    at: str = ""
    of_last: str = ""
    more: Params = field(default_factory=dict)

    @property
    def counted(self) -> bool:
        """Whether pages are counted from 1."""
        return not (self.at or self.of_last)


class FillsBy(Enum):
    """How a venue lets one go on reading fills: by a window of time, or by a rising trade id."""

    TIME = "time"
    TRADE_ID = "trade_id"


class FeeAt(Struct, frozen=True):
    """Where a row of an execution says its fee: paths of the amount and of the asset.

    An asset may be a word: `$quote`; `$received`, what a buy or sell brings in, and for a rebate
    what it gives; `=GT`, which stands for itself. `rebate` is the sign that a rebate has there.
    `paid`: a path, and a word there by which the fee was paid whatever its sign.
    """

    amount: str
    asset: str
    #: where the asset's place is empty
    otherwise: str = ""
    rebate: int = -1
    paid: tuple[str, str] = ("", "")


class Fills(Struct, frozen=True, kw_only=True):
    """Executions: `page` a reply, windows no longer than `window_s`, told for `keep_s` (0: ever).

    `fees` are the places of a fee, of which one at most is not 0: what the venue's own documents
    say of signs and assets, and not what ccxt makes of it. `client_id` is the key of our id in a
    row. `step_ms` is the shortest window it can be asked for, `pages` how more of a moment is asked
    for. `kind_at` is where a row says what it is: words that begin like one of `kinds` are
    executions, `no_fills` are none; with `strict` every other word is unreadable.
    """

    call: Call
    page: int
    window_s: int
    keep_s: int
    fees: tuple[FeeAt, ...]
    by: FillsBy = FillsBy.TIME
    client_id: str = ""
    step_ms: int = 1
    pages: Pages | None = None
    kind_at: str = ""
    kinds: Mapping[str, FillKind] = field(default_factory=dict)
    no_fills: frozenset[str] = frozenset()
    strict: bool = False


class Candles(Struct, frozen=True):
    """`page` candles a request. `in_contracts`: the volume counts contracts.

    `sends_limit` False: a limit would make the venue forget the window that was asked for.
    `keeps`: only so many of the newest are told; 0: no limit is documented.
    """

    page: int
    in_contracts: bool = False
    sends_limit: bool = True
    keeps: int = 0


class Placing(Struct, frozen=True):
    """How an order is sent: `common` for every one, and more by its style, mode and purpose.

    `styles`: what the five ways to meet the book are called (`gtc`, `ioc`, `fok`, `post_only`,
    `market`, `stop`); what is missing there the venue cannot do, or not so that the order could be
    looked up like any other, and it is refused before anything is sent. `order_id` is where the
    venue's own id is, in the rows of the reply.
    """

    call: Call
    styles: Mapping[str, Params]
    order_id: str
    one_way: Params = field(default_factory=dict)
    hedge: Params = field(default_factory=dict)
    reduce_only: Params = field(default_factory=dict)
    #: in hedge mode the side and the position say it already, and the flag would be refused
    hedge_reduces: bool = True
    #: with an order that closes a hedged position, where nothing else says that it does
    closing: Params = field(default_factory=dict)
    #: a market order to buy on spot can be told in base units
    market_buys: bool = True


class Rights(Struct, frozen=True):
    """Where a reply about the key says what it may do: paths, and the words that mean yes.

    A path that is empty or absent in the reply: the venue does not say.
    """

    call: Call
    trade: str = ""
    withdraw: str = ""
    ip: str = ""
    trade_words: tuple[str, ...] = ("true",)
    withdraw_words: tuple[str, ...] = ("true",)


class Deadman(Struct, frozen=True):
    """The dead-man switch. `per_symbol`: it is armed for one instrument at a time."""

    call: Call
    per_symbol: bool = False
    least_s: int = 1
    most_s: int = 3600
    can_disarm: bool = True


class MarketQuirks(Struct, frozen=True, kw_only=True):
    """One kind of market of a venue."""

    lookup: tuple[Call, ...]
    cancel: Call
    open_orders: Call
    open_pages: Pages | None = None
    #: the venue tells the open orders of one instrument at a time
    open_by_instrument: bool = False
    #: `$account` is used: it is asked for once
    needs_account: bool = False
    fills: Fills
    candles: Candles
    placing: Placing
    balance: Params = field(default_factory=dict)
    #: an order's states that ccxt does not know, in its words
    order_words: Mapping[str, str] = field(default_factory=dict)
    #: what ccxt leaves out of a total: where the rows are, their asset, the amount
    balance_left_out: tuple[str, str, str] | None = None
    positions: Call | None = None
    position_pages: Pages | None = None
    position_parser: str = "parse_position"
    #: in turn; what answers "already so" counts as done
    leverage: tuple[Call, ...] = ()
    #: instead, for an account in hedge mode, where that is told otherwise
    leverage_hedged: tuple[Call, ...] = ()
    #: where a fixed mode is the only one: what the table cannot set is refused
    margin_modes: tuple[MarginMode, ...] = (MarginMode.CROSS, MarginMode.ISOLATED)
    position_mode: Call | None = None
    position_mode_at: str = ""
    hedge_when: tuple[str, ...] = ("true",)
    set_position_mode: Call | None = None
    deadman: Deadman | None = None
    rights: Rights | None = None
    #: what the private stream is opened with, a listen key or the account's number; and what keeps
    #: the key alive
    stream_key: Call | None = None
    stream_keep: Call | None = None
    symbol_at: str = "symbol"
    #: of an order that closes a position, however large: where it says so, and which of two
    closes_at: tuple[str, ...] = ()
    closes_which: str = ""
    #: the key of our id in an order, where ccxt does not read it
    client_id_at: str = ""
    #: and of the venue's, where ccxt reads another number for it
    order_id_at: str = ""
    status_at: str = "status"
    status_words: Mapping[str, ListingStatus] = field(default_factory=dict)
    #: ccxt's reader of the market list, where its own would load what is not wanted
    fetch_markets: str = ""
    #: what it would ask besides: sent with these parameters only, with None never
    unasked: Mapping[str, Params | None] = field(default_factory=dict)
    #: what the venue counts for an operation, where it is not 1
    weights: Mapping[str, int] = field(default_factory=dict)


class Codes(Struct, frozen=True, kw_only=True):
    """Where a reply says its code, and what the codes mean. What stands nowhere, ccxt may know.

    `fine`: values that are no error. `inner`: where a reply with an outer code has the real one.
    """

    at: tuple[str, ...]
    message_at: tuple[str, ...] = ("msg", "message")
    fine: tuple[str, ...] = ("0",)
    inner: str = ""
    inner_message: str = ""
    duplicate: frozenset[str] = frozenset()
    #: such an answer to a new order is a duplicate: some venues have a text and no code for it
    duplicate_texts: tuple[str, ...] = ()
    #: words of a refused time, where its code is that of other things too
    clock_texts: tuple[str, ...] = ()
    not_modified: frozenset[str] = frozenset()
    #: it cannot be changed while something is open: done only if it is so already, which is asked
    in_use: frozenset[str] = frozenset()
    not_found: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    limited: frozenset[str] = frozenset()
    clock: frozenset[str] = frozenset()
    busy: frozenset[str] = frozenset()
    #: final refusals that ccxt would take for something else
    rejected: frozenset[str] = frozenset()
    #: words of a refusal of candles that are older than what the venue tells
    too_old_texts: tuple[str, ...] = ()


class Quirks(Struct, frozen=True, kw_only=True):
    """A venue's table."""

    venue: str
    #: why each oddity is there, for people
    notes: tuple[str, ...] = ()
    #: options of the ccxt client that are the same for both kinds
    options: Params = field(default_factory=dict)
    kind_options: Mapping[str, Params] = field(default_factory=dict)
    #: by kind: the host by which ccxt tells one market's codes from another's, wherever we ask
    judged_at: Mapping[str, str] = field(default_factory=dict)
    codes: Codes
    markets: Mapping[str, MarketQuirks]
    budgets: tuple[Budget, ...]
    usage_headers: tuple[UsageHeaders, ...] = ()
    #: headers, in seconds or ms, that say when a limit ends; Retry-After is always known
    retry_at_ms: str = ""
    needs_password: bool = False
    #: a signature is of the parameters before they are percent-encoded
    signs_decoded: bool = False
    #: how long a signed request stays good: what the venue is told, or what it grants
    window_ms: int = 5_000
    margin_words: Mapping[MarginMode, object] = field(default_factory=dict)
    hedge_words: tuple[object, object] = ("true", "false")
    #: what stands before our id where the venue wants something there
    id_prefix: str = ""
