"""Telling senders, and dead.letters, which pings were refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np

from groundwork.metrics import Counter
from rideflow.columns.arrays import I64, Bytes2D
from rideflow.columns.rows import take_rows
from rideflow.contracts.driver_socket import Rejected, RejectReason
from rideflow.gateway.dead_letters import DeadLetterDesk
from rideflow.gateway.ping_checks import REASONS, reasons_of

if TYPE_CHECKING:
    from rideflow.gateway.conduit import Conduit
    from rideflow.gateway.ingest import TickRows

# Senders of garbage are told about so many frames a tick; the rest is counted, not spelt out.
TOLD_PER_TICK_MAX: Final = 100


class Refusals:
    """The way of refused pings: a message to the sender, a dead letter, a count."""

    def __init__(self, letters: DeadLetterDesk, refused_total: Counter) -> None:
        self._letters = letters
        self._refused_total = refused_total

    def whole_frame(self, conduit: Conduit, frame: bytes, number: int, *, now_ms: int) -> None:
        """Refuse a frame that is no whole number of pings, or too many."""
        rejected = Rejected(reason=RejectReason.ODD_FRAME, count=1, frame=number)
        self._refused_total.add()
        conduit.refuse(rejected)
        self._letters.write(conduit.source, rejected, frame, now_ms=now_ms)

    def tell(self, rows: TickRows, refused: I64, *, now_ms: int) -> None:
        """Refuse the pings of a tick whose indexes are in `refused`."""
        self._refused_total.add(len(refused))
        pings = take_rows(rows.pings, refused)
        reasons = reasons_of(pings, rows.speaks.take(refused), now_ms=now_ms)
        frames = rows.frame_of.take(refused)
        _count_down(rows.conduits, frames)
        for members in _groups(frames, reasons):
            first = members[0]
            frame = int(frames[first])
            rejected = Rejected(
                reason=REASONS[reasons[first]],
                count=len(members),
                frame=rows.frame_numbers[frame],
                driver=int(pings["driver"][first]),
                sequence=int(pings["sequence"][first]),
            )
            conduit = rows.conduits[frame]
            conduit.refuse(rejected)
            data = take_rows(pings, members).tobytes()
            self._letters.write(conduit.source, rejected, data, now_ms=now_ms)


def _count_down(conduits: list[Conduit], frames: I64) -> None:
    """Acknowledgements tell how many pings were accepted: these were not."""
    for frame, count in zip(*(a.tolist() for a in np.unique_counts(frames)), strict=True):
        conduits[frame].pings_sent -= count


def _groups(frames: I64, reasons: Bytes2D) -> Iterator[I64]:
    """Indexes of equal frame and reason, the first TOLD_PER_TICK_MAX groups."""
    keys = frames * len(REASONS) + reasons
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys.take(order))) + 1
    yield from np.split(order, starts)[:TOLD_PER_TICK_MAX]
