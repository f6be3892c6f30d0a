"""Which frames may be acknowledged: cumulative, in order, and never past a failure.

A tick may go to the log in two sends (live pings and backlog), and the two lanes complete
independently. A cumulative acknowledgement is true only if everything before it is in the
log, so ticks are released strictly in the order in which they were made; a tick that failed
breaks the conduits that it held, and a broken conduit is never acknowledged again.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from rideflow.gateway.conduit import Conduit

Marks = Mapping[Conduit, tuple[int, int]]
"""Of each conduit in a tick: frames and pings sent since its start, this tick included."""


@dataclass(slots=True, kw_only=True)
class OpenTick:
    """A tick that the log has not acknowledged in full."""

    marks: Marks
    pings: int
    parts_left: int
    failure: str | None = None


class AckBook:
    """Opens ticks and releases them in order."""

    def __init__(self) -> None:
        self._open: deque[OpenTick] = deque()
        self.pings_acknowledged = 0

    def __len__(self) -> int:
        return len(self._open)

    def open_tick(self, marks: Marks, *, pings: int, parts: int) -> OpenTick:
        """Note a tick that is about to be sent in `parts` sends. Without any it is done."""
        tick = OpenTick(marks=marks, pings=pings, parts_left=parts)
        self._open.append(tick)
        return tick

    def part_done(self, tick: OpenTick, failure: str | None) -> None:
        """A send of the tick has completed."""
        tick.parts_left -= 1
        if failure is not None:
            tick.failure = failure

    def release(self) -> bool:
        """Acknowledge all ticks up to the first that is not done. Return whether any failed."""
        any_failed = False
        while self._open and self._open[0].parts_left == 0:
            tick = self._open.popleft()
            if tick.failure is None:
                self._acknowledge(tick)
            else:
                any_failed = True
                self._break(tick, tick.failure)
        return any_failed

    def _acknowledge(self, tick: OpenTick) -> None:
        self.pings_acknowledged += tick.pings
        for conduit, (frames, pings) in tick.marks.items():
            if not conduit.is_broken:
                conduit.acknowledge(frames, pings)

    def _break(self, tick: OpenTick, failure: str) -> None:
        for conduit in tick.marks:
            if not conduit.is_broken:
                conduit.is_broken = True
                conduit.log_failed(failure)
