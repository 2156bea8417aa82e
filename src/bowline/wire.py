"""The one file that chooses: which store, which feed, which venue, which clock.

Nothing else in Bowline may ask which life it is in. Every function here builds one part from the
settings and hands it over; no rule of trading may live here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bowline.core.errors import BadInput

if TYPE_CHECKING:
    from decimal import Decimal

    from sqlalchemy import Engine

    from bowline.core.model.instrument import Instrument, InstrumentId
    from bowline.core.signals import Catalogue, SpecDefaults, Strategies
    from bowline.desk.backup import BackupStores
    from bowline.desk.deletes import DeletionStores
    from bowline.desk.journal_end import KnownEnd
    from bowline.desk.plugins import PluginFolder
    from bowline.desk.setup import Setup
    from bowline.desk.strategies import StrategyDesk
    from bowline.research.grid import SweepBudget
    from bowline.runtime import Feed
    from bowline.runtime.bus import Bus
    from bowline.storage.candles import Candles
    from bowline.storage.embedded.duckdb_candles import DuckDBCandles
    from bowline.storage.jobs import Jobs
    from bowline.storage.journal import Journal
    from bowline.storage.listings import ListingStore
    from bowline.storage.tables import Tables
    from bowline.storage.tape import Tape
    from bowline.storage.trials import Trials
    from bowline.venues.registry import VenueRegistry


def home(*, restored: bool = True) -> Path:
    """Where everything Bowline keeps lies: `BOWLINE_HOME`, or the platform's user data folder.

    Conflict if a restore was cut off there, unless it need not be `restored`.
    """
    from bowline.desk.restore import unfinished
    from bowline.settings import load_settings

    folder = load_settings().home
    if restored and (cut_off := unfinished(folder)):
        raise cut_off
    return folder


def file_lock(path: Path, what: str) -> AbstractContextManager[None]:
    """Hold the lock file at `path`; Conflict with `what` if another process does."""
    from bowline.storage.embedded.sqlite_file import locked

    return locked(path, what)


def demo_home() -> Path:
    """A folder beside everything else for the demonstration."""
    return home() / "demo"


def start_logs() -> None:
    """Send log lines where the settings say, with every secret of the settings masked."""
    from bowline.logs import configure_logs
    from bowline.settings import load_settings

    own = load_settings()
    configure_logs(own.log_level, own.log_format, own.secrets, file=own.log_file)


def open_journal(path: Path, *, read_only: bool = False) -> Journal:
    """The journal in the file at `path`, made if there is none; it must be closed.

    There is one writer at a time (Conflict) and any number of readers.
    """
    from bowline.storage.embedded.sqlite_journal import SqliteJournal

    return SqliteJournal(path, read_only=read_only)


def open_candles(home: Path) -> Candles:
    """The candle store: `BOWLINE_CANDLES`, or a DuckDB file under `home`; made if there is none.

    The demonstration has its own file, whatever is configured.
    """
    scheme, rest = _candle_place(home)
    store: Candles
    if scheme == "duckdb":
        from bowline.storage.embedded.duckdb_candles import DuckDBCandles

        store = DuckDBCandles(Path(rest))
    else:
        try:
            from bowline.storage.servers.clickhouse_candles import connect_clickhouse
        except ModuleNotFoundError as error:
            raise BadInput(
                f"BOWLINE_CANDLES names ClickHouse, and {error.name} is not installed",
                hint="in the checkout: make servers, or make chdb for ClickHouse without a server",
            ) from error
        store = connect_clickhouse(f"{scheme}://{rest}")
    store.migrate()
    return store


def recorded_instrument(home: Path, instrument: InstrumentId) -> Instrument | None:
    """What is recorded of an instrument beside its candles; nothing is made for being asked."""
    scheme, rest = _candle_place(home)
    there = scheme != "duckdb" or Path(rest).is_file()
    return open_candles(home).instrument(instrument) if there else None


def _candle_place(home: Path) -> tuple[str, str]:
    """The scheme of the candle store, and where it is."""
    from bowline.settings import load_settings

    url = load_settings().candles if home != demo_home() else None
    place = url.reveal() if url else f"duckdb://{home / 'candles.duckdb'}"
    scheme, _, rest = place.partition("://")
    return scheme, rest


def candle_file(home: Path, *, busy_timeout_s: int = 30) -> DuckDBCandles | None:
    """The candle store as a file that copies and compacts itself; None if it is a server's."""
    scheme, rest = _candle_place(home)
    if scheme != "duckdb":
        return None
    from bowline.storage.embedded.duckdb_candles import DuckDBCandles

    return DuckDBCandles(Path(rest), busy_timeout_s=busy_timeout_s)


def stores_to_copy(home: Path) -> BackupStores:
    """How the stores of `home` are copied into a backup."""
    from bowline.desk.backup import BackupStores
    from bowline.storage.embedded.sqlite_file import copy_sqlite

    return BackupStores(
        home=home,
        candles=candle_file(home),
        strategies=plugin_folder().folder,
        copy_sqlite=copy_sqlite,
        open_journal=open_journal,
        locked=file_lock,
        journal_ends=lambda: journal_ends(home),
    )


def journal_ends(home: Path) -> dict[int, KnownEnd | None]:
    """Every run that the tables know, and how far its journal had come; none without tables."""
    from bowline.desk.journal_end import kept_end
    from bowline.settings import load_settings

    if load_settings().database is None and not (home / "tables.db").exists():
        return {}
    with closing(open_tables(home)) as tables:
        return {run.id: kept_end(run) for run in tables.list_runs()}


def stores_to_compact(home: Path, wait_s: int = 5) -> dict[Path, Callable[[], None]]:
    """The files of `home` that may be made smaller, and how; who uses one may take `wait_s`."""
    from bowline.storage.embedded.sqlite_file import compact_sqlite

    tables = home / "tables.db"
    found: dict[Path, Callable[[], None]] = {tables: lambda: compact_sqlite(tables, wait_s)}
    if candles := candle_file(home, busy_timeout_s=wait_s):
        found[candles.path] = candles.compact
    return found


def load_catalogue() -> Catalogue:
    """The packaged indicator catalogue, narrowed by the file `BOWLINE_INDICATORS` if it is set."""
    from bowline.settings import load_settings
    from bowline.storage.catalogue import read_catalogue

    return read_catalogue(load_settings().indicators)


def open_tables(home: Path) -> Tables:
    """Strategies and runs, migrated; to be closed. Conflict if they are too new.

    They are in `BOWLINE_DATABASE`, or in a SQLite file in `home`.
    """
    from bowline.storage.tables import Tables

    return Tables(_database(home))


def open_jobs(home: Path) -> Jobs:
    """The jobs, in the same database as strategies and runs; to be closed."""
    from bowline.storage.jobs import Jobs

    return Jobs(_database(home))


def open_listings(home: Path) -> ListingStore:
    """What venues list and what is to be recorded, in the same database; to be closed."""
    from bowline.storage.listings import ListingStore

    return ListingStore(_database(home))


def open_tape(home: Path) -> Tape:
    """The recordings of trades and quotes: `BOWLINE_TAPE`, or a folder in `home`."""
    from bowline.storage.tape import Tape

    return Tape(tape_folder(home))


def tape_folder(home: Path) -> Path:
    """Where the tape lies."""
    from bowline.settings import load_settings

    return load_settings().tape or home / "tape"


def tape_lock(home: Path) -> AbstractContextManager[None]:
    """What the one recorder of a tape holds; Conflict if another does."""
    from bowline.storage.embedded.folder import make_folder
    from bowline.storage.embedded.sqlite_file import locked

    make_folder(folder := tape_folder(home))
    return locked(folder / "recorder.lock", f"another process records to {folder}")


@contextmanager
def deletion_stores(home: Path) -> Iterator[DeletionStores]:
    """The stores of `home`, for what is to be taken back."""
    from bowline.desk.deletes import DeletionStores
    from bowline.storage.embedded.sqlite_file import locked

    def hold_recorder() -> AbstractContextManager[object]:
        # no recorder was ever here where there is no folder
        return tape_lock(home) if tape_folder(home).is_dir() else nullcontext()

    with closing(open_tables(home)) as tables, closing(open_jobs(home)) as jobs:
        yield DeletionStores(
            home,
            open_candles(home),
            tables,
            jobs,
            lambda path: locked(Path(f"{path}.lock"), f"journal {path} has a writer"),
            hold_recorder,
        )


def open_bus() -> Bus:
    """The bus: Redis at `BOWLINE_BUS`, or this process's own."""
    from bowline.runtime.bus import MemoryBus
    from bowline.settings import load_settings

    url = load_settings().bus
    if url is None:
        return MemoryBus()
    if find_spec("redis") is None:
        raise BadInput(
            "BOWLINE_BUS names Redis, and redis is not installed",
            hint="in the checkout: make servers",
        )
    from bowline.runtime.bus.redis_streams import RedisBus

    return RedisBus(url.reveal())


def venues() -> VenueRegistry:
    """The venues, with the hosts and keys of the settings; to be used in an `async with`."""
    from bowline.settings import load_settings
    from bowline.venues.registry import registry_from_settings

    own = load_settings()
    shown = {
        name: each if isinstance(each, str) else each.reveal()
        for name, each in own.of_venues.items()
    }
    return registry_from_settings(shown, own.venues_url)


def open_trials(home: Path) -> Trials:
    """What every sweep tried, in the same database; to be closed."""
    from bowline.storage.trials import Trials

    return Trials(_database(home))


def _database(home: Path) -> Engine:
    """What the tables of `home` are in, migrated. The demonstration has its own file."""
    from bowline.settings import load_settings

    url = load_settings().database if home != demo_home() else None
    if url is None:
        from bowline.storage.embedded.sqlite_tables import migrated_sqlite_engine

        return migrated_sqlite_engine(home / "tables.db")
    if find_spec("pg8000") is None:
        raise BadInput(
            "BOWLINE_DATABASE names PostgreSQL, and pg8000 is not installed",
            hint="in the checkout: make servers",
        )
    from bowline.storage.servers.postgres_tables import postgres_engine

    return postgres_engine(url.reveal())


def spec_defaults() -> SpecDefaults:
    """Costs and limits that the settings give where a spec says nothing."""
    from bowline.core.signals import SpecDefaults
    from bowline.settings import load_settings

    own = load_settings()
    return SpecDefaults(own.fee_pct, own.slippage_pct, own.limits)


def max_lost_pct() -> Decimal | None:
    """The share of its candles that a result may have lost; None if the settings say nothing."""
    from bowline.settings import load_settings

    return load_settings().max_lost_pct


def grid_budget(max_variants: int | None, max_mib: int | None) -> SweepBudget:
    """What a sweep may take: as much as was said, else as the settings say."""
    from bowline.research.grid import SweepBudget
    from bowline.settings import load_settings

    own = load_settings()
    variants, mib = own.grid_max_variants, own.grid_max_mib
    return SweepBudget(
        variants if max_variants is None else max_variants,
        (mib if max_mib is None else max_mib) << 20,
    )


def plugin_folder() -> PluginFolder:
    """Where strategy plugins lie: `BOWLINE_STRATEGIES`, or `strategies` in the home."""
    from bowline.desk.plugins import PluginFolder
    from bowline.settings import load_settings

    settings = load_settings()
    folder = settings.strategies or settings.home / "strategies"
    return PluginFolder(folder, settings.home / "trusted_strategies.json")


def load_strategy_plugins() -> Strategies:
    """Every strategy plugin that may be used; running the code of the trusted ones."""
    from bowline.desk.plugins import load_plugins

    return load_plugins(plugin_folder())


def strategy_desk(home: Path) -> StrategyDesk:
    """What a person may do with the strategies saved in `home`; to be used in a `with`."""
    from bowline.desk.strategies import StrategyDesk

    return StrategyDesk(lambda: open_tables(home), load_catalogue, load_strategy_plugins)


def replay_feed(store: Candles, setup: Setup, speed: float | None) -> Feed:
    """The recorded minutes of a run, at `speed` times their own time; None is full speed."""
    from bowline.core.model.values import Timeframe
    from bowline.runtime import ReplayFeed

    end_ns = int(setup.candles.close_ns[-1])
    run = setup.run
    minutes = store.read(run.instrument.id, Timeframe.M1, run.start_ns, end_ns)
    return ReplayFeed(minutes, run.timeframe, speed)
