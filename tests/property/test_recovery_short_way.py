"""Recovery's short way over plain batches finds what the long way finds, whatever is there."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.partition.history import PartitionHistory
from streamcore.record.batch import TRANSACTIONAL_BIT, read_header, sealed
from streamcore.record.control import Marker, MarkerType, encode_marker
from streamcore.record.places import Offset
from streamcore.storage.compaction.checkpoint import CleanedUpTo, write_cleaned
from streamcore.storage.paths import segment_path
from streamcore.storage.plain_batches import PlainBatches
from streamcore.storage.recovery import open_log
from streamcore.storage.segment import Segment
from tests.support.simulated_broker import batch_of

FOLDER = "t/0"
GAPS_BELOW = 20
NOBODY = -1

steps = st.one_of(
    st.tuples(st.just("data"), st.sampled_from([NOBODY, NOBODY, 7, 8, 9]), st.integers(1, 3)),
    st.tuples(st.just("in transaction"), st.sampled_from([7, 8]), st.integers(1, 3)),
    st.tuples(st.just("marker"), st.sampled_from([7, 8]), st.sampled_from(list(MarkerType))),
    st.tuples(st.just("empty"), st.sampled_from([NOBODY, 7]), st.just(1)),
    st.tuples(st.just("gap"), st.just(NOBODY), st.integers(1, 2)),
    st.tuples(st.just("epoch"), st.just(NOBODY), st.just(1)),
)


class Writing:
    """Batches as a leader would have left them, with or without what a cleaner took out."""

    def __init__(self) -> None:
        self.batches: list[bytes] = []
        self.next_offset = 0
        self.leader_epoch = 0
        self.sequences: dict[int, int] = {}

    def play(self, kind: str, producer_id: int, much: int) -> None:
        if kind == "gap":
            self.next_offset += much
        elif kind == "epoch":
            self.leader_epoch += 1
        elif kind == "marker":
            marker = Marker(MarkerType(much), 0)
            self._add(
                encode_marker(marker, producer_id=producer_id, producer_epoch=0, timestamp_ms=1)
            )
        else:
            self._add(self._data(kind, producer_id, much))

    def _data(self, kind: str, producer_id: int, count: int) -> bytes:
        sequence = self.sequences.get(producer_id, 0)
        self.sequences[producer_id] = sequence + count
        batch = batch_of(
            *[b"value"] * count,
            timestamp=1000 * (self.next_offset % 5),
            producer_id=producer_id,
            producer_epoch=0 if producer_id >= 0 else -1,
            base_sequence=sequence if producer_id >= 0 else -1,
            attributes=TRANSACTIONAL_BIT if kind == "in transaction" else 0,
        )
        return (
            sealed(read_header(batch)._replace(record_count=0), b"") if kind == "empty" else batch
        )

    def _add(self, batch: bytes) -> None:
        header = read_header(batch)._replace(
            base_offset=self.next_offset, leader_epoch=self.leader_epoch
        )
        self.batches.append(sealed(header, batch[61:]))
        self.next_offset = header.next_offset


def opened(data: bytes) -> tuple[Any, ...]:
    """All that a start knows of a log with this one segment."""
    disk = SimulatedDirectory()
    disk.open_append(segment_path(FOLDER, 0)).append([data])
    write_cleaned(disk, FOLDER, CleanedUpTo(Offset(0), Offset(GAPS_BELOW)))
    history = PartitionHistory(producers_max=10)
    log, report = open_log(disk, FOLDER, checkpoint=None, now_ms=0, reader=history)
    (segment,) = log.segments
    return (
        (segment.size, segment.next_offset, segment.newest_timestamp, segment.index.encoded()),
        segment.aborted,
        history.producers.snapshot(),
        dict(history.producers.open_transactions),
        history.epochs.rows(),
        report,
    )


@given(played=st.lists(steps, min_size=1, max_size=40), data=st.data())
def test_both_ways_know_the_same_of_any_log(
    played: Sequence[tuple[str, int, int]], data: st.DataObject
) -> None:
    writing = Writing()
    for step in played:
        writing.play(*step)
    log = bytearray(b"".join(writing.batches))
    if log and data.draw(st.booleans(), "is damaged"):
        log[data.draw(st.integers(0, len(log) - 1), "at")] ^= data.draw(st.integers(1, 255), "by")
    if data.draw(st.booleans(), "is torn"):
        del log[data.draw(st.integers(0, len(log)), "up to") :]
    by_the_short_way = opened(bytes(log))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlainBatches, "take", lambda *_, **__: 0)
        assert opened(bytes(log)) == by_the_short_way


def test_the_short_way_is_taken_by_plain_batches_alone() -> None:
    """Or the comparison above would be one of the long way with itself."""
    writing = Writing()
    for step in [("data", NOBODY, 2), ("data", 7, 1), ("in transaction", 8, 1), ("data", 9, 1)]:
        writing.play(*step)
    segment = Segment(FOLDER, Offset(0), SimulatedDirectory().open_append("segment"))
    plain = PlainBatches(segment)
    taken = plain.take(memoryview(b"".join(writing.batches)), leader_epoch=0)
    assert taken == sum(map(len, writing.batches[:2]))
    assert (segment.size, segment.next_offset) == (taken, 3)
    assert [header.producer_id for header in plain.told()] == [7]
    assert list(plain.told()) == []
