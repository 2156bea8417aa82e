"""Ingest: recording markets from their feeds, repairing gaps by REST, reporting health."""

from bowline.runtime.ingest.bus_publisher import BusPublisher
from bowline.runtime.ingest.candle_writer import CandleWriter
from bowline.runtime.ingest.health import Count, HealthReport, IngestHealth, InstrumentHealth
from bowline.runtime.ingest.ingest import CHANNELS, Ingest, IngestStores, RecordedMarket
from bowline.runtime.ingest.repair import CandleRepair, MissingRange, RepairResult

__all__ = [
    "CHANNELS",
    "BusPublisher",
    "CandleRepair",
    "CandleWriter",
    "Count",
    "HealthReport",
    "Ingest",
    "IngestHealth",
    "IngestStores",
    "InstrumentHealth",
    "MissingRange",
    "RecordedMarket",
    "RepairResult",
]
