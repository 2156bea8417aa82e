"""The structure of a venue's quirk table: what to send, and what its values and codes mean.

`RestVenue` and `Transport` read the tables; they hold no code. What venues have in common belongs
into the adapter, not into a table.

A value in `params` that begins with `$` is a variable, replaced when the request is made; text
after a `-` is kept. A parameter whose variable has no value is left out:

    $symbol $base $quote          the instrument, in the venue's spelling
    $id $number $tagged           our client id: as text, as an integer, as `t-` and text
    $order_id                     the venue's id of the order
    $since $until                 the ends of a time window in ms;  $since_s $until_s: in seconds
    $from_id                      the first trade id to return
    $leverage $cross_leverage     $leverage_int: as an integer; $cross_leverage: for cross only
    $mode                         the margin mode, from `margin_mode_values`
    $hedge                        the position mode, from `position_mode_values`
    $quantity $signed             in the venue's units, as text; $signed: with sign;
                                  $quantity_number $signed_number: as JSON numbers
    $price $price_number $trigger as text, as a JSON number, and of a stop
    $rises                        1 if a stop triggers at a rising price, 2 at a falling one
    $side $SIDE $Side             buy, BUY, Buy
    $position $POSITION $index    in hedge mode: long, LONG, 1 or 2
    $open_side $open_close        in hedge mode: the side that opened the position; open or close
    $deal                         1 open long, 2 close short, 3 open short, 4 close long
    $seconds $seconds_text $ms    of the dead-man switch; $armed: ACTIVATE or CLOSE; $on: 1 or 0
    $account                      HTX's id of the spot account
    $stream_key                   the listen key of the private stream
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct, field

from bowline.core.model.values import Side
from bowline.core.venue import FillKind, ListingStatus, MarginMode
from bowline.venues.rate_limits import RateLimit, UsageHeader

Params = Mapping[str, object]


class RestCall(Struct, frozen=True):
    """One REST request: the name of ccxt's method, and where the rows of the reply are.

    `rows`: dotted path, such as `result.list`; empty for the reply itself. `nested_rows`: each row
    is a group whose rows are under this key. `refusal_values`: values at `rows` that mean a
    refusal. `as_list`: the parameters are sent as a list with one entry. `no_content`: success is
    an empty reply with status 200, and an empty 404 says that what is named does not exist.
    """

    method: str
    params: Params = field(default_factory=dict)
    rows: str = ""
    nested_rows: str = ""
    refusal_values: tuple[str, ...] = ()
    as_list: bool = False
    no_content: bool = False


class Paging(Struct, frozen=True):
    """How further pages are requested: the parameter, and where its value comes from.

    `next_path`: path in the reply; `last_row_path`: path in its last row; with neither, pages are
    counted from 1. A page shorter than `size` is the last. `next_params` are added after the first
    page.
    """

    param: str
    size: int
    size_param: str = ""
    next_path: str = ""
    last_row_path: str = ""
    next_params: Params = field(default_factory=dict)

    @property
    def counted(self) -> bool:
        """Whether pages are counted from 1."""
        return not (self.next_path or self.last_row_path)


class FillCursorKind(Enum):
    """How a venue lets fills be read on: by a time window, or by an increasing trade id."""

    TIME = "time"
    TRADE_ID = "trade_id"


class FeeFields(Struct, frozen=True):
    """Where a row of a fill has its fee: paths of the amount and of the asset.

    The asset may be `$quote`, `$received` (what the fill brought in; for a rebate, what it gave) or
    a literal such as `=GT`. `rebate_sign`: the sign of a rebate at this venue. `always_paid`: a
    path and a value with which the fee was paid, whatever its sign.
    """

    amount: str
    asset: str
    #: if the asset's value is empty
    default_asset: str = ""
    rebate_sign: int = -1
    always_paid: tuple[str, str] = ("", "")


class SideQuirks(Struct, frozen=True, kw_only=True):
    """Where an order or a fill has its side, if its `side` alone is not buy or sell.

    `sides`: the side by the value at `path`, or by how that value ends after a `_`. `opposite`:
    values with which `side` names the position that is closed, so that the order's is the other.
    """

    path: str
    sides: Mapping[str, Side]
    opposite: tuple[str, ...] = ()


class FillsQuirks(Struct, frozen=True, kw_only=True):
    """How fills are requested: rows per page, longest window, and how long they are retained.

    `retention_s` 0: for ever. `fees`: where a fee may be, of which at most one is not 0; signs and
    assets follow the venue's documents, not ccxt. `client_id`: path of our id in a row.
    `min_window_ms`: the shortest window that can be requested. `pages`: paging within one window.
    `kind_path`: where a row has its type; values that begin with a key of `kinds` are fills,
    `ignored_kinds` are not; with `strict_kinds` any other value is unreadable.
    """

    call: RestCall
    page_size: int
    window_s: int
    retention_s: int
    fees: tuple[FeeFields, ...]
    by: FillCursorKind = FillCursorKind.TIME
    client_id: str = ""
    #: path of what names a fill, where ccxt reads a number that several fills may share
    trade_id: str = ""
    min_window_ms: int = 1
    pages: Paging | None = None
    kind_path: str = ""
    kinds: Mapping[str, FillKind] = field(default_factory=dict)
    ignored_kinds: frozenset[str] = frozenset()
    strict_kinds: bool = False


class CandlesQuirks(Struct, frozen=True):
    """How candles are requested. `in_contracts`: the volume counts contracts.

    `sends_limit` False: with a limit the venue would ignore the window. `retained`: number of
    newest candles that the venue serves; 0: not documented.
    """

    page_size: int
    in_contracts: bool = False
    sends_limit: bool = True
    retained: int = 0


class OrderQuirks(Struct, frozen=True):
    """How an order is sent: parameters of every order, and more by style, mode and purpose.

    `styles`: parameters of `gtc`, `ioc`, `fok`, `post_only`, `market` and `stop`; a missing style
    is refused before anything is sent, because the venue cannot do it or the order could not be
    looked up like others. `order_id`: path of the venue's id in the reply.
    """

    call: RestCall
    styles: Mapping[str, Params]
    order_id: str
    one_way: Params = field(default_factory=dict)
    hedge: Params = field(default_factory=dict)
    reduce_only: Params = field(default_factory=dict)
    #: False: in hedge mode side and position imply it, and the venue refuses the flag
    hedge_reduce_only: bool = True
    #: with an order that closes a hedged position, where nothing else says so
    close: Params = field(default_factory=dict)
    #: False: a spot market buy is sized in quote currency
    base_market_buys: bool = True


class KeyRightsQuirks(Struct, frozen=True):
    """Where a reply about the API key has its rights: paths, and the values that mean yes.

    An empty path, or one that is missing in the reply: the venue does not say.
    """

    call: RestCall
    trade: str = ""
    withdraw: str = ""
    ip: str = ""
    trade_values: tuple[str, ...] = ("true",)
    withdraw_values: tuple[str, ...] = ("true",)


class DeadManSwitch(Struct, frozen=True):
    """The dead-man switch. `per_symbol`: it is armed for one instrument at a time."""

    call: RestCall
    per_symbol: bool = False
    least_s: int = 1
    most_s: int = 3600
    can_disarm: bool = True


class MarketQuirks(Struct, frozen=True, kw_only=True):
    """The quirks of one kind of market at a venue."""

    lookup: tuple[RestCall, ...]
    cancel: RestCall
    open_orders: RestCall
    open_pages: Paging | None = None
    #: True: the venue lists open orders of one instrument at a time
    open_orders_per_instrument: bool = False
    #: True: `$account` is used, and requested once
    needs_account: bool = False
    fills: FillsQuirks
    candles: CandlesQuirks
    placing: OrderQuirks
    balance: Params = field(default_factory=dict)
    #: order statuses that ccxt does not know: the venue's value and ccxt's
    order_statuses: Mapping[str, str] = field(default_factory=dict)
    #: what ccxt leaves out of a total: path of the rows, key of the asset, key of the amount
    balance_extra: tuple[str, str, str] | None = None
    positions: RestCall | None = None
    position_pages: Paging | None = None
    position_parser: str = "parse_position"
    #: where a position says that it is a hedged account's: its path and the values that mean so
    hedged_values: tuple[str, tuple[str, ...]] = ("", ())
    #: sent one after the other; a reply "not modified" is a success
    leverage: tuple[RestCall, ...] = ()
    #: the same for an account in hedge mode, where it differs
    leverage_hedged: tuple[RestCall, ...] = ()
    #: modes that can be set; others are refused
    margin_modes: tuple[MarginMode, ...] = (MarginMode.CROSS, MarginMode.ISOLATED)
    position_mode: RestCall | None = None
    position_mode_path: str = ""
    hedge_values: tuple[str, ...] = ("true",)
    set_position_mode: RestCall | None = None
    deadman: DeadManSwitch | None = None
    rights: KeyRightsQuirks | None = None
    #: request for a listen key or the account's id for the private stream, and its renewal
    stream_key: RestCall | None = None
    stream_keep_alive: RestCall | None = None
    symbol_path: str = "symbol"
    #: None: `side` is buy or sell
    sides: SideQuirks | None = None
    #: paths that mark an order which closes a whole position, and the path of its side
    close_paths: tuple[str, ...] = ()
    close_side_path: str = ""
    #: path of our id in an order, where ccxt does not read it
    client_id_path: str = ""
    #: path of the venue's id in an order, where ccxt reads another one
    order_id_path: str = ""
    status_path: str = "status"
    listing_statuses: Mapping[str, ListingStatus] = field(default_factory=dict)
    #: ccxt's method for the market list, where its default would load other markets too
    fetch_markets: str = ""
    #: requests that ccxt would send by itself: allowed with these parameters only; None: never
    suppressed_calls: Mapping[str, Params | None] = field(default_factory=dict)
    #: the venue's weight of an operation, where it is not 1
    weights: Mapping[str, int] = field(default_factory=dict)


class ErrorCodes(Struct, frozen=True, kw_only=True):
    """Where a reply has its code, and what the codes mean; for missing codes ccxt decides.

    `ok`: values that are not an error. `inner_path`: the specific code in a reply with a general
    one.
    """

    paths: tuple[str, ...]
    message_paths: tuple[str, ...] = ("msg", "message")
    ok: tuple[str, ...] = ("0",)
    inner_path: str = ""
    inner_message_path: str = ""
    duplicate: frozenset[str] = frozenset()
    #: texts of a duplicate id, for venues without a code for it
    duplicate_texts: tuple[str, ...] = ()
    #: texts of a refused time stamp, where its code has other meanings too
    clock_texts: tuple[str, ...] = ()
    not_modified: frozenset[str] = frozenset()
    #: cannot be changed while something is open; a success if it is so already, which is checked
    in_use: frozenset[str] = frozenset()
    not_found: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    limited: frozenset[str] = frozenset()
    clock: frozenset[str] = frozenset()
    busy: frozenset[str] = frozenset()
    #: final refusals that ccxt classifies differently
    rejected: frozenset[str] = frozenset()
    #: texts of a refusal of candles that are too old
    too_old_texts: tuple[str, ...] = ()


class VenueQuirks(Struct, frozen=True, kw_only=True):
    """The quirk table of one venue."""

    venue: str
    #: notes for users on what is particular at this venue
    notes: tuple[str, ...] = ()
    #: options of the ccxt client for both kinds of market
    options: Params = field(default_factory=dict)
    kind_options: Mapping[str, Params] = field(default_factory=dict)
    #: by kind: the host by which ccxt tells the codes of one market from another's
    classify_hosts: Mapping[str, str] = field(default_factory=dict)
    codes: ErrorCodes
    markets: Mapping[str, MarketQuirks]
    rate_limits: tuple[RateLimit, ...]
    usage_headers: tuple[UsageHeader, ...] = ()
    #: name of the header, in s or ms, that says when a limit ends; Retry-After is always read
    limit_reset_header: str = ""
    needs_password: bool = False
    #: True: parameters are signed before they are percent-encoded
    signs_unencoded: bool = False
    #: how long a signed request stays valid, as sent or as the venue grants it
    window_ms: int = 5_000
    margin_mode_values: Mapping[MarginMode, object] = field(default_factory=dict)
    position_mode_values: tuple[object, object] = ("true", "false")
    #: prefix of our client ids at this venue
    client_id_prefix: str = ""
