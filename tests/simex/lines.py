"""Streams of a simulated venue without a network: frames in, and what waits to go out."""

from __future__ import annotations

import contextlib
import gzip
import re
from typing import Any

from bowline.simex import DIALECTS, FaultInjector
from bowline.simex.session import Session
from bowline.simex.venue import SimulatedVenue

#: what stands for a part of a endpoint's path
PATH_PARAMS = {"market": "linear", "settle": "usdt", "endpoint": "private"}


class Socket:
    """A line on which everything that is sent arrives."""

    closed = False


def opened(venue: SimulatedVenue, endpoint: str) -> Session:
    dialect = DIALECTS[venue.name]()
    found = next(each for each in dialect.endpoints if each.path == endpoint)
    parts = {name: PATH_PARAMS.get(name, "x") for name in re.findall(r"{(\w+)}", endpoint)}
    line: Any = Socket()
    return Session(
        venue=venue,
        renderer=dialect,
        endpoint=found,
        socket=line,
        transport=None,
        number=1,
        faults=FaultInjector(),
        path_params=parts,
        query={},
        host="127.0.0.1",
    )


def told(session: Session) -> list[str]:
    """What waits to go out, in its turn, as text."""
    frames = []
    while not session._outbox.empty():
        frame = session._outbox.get_nowait()
        if isinstance(frame, bytes):
            with contextlib.suppress(gzip.BadGzipFile, EOFError):
                frame = gzip.decompress(frame)
            frame = frame.decode("utf-8", "replace")
        frames.append(str(frame))
    return frames


def heard(venue: SimulatedVenue, endpoint: str, frame: str | bytes) -> tuple[Session, list[str]]:
    """A stream that was just opened and got one frame, and what it said to it."""
    session = opened(venue, endpoint)
    session.endpoint.on_message(session, frame)
    session.unsubscribe_all()
    return session, told(session)
