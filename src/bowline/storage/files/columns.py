"""Which column is which: names people and exchanges use, in any case and order.

A column must never be taken for another: two that claim one role are refused. Volume is taken by
its name, never by its place, and its unit with it: base units, contracts, or quote money, which is
no volume here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from bowline.core.errors import BadInput
from bowline.core.model.market import PRICE_COLUMNS
from bowline.storage.files.hints import NAMED_ROLES, FileHints

#: names without case, spaces and signs; the first of the stamps that is there counts
_STAMP_NAMES = (
    "openns", "tsopen", "opentime", "timeopen", "opentimestamp", "openat", "startat", "starttime",
    "start", "timeperiodstart", "periodstart", "timestamp", "ts", "unix", "unixtime",
    "unixtimestamp", "unixtimestampms", "timestampms", "epoch", "time", "datetime", "date",
    "utctime", "timeutc", "utcdatetime", "datetimeutc", "dateutc", "gmttime", "localtime",
    "localdatetime", "candlebegintime", "t",
    # an index that pandas wrote without a name
    "", "indexlevel0",
)  # fmt: skip
_PRICE_NAMES = {
    "open": ("open", "openprice", "openingprice", "o"),
    "high": ("high", "highprice", "highestprice", "highest", "h"),
    "low": ("low", "lowprice", "lowestprice", "lowest", "l"),
    "close": ("close", "closeprice", "closingprice", "c"),
}
_BASE = (
    "volume", "basevolume", "vol", "v", "volumebase", "basevol", "volbase", "baseassetvolume",
    "volumebaseasset", "volumefrom",
)  # fmt: skip
_QUOTE = (
    "quotevolume", "volumequote", "quotevol", "volquote", "quoteassetvolume", "volumecurrency",
    "volccyquote", "turnover", "volumeto", "tradeturnover", "notional", "usdvolume",
)  # fmt: skip
_CONTRACTS = ("contracts", "volumecontracts", "contractvolume", "volcontracts", "volumecontract")
_INSTRUMENT = ("instrumentname", "symbol", "instid", "instrument", "contractcode", "pair", "ticker")
_CONFIRM = ("confirm", "confirmed", "isclosed", "closed", "isfinal", "windowclose")
#: money that prices are told in: `Volume USDT` beside `Volume BTC` is not the base's
_MONEY = (
    "usdt", "usdc", "usd", "busd", "fdusd", "tusd", "dai", "eur", "gbp", "try", "jpy", "krw", "brl",
    "aud", "cad", "chf", "pln", "rub", "uah", "ngn", "zar", "mxn",
)  # fmt: skip
_SIGNS = str.maketrans("", "", " ._-<>()[]\"'\ufeff\t*")


class Volume(msgspec.Struct, frozen=True):
    """The column of the volume and its unit; `beside` is one in base units to hold it against."""

    column: int
    unit: str = "base"
    why: str = ""
    beside: int | None = None


class Roles(msgspec.Struct, frozen=True, kw_only=True):
    """Positions of columns. `stamp` has two if date and time of day stand apart."""

    stamp: tuple[int, ...]
    prices: dict[str, int]
    volume: Volume
    instrument: int | None = None
    confirm: int | None = None
    filled: int | None = None
    local: bool = False

    def names(self, headings: Sequence[str]) -> str:
        """Which heading was taken for what."""
        time = " + ".join(headings[each] for each in self.stamp)
        prices = "".join(f", {role}={headings[at]}" for role, at in self.prices.items())
        return f"columns: time={time}{prices}, volume={headings[self.volume.column]}"


def plain_name(heading: str) -> str:
    """A heading without case, spaces and signs."""
    return heading.strip().lower().translate(_SIGNS)


def looks_like_headings(cells: Sequence[str]) -> int:
    """How many cells of a line are headings known here."""
    prices = {alias for aliases in _PRICE_NAMES.values() for alias in aliases}
    known = prices | {*_STAMP_NAMES, *_BASE, *_QUOTE, *_CONTRACTS} - {""}
    return sum(plain_name(cell) in known for cell in cells)


def role_columns(
    name: str, headings: Sequence[str], hints: FileHints, sample: Sequence[Sequence[str]] = ()
) -> Roles:
    """What each column is; BadInput says what is missing or there twice."""
    places: dict[str, list[int]] = {}
    for index, heading in enumerate(headings):
        places.setdefault(plain_name(heading), []).append(index)
    said = _said(name, headings, hints)
    problems: list[str] = []
    stamp = said["time"] if "time" in said else _one(places, "time stamp", _STAMP_NAMES, problems)
    prices = {
        role: said[role] if role in said else _one(places, role, aliases, problems, alone=True)
        for role, aliases in _PRICE_NAMES.items()
    }
    try:
        volume = Volume(said["volume"]) if "volume" in said else _volume(places, headings, hints)
    except BadInput as error:
        problems.append(error.message)
        volume = Volume(0)
    if problems:
        seen = ", ".join(repr(heading[:40]) for heading in headings[:20])
        raise BadInput(
            f"{name}: these are not the columns of candles: {seen}",
            problems=tuple(problems),
            hint="Expected a time stamp, open, high, low, close and volume in base units;"
            " say which is which with --column volume=HEADING.",
        )
    taken = [stamp, *prices.values(), volume.column]
    if len(set(taken)) < len(taken):
        raise BadInput(f"{name}: one column cannot be two things", hint="Look at --column again.")
    if hints.volume_in_contracts and volume.unit == "base" and volume.beside is None:
        volume = Volume(volume.column, "contracts", "as said")
    return Roles(
        stamp=_date_and_clock(places, stamp, sample) if "time" not in said else (stamp,),
        prices={role: at for role, at in prices.items() if role in PRICE_COLUMNS},
        volume=volume,
        instrument=_first(places, _INSTRUMENT),
        confirm=_first(places, _CONFIRM),
        filled=_first(places, ("filled",)),
        local=plain_name(headings[stamp]).startswith("local"),
    )


def _said(name: str, headings: Sequence[str], hints: FileHints) -> dict[str, int]:
    """The columns that the person named, by heading or by number."""
    found = {}
    for role, heading in hints.columns.items():
        assert role in NAMED_ROLES, role
        exact = [at for at, each in enumerate(headings) if each.strip() == heading.strip()]
        alike = [at for at, each in enumerate(headings) if plain_name(each) == plain_name(heading)]
        if not exact and heading.isdecimal() and 0 < int(heading) <= len(headings):
            exact = [int(heading) - 1]
        match exact or alike:
            case [at]:
                found[role] = at
            case several:
                there = "no column" if not several else "more than one column"
                raise BadInput(
                    f"{name}: {there} is {heading!r}, which --column {role} names",
                    hint=f"Columns: {', '.join(headings[:20])}; or give a number from 1.",
                )
    return found


def _one(
    places: dict[str, list[int]],
    role: str,
    aliases: tuple[str, ...],
    problems: list[str],
    *,
    alone: bool = False,
) -> int:
    found = [alias for alias in aliases if alias in places]
    if not found:
        late = " (a time of the close is none)" if role == "time stamp" else ""
        problems.append(f"no {role} column{late if 'closetime' in places else ''}")
    elif len(places[found[0]]) > 1 or (alone and len(found) > 1):
        problems.append(f"more than one {role} column")
    else:
        return places[found[0]][0]
    return 0


def _first(places: dict[str, list[int]], aliases: tuple[str, ...]) -> int | None:
    return next((places[alias][0] for alias in aliases if len(places.get(alias, ())) == 1), None)


def _volume(places: dict[str, list[int]], headings: Sequence[str], hints: FileHints) -> Volume:
    """The volume by its name; BadInput if none is in a unit that base units can be made of."""
    contracts = _first(places, _CONTRACTS)
    for pair, rule in _PAIRS.items():
        if all(len(places.get(each, ())) == 1 for each in pair):
            return rule(places[pair[0]][0], places[pair[1]][0], hints)
    if (own := _own_word(places, hints)) is not None:
        return own
    bases = [at for alias in _BASE for at in places.get(alias, ())]
    bases += _coin_volumes(places, hints)
    if len(bases) > 1:
        names = ", ".join(headings[at] for at in bases)
        raise BadInput(f"more than one volume column: {names}")
    if bases:
        return Volume(bases[0])
    if contracts is not None:
        return Volume(contracts, "contracts", f"the heading is {headings[contracts]}")
    quote = next((headings[places[each][0]] for each in _QUOTE if each in places), "")
    if quote:
        raise BadInput(f"no volume column in base units: {quote} is in quote money")
    raise BadInput("no volume column")


def _own_word(places: dict[str, list[int]], hints: FileHints) -> Volume | None:
    """The volume in a word whose unit is the venue's own; None if there is no such word."""
    market = hints.market
    if market is None or "volume" in places:
        return None
    for word, kind, venues, unit in _OWN_WORDS:
        at = places.get(word, [])
        if len(at) == 1 and market.kind == kind and market.venue in venues:
            if unit == "quote":
                raise BadInput(f"no volume column in base units: {word} is in quote money")
            return Volume(at[0], unit, f"{market.name} counts contracts in `{word}`")
    return None


def _coin_volumes(places: dict[str, list[int]], hints: FileHints) -> list[int]:
    """Columns such as `Volume BTC`, without those of the quote: `Volume USDT`."""
    coins = {
        plain.removeprefix("volume"): at[0]
        for plain, at in places.items()
        if plain.startswith("volume") and plain not in {*_BASE, *_QUOTE, *_CONTRACTS, "volume"}
    }
    symbol = plain_name(hints.symbol).replace("xbt", "btc")
    others = [coin for coin in coins if coin not in _MONEY]
    named = [at for coin, at in coins.items() if symbol.startswith(coin.replace("xbt", "btc"))]
    if len(named) == 1:
        return named
    if symbol and len(others) == 1:
        raise BadInput(f"the volume is of {others[0].upper()}, which {hints.symbol} is not")
    return [coins[coin] for coin in others]


def _okx(vol: int, base: int, hints: FileHints) -> Volume:
    """OKX: `vol` is contracts and `vol_ccy` base units, but on spot base units and quote money."""
    if hints.market is None:
        raise BadInput("vol and vol_ccy change places between OKX's spot and swaps: say --market")
    if hints.market.kind == "spot":
        return Volume(vol, why="vol is in base units on OKX's spot")
    return Volume(vol, "contracts", "vol counts contracts on OKX's swaps", base)


def _amount_and_vol(amount: int, vol: int, hints: FileHints) -> Volume:
    """HTX: `amount` is base units everywhere. MEXC's contracts: `vol` contracts, `amount` quote."""
    venue = "" if hints.market is None else hints.market.venue
    if venue == "htx":
        return Volume(amount, why="amount is in base units at HTX, vol is not")
    if venue == "mexc" and hints.market is not None and hints.market.kind != "spot":
        return Volume(vol, "contracts", "vol counts contracts on MEXC's perpetuals")
    raise BadInput("amount and vol: which of them is in base units is not known")


def _gate(v: int, a: int, hints: FileHints) -> Volume:
    """Gate: `a` is base units, `v` quote money on spot and contracts on perpetuals."""
    del v, hints
    return Volume(a, why="a is in base units at Gate, v is not")


#: what one word means where, by the venues' API documentation of candles
_OWN_WORDS = (
    ("vol", "linear", {"okx", "gate", "htx", "mexc"}, "contracts"),
    ("v", "linear", {"gate"}, "contracts"),
    ("vol", "spot", {"htx"}, "quote"),
    ("v", "spot", {"gate"}, "quote"),
)

#: pairs of headings whose meaning a venue's documentation fixes
_PAIRS: dict[tuple[str, str], Callable[[int, int, FileHints], Volume]] = {
    ("vol", "volccy"): _okx,
    ("amount", "vol"): _amount_and_vol,
    ("v", "a"): _gate,
}


def _date_and_clock(
    places: dict[str, list[int]], stamp: int, sample: Sequence[Sequence[str]]
) -> tuple[int, ...]:
    """Both columns, where one holds days and the other times of day."""
    from bowline.storage.files.dates import is_clock, is_day  # noqa: PLC0415 - a circle otherwise

    days = [places[each][0] for each in ("date", "day", "dateutc") if each in places]
    clocks = [places[each][0] for each in ("time", "clock", "timeutc") if each in places]
    for day in days:
        for clock in clocks:
            rows = [row for row in sample if len(row) > max(day, clock)]
            if (
                stamp in {day, clock}
                and rows
                and all(is_day(row[day]) and is_clock(row[clock]) for row in rows[:20])
            ):
                return day, clock
    return (stamp,)
