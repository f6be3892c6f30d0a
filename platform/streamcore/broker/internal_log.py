"""A topic of the broker's own: a coordinator appends what it has decided, and reads it back
at start. It is made when it is first needed, and compacted by key.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from groundwork.seams import Clock
from streamcore.broker.append_round import AppendRound
from streamcore.broker.topics import Topic, TopicCatalogue
from streamcore.partition.replica import Placement, Replica
from streamcore.record.batch import (
    HEADER_SIZE,
    NO_PRODUCER_ID,
    TRANSACTIONAL_BIT,
    BatchFault,
    BatchHeader,
    checked_header,
    read_header,
)
from streamcore.record.java_hash import partition_of_name
from streamcore.record.places import Offset
from streamcore.record.records import Record, encode_batch, read_records
from streamcore.storage.failures import SegmentCorrupt, StorageFailed
from streamcore.wire.error_codes import ErrorCode

logger = logging.getLogger(__name__)

ENTRIES_PER_BATCH: Final = 500
# A batch ends with the entry that makes it so large: it stays below what the topic takes.
BATCH_BYTES: Final = 1 << 20
READ_BYTES: Final = 4 << 20
TOPIC_CONFIGS: Final = {
    "cleanup.policy": "compact",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "segment.bytes": str(1 << 20),
    "max.message.bytes": str(16 << 20),
}


class Entry(NamedTuple):
    """What is to be written under a key. A value of None forgets the key."""

    key: bytes
    value: bytes | None


class Writer(NamedTuple):
    """In which producer's transaction entries are written."""

    producer_id: int
    epoch: int


class InternalBatch(NamedTuple):
    """A batch that was read back: of entries, or of a marker."""

    partition: int
    header: BatchHeader
    records: list[Record]
    data: memoryview


OnWritten = Callable[[Sequence[Offset] | None], None]
"""Told the offsets of the entries, or None when not all of them are in the log."""


class InternalLog:
    """Appends entries, all of one append to the partition of one name."""

    def __init__(
        self,
        name: str,
        *,
        partition_count: int,
        clock: Clock,
        topics: TopicCatalogue,
        appends: AppendRound,
    ) -> None:
        self.name = name
        self._partition_count = partition_count
        self._clock = clock
        self._topics = topics
        self._appends = appends

    def topic(self) -> Topic:
        """Return the topic, made where missing. Raises `OSError`."""
        return self._topics.find(self.name) or self._topics.create(
            self.name, partition_count=self._partition_count, configs=TOPIC_CONFIGS
        )

    def replicas(self) -> Sequence[Replica]:
        """Return the topic's partitions; none before it is made."""
        topic = self._topics.find(self.name)
        return () if topic is None else topic.replicas

    def partition_of(self, name: str) -> int:
        return partition_of_name(name, len(self.replicas()) or self._partition_count)

    def append(
        self,
        entries: Iterable[tuple[str, Entry]],
        on_written: OnWritten,
        *,
        writer: Writer | None = None,
    ) -> None:
        """Write entries, each to the partition of the name beside it.

        `on_written` is called once, at the end of this tick or later.
        """
        try:
            topic = self.topic()
        except OSError as error:
            logger.error("%s cannot be made: %s", self.name, error)  # noqa: TRY400  # one line: the disk's own words say it all
            on_written(None)
            return
        staged = self._stage_all(topic, entries, writer)

        def on_kept(is_kept: bool) -> None:
            is_whole = is_kept and all(placement.error is ErrorCode.NONE for placement, _ in staged)
            if is_whole:
                on_written([Offset(placed.base_offset + index) for placed, index in staged])
            else:
                on_written(None)

        self._appends.when_kept(on_kept)

    def _stage_all(
        self, topic: Topic, entries: Iterable[tuple[str, Entry]], writer: Writer | None
    ) -> list[tuple[Placement, int]]:
        """Stage batches; return for each entry its batch's placement and its index there."""
        numbered = list(enumerate(entries))
        by_replica: dict[Replica, list[tuple[int, Entry]]] = {}
        for number, (name, entry) in numbered:
            replica = topic.replicas[partition_of_name(name, len(topic.replicas))]
            by_replica.setdefault(replica, []).append((number, entry))
        staged: dict[int, tuple[Placement, int]] = {}
        for replica, of_replica in by_replica.items():
            for some in _batches_for(of_replica):
                placement = self.stage(replica, [entry for _, entry in some], writer)
                for index, (number, _) in enumerate(some):
                    staged[number] = placement, index
        return [staged[number] for number, _ in numbered]

    def stage(
        self, replica: Replica, entries: Sequence[Entry], writer: Writer | None = None
    ) -> Placement:
        """Stage one batch; the refusal of one that is too large is in the placement."""
        now_ms = self._clock.now_ms()
        records = [Record(timestamp=now_ms, key=key, value=value) for key, value in entries]
        batch = encode_batch(
            records,
            attributes=TRANSACTIONAL_BIT if writer else 0,
            producer_id=writer.producer_id if writer else NO_PRODUCER_ID,
            producer_epoch=writer.epoch if writer else -1,
        )
        if len(batch) > replica.limits.message_bytes_max:
            logger.error("%s refused a batch of %d bytes", self.name, len(batch))
            return Placement(error=ErrorCode.MESSAGE_TOO_LARGE)
        return self._appends.stage_own(replica, batch)

    def read(self) -> Iterator[InternalBatch]:
        """Yield what is in the log, partition by partition, in order.

        A batch with damaged records is passed over; behind one with a damaged header nothing
        can be found. Both are said in the journal.
        """
        for partition, replica in enumerate(self.replicas()):
            yield from _batches_of(partition, replica)


def _batches_for(numbered: Sequence[tuple[int, Entry]]) -> Iterator[list[tuple[int, Entry]]]:
    """Cut entries into what fits into a batch each."""
    some: list[tuple[int, Entry]] = []
    size = 0
    for number, entry in numbered:
        some.append((number, entry))
        size += len(entry.key) + len(entry.value or b"")
        if len(some) == ENTRIES_PER_BATCH or size >= BATCH_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _batches_of(partition: int, replica: Replica) -> Iterator[InternalBatch]:
    folder = replica.log.folder
    try:
        for header, batch in _raw_batches(replica):
            try:
                checked_header(batch)
                yield InternalBatch(partition, header, list(read_records(batch)), batch)
            except BatchFault as fault:
                logger.error(  # noqa: TRY400  # one line: the fault names the cause
                    "%s: the batch at offset %d is passed over: %s",
                    folder,
                    header.base_offset,
                    fault,
                )
    except (StorageFailed, SegmentCorrupt) as fault:
        logger.error("%s is not read to its end: %s", folder, fault)  # noqa: TRY400  # as above


def _raw_batches(replica: Replica) -> Iterator[tuple[BatchHeader, memoryview]]:
    """Yield a partition's batches unchecked. Raises `StorageFailed` and `SegmentCorrupt`."""
    offset = replica.start_offset
    while offset < replica.high_watermark:
        data = replica.log.read(offset, bytes_max=READ_BYTES)
        position = 0
        while position == 0 or position < len(data):
            header = _header_at(replica, data, position, offset)
            yield header, data[position : position + header.size]
            position += header.size
            offset = Offset(header.next_offset)


def _header_at(replica: Replica, data: memoryview, position: int, offset: Offset) -> BatchHeader:
    if len(data) - position >= HEADER_SIZE:
        header = read_header(data, position)
        if HEADER_SIZE <= header.size <= len(data) - position and header.next_offset > offset:
            return header
    raise SegmentCorrupt(replica.log.folder, position, f"no batch begins here, at offset {offset}")
