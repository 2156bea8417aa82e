"""The life of a run as one table: what it may become from where it is.

A stopped or failed run may be started again; nothing else goes back but a stop that is withdrawn.
"""

from __future__ import annotations

from enum import Enum


class RunState(Enum):
    """Where a run is."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def finished(self) -> bool:
        """Whether nothing works on it any more."""
        return self in (RunState.STOPPED, RunState.FAILED)


_S = RunState
# fmt: off
RUN_TRANSITIONS: dict[RunState, tuple[RunState, ...]] = {
    _S.STARTING: (_S.RUNNING, _S.STOPPING, _S.FAILED),
    _S.RUNNING:  (_S.STOPPING, _S.FAILED),
    _S.STOPPING: (_S.STOPPED, _S.RUNNING, _S.FAILED),
    _S.STOPPED:  (_S.STARTING,),
    _S.FAILED:   (_S.STARTING,),
}
# fmt: on
