"""`bowline candles`: import, list, gaps, export."""

from __future__ import annotations

import typer

app = typer.Typer(help="Candles: import files, see what is stored, export.", no_args_is_help=True)
