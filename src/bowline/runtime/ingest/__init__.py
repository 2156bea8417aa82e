"""Ingest: markets recorded from their feeds, made whole by REST, and said how it goes."""

from bowline.runtime.ingest.health import Count, HealthReport, IngestHealth, InstrumentHealth
from bowline.runtime.ingest.ingest import CHANNELS, Ingest, Kept, RecordedMarket
from bowline.runtime.ingest.intake import Intake
from bowline.runtime.ingest.publish import Publisher
from bowline.runtime.ingest.repair import Missing, Repair, Repaired

__all__ = [
    "CHANNELS",
    "Count",
    "HealthReport",
    "Ingest",
    "IngestHealth",
    "InstrumentHealth",
    "Intake",
    "Kept",
    "Missing",
    "Publisher",
    "RecordedMarket",
    "Repair",
    "Repaired",
]
