"""Jobs: work in stages of chunks that survives its worker, on threads or on a cluster."""

from bowline.research.jobs.stage import Executor, Note, Parcel, Stage, Threads
from bowline.research.jobs.worker import (
    LEASE_NS,
    Bench,
    is_gone,
    run_leased,
    work,
    worker_name,
)

__all__ = [
    "LEASE_NS",
    "Bench",
    "Executor",
    "Note",
    "Parcel",
    "Stage",
    "Threads",
    "is_gone",
    "run_leased",
    "work",
    "worker_name",
]
