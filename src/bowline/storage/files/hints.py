"""What a person says of a candle file beside its bytes. Nothing here is guessed."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from bowline.core.model.instrument import Market

#: roles a person may give a column, by its heading or, without a header, by its number
NAMED_ROLES = ("time", "open", "high", "low", "close", "volume")


class FileHints(msgspec.Struct, frozen=True, kw_only=True):
    """Empty and None are not said.

    `contract_size` is base units a contract, where it is known; with `volume_in_contracts` the
    person said that the volume counts contracts. `columns` gives a role of NAMED_ROLES its column.
    """

    market: Market | None = None
    symbol: str = ""
    offset_ns: int | None = None
    contract_size: Decimal | None = None
    volume_in_contracts: bool = False
    columns: dict[str, str] = {}
    decimal: str = ""


NO_HINTS = FileHints()
