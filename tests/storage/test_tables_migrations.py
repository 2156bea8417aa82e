"""The steps lead up, down and up again to exactly the tables the code works with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from bowline.core.errors import Conflict, Damaged
from bowline.storage import migrations
from bowline.storage.embedded.sqlite_tables import migrated_sqlite_engine, sqlite_engine
from bowline.storage.migrations.steps import to_revision
from bowline.storage.schema import metadata
from bowline.storage.tables import Tables


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = sqlite_engine(tmp_path / "tables.db")
    yield made.execution_options(writes=True)
    made.dispose()


def schema_of(engine: sa.Engine) -> dict[str, str]:
    """Every table and index as SQLite remembers it, alembic's own apart."""
    with engine.connect() as db:
        rows = db.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: sql for name, sql in rows if not name.startswith(("alembic", "sqlite"))}


def test_up_down_and_up_again_is_the_same_schema(engine: sa.Engine) -> None:
    migrations.migrate(engine)
    first = schema_of(engine)
    assert {"strategies", "runs", "run_events"} <= set(first)
    with engine.begin() as connection:
        to_revision(connection, "base")
    assert schema_of(engine) == {}
    migrations.migrate(engine)
    assert schema_of(engine) == first


def test_the_steps_lead_to_the_tables_of_the_code(engine: sa.Engine) -> None:
    migrations.migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_the_head_in_the_code_is_the_newest_step() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


def test_tables_of_a_newer_bowline_are_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    Tables(migrated_sqlite_engine(path)).close()
    engine = sqlite_engine(path)
    with engine.begin() as db:
        db.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    before = schema_of(engine)
    with pytest.raises(
        Conflict, match="revision 9999, this Bowline knows revisions up to"
    ) as error:
        Tables(migrated_sqlite_engine(path))
    assert "version of Bowline" in error.value.hint
    assert schema_of(engine) == before
    engine.dispose()


def test_a_kill_at_any_statement_leaves_the_tables_as_they_were(engine: sa.Engine) -> None:
    """The connection dies in the middle of the migration, at each statement in turn."""
    for survived in range(1, 40):
        done = 0

        def count(*_: object, limit: int = survived) -> None:
            nonlocal done
            done += 1
            if done > limit:
                raise KeyboardInterrupt

        sa.event.listen(engine, "before_cursor_execute", count)
        try:
            with engine.begin() as connection:
                to_revision(connection, migrations.HEAD)
        except KeyboardInterrupt:
            sa.event.remove(engine, "before_cursor_execute", count)
            assert schema_of(engine) == {}
        else:
            sa.event.remove(engine, "before_cursor_execute", count)
            break
    assert survived > 8
    assert migrations.revision(engine) == migrations.HEAD


def test_two_processes_that_start_at_once_both_find_the_tables(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "from bowline.storage.embedded.sqlite_tables import migrated_sqlite_engine;"
        "from bowline.storage.tables import Tables;"
        "store = Tables(migrated_sqlite_engine(Path(sys.argv[1])));"
        "store.save_strategy('a' * 64, 'n', 'o', '{}', 1); store.close()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "tables.db")]
    children = [subprocess.Popen(command) for _ in range(2)]
    assert [child.wait(60) for child in children] == [0, 0]


def test_tables_that_are_up_to_date_open_without_alembic(tmp_path: Path) -> None:
    """Importing alembic costs more than everything else a short command does."""
    path = tmp_path / "tables.db"
    Tables(migrated_sqlite_engine(path)).close()
    code = (
        "import sys; from pathlib import Path;"
        "from bowline.storage.embedded.sqlite_tables import migrated_sqlite_engine;"
        "from bowline.storage.tables import Tables;"
        "Tables(migrated_sqlite_engine(Path(sys.argv[1]))).close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=True)
    assert done.stdout.strip() == b"False"


def test_amounts_and_times_have_exact_types_in_both_dialects() -> None:
    """PostgreSQL gets NUMERIC(38, 18) and BIGINT, SQLite gets TEXT: never a float."""
    runs = metadata.tables["runs"]
    in_postgresql = str(CreateTable(runs).compile(dialect=postgresql.dialect()))
    assert "initial_cash NUMERIC(38, 18) NOT NULL" in in_postgresql
    assert "created_ns BIGINT NOT NULL" in in_postgresql
    assert "id BIGSERIAL NOT NULL" in in_postgresql
    in_sqlite = str(CreateTable(runs).compile(dialect=sqlite.dialect()))
    assert "initial_cash TEXT NOT NULL" in in_sqlite
    assert "PRIMARY KEY AUTOINCREMENT" in in_sqlite


def test_the_file_is_in_wal_mode_and_keeps_foreign_keys(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "tables.db")
    with engine.connect() as db:
        assert db.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert db.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    path.write_text("not a database" * 100)
    with pytest.raises(Damaged, match="cannot be read: file is not a database"):
        Tables(migrated_sqlite_engine(path))
    path.unlink()
    path.mkdir()
    with pytest.raises(Conflict, match="cannot be reached"):
        Tables(migrated_sqlite_engine(path))
