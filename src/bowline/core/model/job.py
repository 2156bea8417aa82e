"""The life of a job as one table: what it may become from where it is.

A job is worked on by one worker at a time, under a lease. Whatever becomes of the worker, the job
stays: what was finished of it is kept, chunk by chunk. A wish to cancel is the state cancelling.
"""

from __future__ import annotations

from enum import Enum

#: a job is parked when this many attempts in a row did not finish a single chunk
MAX_ATTEMPTS = 3


class JobState(Enum):
    """Where a job is. A parked one failed too often: a person must look at it."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    PARKED = "parked"
    DONE = "done"

    @property
    def finished(self) -> bool:
        """Whether no worker will touch it unless a person says so."""
        return self in (JobState.CANCELLED, JobState.PARKED, JobState.DONE)


_S = JobState
# fmt: off
JOB_TRANSITIONS: dict[JobState, tuple[JobState, ...]] = {
    _S.QUEUED:     (_S.RUNNING, _S.CANCELLED),
    # to running again: its worker vanished and another one takes it up
    _S.RUNNING:    (_S.RUNNING, _S.QUEUED, _S.CANCELLING, _S.PARKED, _S.DONE),
    # to done: the wish came after the last chunk
    _S.CANCELLING: (_S.CANCELLED, _S.DONE),
    _S.CANCELLED:  (_S.QUEUED,),
    _S.PARKED:     (_S.QUEUED,),
    _S.DONE:       (),
}
# fmt: on


def leads_to(state: JobState) -> tuple[JobState, ...]:
    """The states from which a job can become `state`."""
    return tuple(start for start, ends in JOB_TRANSITIONS.items() if state in ends)
