"""`bowline doctor`: what is configured, what is missing, what to do. It changes no setting.

It opens what other commands open, so a candle store that does not exist yet is created. In a home
whose restore was interrupted it opens nothing. Secrets are removed from every line.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from bowline.cli.output import JSON_HELP, emit_json, emit_table

if TYPE_CHECKING:
    from bowline.desk.checkup import HealthCheck
    from bowline.settings import Settings

app = typer.Typer()

_BUS_SECONDS = 5


@app.command("doctor")
def doctor(as_json: bool = typer.Option(False, "--json", help=JSON_HELP)) -> None:
    """Check the configuration and report what is missing."""
    from msgspec.structs import replace

    from bowline.core.errors import BadInput
    from bowline.desk.checkup import CheckStatus, HealthCheck, package_checks, python_check
    from bowline.logs import Redactor
    from bowline.settings import load_settings

    checks = [python_check(), *package_checks()]
    secrets: frozenset[str] = frozenset()
    try:
        settings = load_settings()
    except BadInput as error:
        checks += [
            HealthCheck("settings", CheckStatus.FAIL, line, error.hint) for line in error.problems
        ]
    else:
        secrets = settings.secrets
        checks += _configured(settings)
    clean = Redactor(secrets).clean
    checks = [replace(check, finding=clean(check.finding)) for check in checks]
    failed = any(check.state is CheckStatus.FAIL for check in checks)
    if as_json:
        emit_json({"ok": not failed, "checks": checks})
    else:
        lines = [(check.state.value, check.name, _with_hint(check)) for check in checks]
        emit_table(("", "check", "finding and remedy"), lines)
    if failed:
        raise typer.Exit(1)


def _with_hint(check: HealthCheck) -> str:
    return check.finding + (f"\n→ {check.hint}" if check.hint else "")


def _configured(settings: Settings) -> Iterator[HealthCheck]:
    from bowline import wire
    from bowline.desk.checkup import (
        CheckStatus,
        HealthCheck,
        attempt,
        exposed_check,
        home_checks,
        secret_file_checks,
    )
    from bowline.desk.restore import unfinished
    from bowline.settings import secret_files, shown_settings

    shown = shown_settings(settings)
    listed = ", ".join(f"{name}={value}" for name, value in shown.items())
    yield HealthCheck("settings", CheckStatus.OK, listed or "all defaults")
    yield from secret_file_checks(secret_files())
    yield HealthCheck("logs", CheckStatus.OK, _logs(settings))
    home = settings.home
    yield from home_checks(home)
    kept = (home, home / "journals", wire.tape_folder(home), settings.log_file)
    yield exposed_check([place for place in kept if place is not None])
    yield attempt("bus", lambda: _bus(settings))
    if unfinished(home) is None:
        yield attempt("candle store", lambda: _candle_store(settings))
        yield attempt("runs", lambda: _runs(settings))
    yield attempt("TA-Lib", _ta_lib)
    yield attempt("indicators", lambda: f"{len(wire.load_catalogue().ids())} in the catalogue")
    yield _plugins()


def _logs(settings: Settings) -> str:
    form = settings.log_format
    if form == "auto":
        form = "text, stderr is a terminal" if sys.stderr.isatty() else "json, stderr is redirected"
    also = f", also to {settings.log_file}" if settings.log_file else ""
    return f"{settings.log_level} and above as {form}{also}"


def _candle_store(settings: Settings) -> str:
    from bowline import wire

    if settings.candles is None and not settings.home.exists():
        return "none yet: the first import creates it"
    covered = wire.open_candles(settings.home).coverage()
    candles = sum(each.candles for each in covered)
    return f"{len(covered)} instruments, {candles:,} candles"


def _bus(settings: Settings) -> str:
    """A request that changes nothing, to see whether the server answers."""
    import asyncio

    from bowline import wire
    from bowline.core.errors import Conflict
    from bowline.runtime.bus import topic

    if settings.bus is None:
        return "in memory: not shared with other processes"

    async def ask() -> None:
        bus = wire.open_bus()
        try:
            async with asyncio.timeout(_BUS_SECONDS):
                await bus.dead_letters(topic("market.raw"))
        except TimeoutError:
            raise Conflict(
                f"the bus does not answer within {_BUS_SECONDS} s",
                hint="check that the Redis server of BOWLINE_BUS is running and reachable",
            ) from None
        finally:
            await bus.close()

    asyncio.run(ask())
    return "answers"


def _runs(settings: Settings) -> str:
    from contextlib import closing

    from bowline import wire
    from bowline.desk.journal import journal_path, runs_with_journal
    from bowline.desk.journal_end import refuse_cut

    home = settings.home
    if settings.database is None and not home.exists():
        return "none yet"
    wire.open_tables(home).close()
    ends = wire.journal_ends(home)
    entries = []
    for number in runs_with_journal(home):
        with closing(wire.open_journal(journal_path(home, number), read_only=True)) as journal:
            refuse_cut(number, ends.get(number), journal)
            entries.append(journal.last_seq)
    return f"{len(ends)} known, {len(entries)} with a journal, {sum(entries):,} entries"


def _plugins() -> HealthCheck:
    from bowline import wire
    from bowline.desk.checkup import CheckStatus, HealthCheck, attempt

    failures: list[str] = []

    def look() -> str:
        plugins = wire.load_strategy_plugins()
        failures.extend(str(fault) for fault in plugins.failures)
        return f"{len(list(plugins))} loaded, {len(failures)} not"

    check = attempt("plugins", look)
    if failures:
        return HealthCheck(
            check.name, CheckStatus.WARN, check.finding, "see why: bowline strategy plugins"
        )
    return check


def _ta_lib() -> str:
    """A known mean, computed by the C library."""
    import numpy as np

    from bowline.core.errors import Damaged
    from bowline.core.signals import ta_lib

    (found,) = ta_lib.run("SMA", np.array([1.0, 2.0, 6.0]), 3)
    if found[-1] != 3.0:  # noqa: PLR2004 - (1 + 2 + 6) / 3
        raise Damaged(f"the mean of 1, 2 and 6 came out as {found[-1]}", hint="reinstall ta-lib")
    return "computes correctly"
