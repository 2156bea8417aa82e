"""The one file that chooses: which store, which feed, which venue, which clock.

Nothing else in Bowline may ask which life it is in. Every function here builds one part from the
settings and hands it over; no rule of trading may live here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bowline.core.errors import BadInput, NotFound

if TYPE_CHECKING:
    from bowline.core.signals import Catalogue
    from bowline.storage.candles import Candles
    from bowline.storage.journal import Journal
    from bowline.storage.tables import Tables


def home() -> Path:
    """Where everything Bowline keeps lies: `BOWLINE_HOME`, or the platform's user data folder."""
    from bowline.settings import load_settings

    return load_settings().home


def open_journal(path: Path, *, read_only: bool = False) -> Journal:
    """The journal in the file at `path`, made if there is none; it must be closed.

    There is one writer at a time (Conflict) and any number of readers.
    """
    from bowline.storage.embedded.sqlite_journal import SqliteJournal

    return SqliteJournal(path, read_only=read_only)


def open_candles(home: Path) -> Candles:
    """The candle store: `BOWLINE_CANDLES`, or a DuckDB file under `home`; made if there is none."""
    from bowline.settings import load_settings

    url = load_settings().candles
    scheme, _, rest = (url.reveal() if url else f"duckdb://{home / 'candles.duckdb'}").partition(
        "://"
    )
    store: Candles
    if scheme == "duckdb":
        from bowline.storage.embedded.duckdb_candles import DuckDBCandles

        store = DuckDBCandles(Path(rest))
    else:
        from bowline.storage.servers.clickhouse_candles import connect_clickhouse

        store = connect_clickhouse(f"{scheme}://{rest}")
    store.migrate()
    return store


def load_catalogue() -> Catalogue:
    """The packaged indicator catalogue, narrowed by the file `BOWLINE_INDICATORS` if it is set."""
    from importlib.resources import files

    from bowline.core.signals import Catalogue
    from bowline.settings import load_settings

    folder = files("bowline.core.signals") / "entries"
    entries: list[object] = []
    for part in sorted(folder.iterdir(), key=lambda each: each.name):
        if part.name.endswith(".yaml"):
            entries.extend(_read_yaml(part.read_text(encoding="utf-8"), part.name)["indicators"])
    catalogue = Catalogue.build({"indicators": entries})
    own = load_settings().indicators
    if own is None:
        return catalogue
    try:
        text = own.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFound(
            f"cannot read the indicator bounds {own}: {error.strerror}",
            hint="BOWLINE_INDICATORS must name a readable YAML file, or be unset",
        ) from error
    return catalogue.narrow(_read_yaml(text, str(own)))


def _read_yaml(text: str, name: str) -> dict[str, Any]:
    import yaml

    try:
        # the C loader: the catalogue is on the path of every backtest
        document = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise BadInput(f"{name} is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise BadInput(f"{name} is not a mapping", hint="expected a document with 'indicators:'")
    return document


def open_tables(home: Path) -> Tables:
    """Strategies and runs in `home`, migrated; to be closed. Conflict if they are too new."""
    from bowline.storage.embedded.sqlite_tables import open_sqlite_tables

    return open_sqlite_tables(home / "tables.db")
