"""The contract of a dialect: what makes a simulated venue speak as a real one does.

    a dialect        says                                            the framework does
    ───────────────────────────────────────────────────────────────────────────────────────────
    routes           method, path, handler, whether it is private    match, parse, respond
    quotas           how much weight a bucket allows in what window  count
    quota_headers    headers of a quota, the error if exceeded       call it for every request
    authenticate     the account, if key, signature and time hold    call it before private handlers
    render_error     an error in the venue's form and status         call it for every `ApiError`
    endpoints        WebSocket paths, and what a message asks for    accept, queue, ping, close
    initial_frames   the first frames of a topic                     send them to the new subscriber
    render_update    the frames that an update is for a topic        send them to all subscribers

Dialects share mechanics and no wording. One must never touch a socket, a clock or another dialect;
it reads and changes its `SimulatedVenue` and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bowline.simex.request_quotas import QuotaUsage
from bowline.simex.session import FrameRenderer, WebSocketEndpoint
from bowline.simex.venue import VenueProfile
from bowline.simex.venue_api import ApiCall, ApiError, Response, Route


class Dialect(VenueProfile, FrameRenderer, Protocol):
    """One venue's API, spot and linear together."""

    @property
    def routes(self) -> Sequence[Route]:
        """REST."""

    @property
    def endpoints(self) -> Sequence[WebSocketEndpoint]:
        """WebSocket."""

    def authenticate(self, call: ApiCall) -> str:
        """The account whose key signed this in time; ApiError otherwise."""

    def wrap_result(self, call: ApiCall, answer: object) -> Response:
        """What a handler returned, in the venue's envelope."""

    def unknown_path_error(self, call: ApiCall) -> ApiError:
        """The venue's error for a path that it does not have."""

    def maintenance_error(self) -> ApiError:
        """The venue's error for every call during maintenance."""

    def render_error(self, call: ApiCall, error: ApiError) -> Response:
        """An error in the venue's form."""

    def quota_headers(self, route: Route, usage: QuotaUsage) -> dict[str, str]:
        """The headers that tell a quota's state; ApiError if it is exceeded."""
