"""The shell of `complaints`: writes what may be said about peers, with the clock of the broker."""

import logging

from groundwork.seams import Clock
from streamcore.broker.security.complaints import Complaints

logger = logging.getLogger(__name__)


class PeerJournal:
    """Lines about peers. `close_window` is to be called about once a second.

    However much is refused, there stays room for lines about connections that were cut.
    """

    def __init__(self, clock: Clock, *, lines_max: int) -> None:
        self._clock = clock
        self._cut = Complaints(lines_max=lines_max)
        self._refused = {
            level: Complaints(lines_max=lines_max) for level in (logging.WARNING, logging.INFO)
        }

    def warn(self, peer: str, host: str, kind: str, reason: str) -> None:
        """Say why a peer was cut, unless enough was said of its host lately."""
        if self._cut.may_be_said(host, kind, self._clock.monotonic_ms()):
            logger.warning("connection of %s closed: %s", peer, reason)

    def may_say_refused(self, host: str, kind: str, subject: str, *, level: int) -> bool:
        """Whether a refusal is to be said. If not, it has been counted."""
        now_ms = self._clock.monotonic_ms()
        return self._refused[level].may_be_said(host, kind, now_ms, subject=subject)

    def say_refused(self, request: str, reason: str, *, level: int) -> None:
        """Say why a request was refused, after `may_say_refused`."""
        logger.log(level, "refused %s: %s", request, reason)

    def close_window(self) -> None:
        for level, complaints in [(logging.WARNING, self._cut), *self._refused.items()]:
            left_out = complaints.close_window(self._clock.monotonic_ms())
            if left_out is not None:
                logger.log(level, "%s", left_out)
