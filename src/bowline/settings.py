"""Settings: `BOWLINE_*` from the environment, checked when they are read.

A secret must never appear in a repr, a log line or an error text.
"""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_data_path
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(env_prefix="BOWLINE_", extra="forbid", frozen=True)

    home: Path = Field(default_factory=lambda: user_data_path("bowline", appauthor=False))
    #: a YAML file that narrows the indicator catalogue's bounds or disables entries
    indicators: Path | None = None


def load_settings() -> Settings:
    """The settings of this process."""
    return Settings()
