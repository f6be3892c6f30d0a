"""The shell of `complaints`: writes what may be said about peers, with the clock of the broker."""

import logging

from groundwork.seams import Clock
from streamcore.broker.security.complaints import Complaints

logger = logging.getLogger(__name__)


class PeerJournal:
    """Warnings about peers. `close_window` is to be called about once a second."""

    def __init__(self, clock: Clock, *, lines_max: int) -> None:
        self._clock = clock
        self._complaints = Complaints(lines_max=lines_max)

    def warn(self, peer: str, host: str, kind: str, reason: str) -> None:
        """Say why a peer was cut or refused, unless enough was said of its host lately."""
        if self._complaints.may_be_said(host, kind, self._clock.monotonic_ms()):
            logger.warning("connection of %s closed: %s", peer, reason)

    def close_window(self) -> None:
        left_out = self._complaints.close_window(self._clock.monotonic_ms())
        if left_out is not None:
            logger.warning("%s", left_out)
