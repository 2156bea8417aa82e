"""Jobs: work in stages of chunks that survives a killed worker, on threads or on a cluster."""

from bowline.research.jobs.local_executor import LocalExecutor
from bowline.research.jobs.stage import ChunkExecutor, ChunkSummary, Stage, StagePackage
from bowline.research.jobs.worker import (
    LEASE_NS,
    WorkerContext,
    is_gone,
    run_leased,
    work,
    worker_name,
)

__all__ = [
    "LEASE_NS",
    "ChunkExecutor",
    "ChunkSummary",
    "LocalExecutor",
    "Stage",
    "StagePackage",
    "WorkerContext",
    "is_gone",
    "run_leased",
    "work",
    "worker_name",
]
