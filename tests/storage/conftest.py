"""Candle stores of every kind, for the contract that all of them keep."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from bowline.core.model.instrument import InstrumentId
from bowline.storage.candles import Candles
from bowline.storage.embedded.duckdb_candles import DuckDBCandles
from tests.candle_files import Opener, fresh

_databases = itertools.count()


@pytest.fixture(scope="session")
def chdb_client(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The one ClickHouse engine this process may have."""
    if not os.environ.get("CI"):
        pytest.importorskip("chdb", reason="the chdb extra is not installed")
    import clickhouse_connect

    return clickhouse_connect.get_client(dsn=f"chdb://{tmp_path_factory.mktemp('chdb')}")


@pytest.fixture(scope="module", params=["duckdb", "clickhouse", "clickhouse over http"])
def opener(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Opener]:
    """Opens one and the same store as often as asked."""
    if request.param == "duckdb":
        path = tmp_path_factory.mktemp("duckdb") / "candles.duckdb"
        yield lambda: _migrated(DuckDBCandles(path))
        return
    from bowline.storage.servers.clickhouse_candles import ClickHouseCandles, connect_clickhouse

    client = request.getfixturevalue("chdb_client")
    database = f"contract_{next(_databases)}"
    if request.param == "clickhouse over http":
        from tests.clickhouse_over_http import ClickHouseOverHttp

        with ClickHouseOverHttp(client) as server:
            yield lambda: _migrated(connect_clickhouse(f"{server.url}/{database}"))
        return
    yield lambda: _migrated(ClickHouseCandles(client, database))


@pytest.fixture(scope="module")
def store(opener: Opener) -> Candles:
    return opener()


@pytest.fixture
def instrument() -> InstrumentId:
    """One that no other test has stored anything under."""
    return fresh()


def _migrated(store: Candles) -> Candles:
    store.migrate()
    return store
