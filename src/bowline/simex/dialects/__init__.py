"""The venues that can be simulated, by name. No dialect knows another."""

from collections.abc import Callable

from bowline.simex.dialect import Dialect
from bowline.simex.dialects.binance import BinanceDialect
from bowline.simex.dialects.bingx import BingxDialect
from bowline.simex.dialects.bitget import BitgetDialect
from bowline.simex.dialects.bybit import BybitDialect
from bowline.simex.dialects.gate import GateDialect
from bowline.simex.dialects.htx import HtxDialect
from bowline.simex.dialects.mexc import MexcDialect
from bowline.simex.dialects.okx import OkxDialect

DIALECTS: dict[str, Callable[[], Dialect]] = {
    "binance": BinanceDialect,
    "bingx": BingxDialect,
    "bitget": BitgetDialect,
    "bybit": BybitDialect,
    "gate": GateDialect,
    "htx": HtxDialect,
    "mexc": MexcDialect,
    "okx": OkxDialect,
}
