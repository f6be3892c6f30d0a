"""Whatever order sends complete or fail in, an acknowledgement is never ahead of the log."""

import random

import pytest

from rideflow.contracts.driver_socket import Rejected
from rideflow.gateway.ack_book import AckBook, OpenTick
from rideflow.gateway.conduit import Conduit


class Source:
    """A conduit that remembers what it was told."""

    def __init__(self, owner: int) -> None:
        self.owner, self.source = owner, f"s{owner}"
        self.frames_sent = self.pings_sent = self.told = 0
        self.is_broken = False

    def acknowledge(self, frames: int, pings: int) -> None:
        assert not self.is_broken, "acknowledged after a failure"
        assert frames > self.told
        self.told = frames

    def refuse(self, rejected: Rejected) -> None: ...
    def log_failed(self, message: str) -> None: ...


@pytest.mark.parametrize("seed", range(50))
def test_acknowledgements_never_pass_a_frame_that_is_not_in_the_log(seed: int) -> None:
    rng, book = random.Random(seed), AckBook()
    sources = [Source(owner) for owner in range(4)]
    ticks: list[tuple[OpenTick, list[Source]]] = []
    open_parts: list[tuple[int, OpenTick]] = []

    for _ in range(60):
        if rng.random() < 0.5:
            chosen = rng.sample(sources, rng.randint(1, 4))
            for source in chosen:
                source.frames_sent += 1
            parts = rng.randint(0, 2)
            marks: dict[Conduit, tuple[int, int]] = {s: (s.frames_sent, 0) for s in chosen}
            tick = book.open_tick(marks, pings=len(chosen), parts=parts)
            ticks.append((tick, chosen))
            open_parts += [(len(ticks) - 1, tick)] * parts
        elif open_parts:
            _, tick = open_parts.pop(rng.randrange(len(open_parts)))
            book.part_done(tick, "away" if rng.random() < 0.1 else None)
        book.release()
        _check(ticks, sources)

    for _, tick in open_parts:
        book.part_done(tick, None)
    book.release()
    _check(ticks, sources)
    assert len(book) == 0


def _check(ticks: list[tuple[OpenTick, list[Source]]], sources: list[Source]) -> None:
    """Walk the frames of each source in order: all up to the acknowledged one are in the log."""
    for source in sources:
        for tick, _ in ticks:
            frames = tick.marks.get(source, (0, 0))[0]
            if 0 < frames <= source.told:
                assert tick.parts_left == 0
                assert tick.failure is None
