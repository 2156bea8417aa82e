"""The one file that chooses: which store, which feed, which venue, which clock.

Nothing else in Bowline may ask which life it is in. Every function here builds one part from the
settings and hands it over; no rule of trading may live here.
"""

from __future__ import annotations

from pathlib import Path


def home() -> Path:
    """Where everything Bowline keeps lies: `BOWLINE_HOME`, or the platform's user data folder."""
    from bowline.settings import load_settings

    return load_settings().home
