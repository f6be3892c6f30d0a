"""`__consumer_offsets` as the group coordinator's memory: appended to like any topic, read
back at start, and compacted like any compacted topic, so that a start stays quick.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from groundwork.seams import Clock
from streamcore.broker.append_round import AppendRound
from streamcore.broker.topics import Topic, TopicCatalogue
from streamcore.groups.ids import GroupId
from streamcore.groups.log_records import (
    OFFSETS_TOPIC,
    LogEntry,
    decode_entry,
    encode_entry,
    partition_of_group,
)
from streamcore.partition.replica import Placement, Replica
from streamcore.record.batch import (
    HEADER_SIZE,
    BatchFault,
    BatchHeader,
    checked_header,
    read_header,
)
from streamcore.record.places import Offset
from streamcore.record.records import Record, encode_batch, read_records
from streamcore.storage.failures import SegmentCorrupt, StorageFailed
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.reading import Malformed

logger = logging.getLogger(__name__)

ENTRIES_PER_BATCH: Final = 500
READ_BYTES: Final = 4 << 20
TOPIC_CONFIGS: Final = {
    "cleanup.policy": "compact",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "segment.bytes": str(1 << 20),
    "max.message.bytes": str(16 << 20),
}

OnWritten = Callable[[bool], None]


class GroupLog:
    """Appends entries of groups, each to the partition of its group."""

    def __init__(
        self,
        *,
        clock: Clock,
        topics: TopicCatalogue,
        appends: AppendRound,
        partition_count: int,
    ) -> None:
        self._clock = clock
        self._topics = topics
        self._appends = appends
        self._partition_count = partition_count

    def append(self, entries: Sequence[LogEntry], on_written: OnWritten) -> None:
        """Write entries; `on_written` is told whether all of them are in the log.

        It is called once, at the end of this tick or later.
        """
        try:
            topic = self._topic()
        except OSError as error:
            logger.error("%s cannot be made: %s", OFFSETS_TOPIC, error)  # noqa: TRY400  # one line: the disk's own words say it all
            on_written(False)
            return
        placements = []
        for replica, of_replica in self._by_replica(topic, entries):
            placements += self._stage(replica, of_replica)
        self._appends.when_kept(
            lambda is_kept: on_written(is_kept and _all_placed(placements)),
        )

    def read(self) -> Iterator[LogEntry]:
        """Yield what the log says last about each of its keys."""
        topic = self._topics.find(OFFSETS_TOPIC)
        for replica in topic.replicas if topic is not None else ():
            latest: dict[bytes, bytes | None] = {}
            for record in _records(replica):
                latest[record.key or b""] = record.value
            yield from _entries(replica, latest)

    def partition_of(self, group_id: GroupId) -> int:
        return partition_of_group(group_id, len(self._topic().replicas))

    def _topic(self) -> Topic:
        return self._topics.find(OFFSETS_TOPIC) or self._topics.create(
            OFFSETS_TOPIC, partition_count=self._partition_count, configs=TOPIC_CONFIGS
        )

    def _by_replica(
        self, topic: Topic, entries: Sequence[LogEntry]
    ) -> Iterable[tuple[Replica, list[LogEntry]]]:
        sorted_out: dict[Replica, list[LogEntry]] = {}
        for entry in entries:
            number = self.partition_of(GroupId(entry[0].group))
            sorted_out.setdefault(topic.replicas[number], []).append(entry)
        return sorted_out.items()

    def _stage(self, replica: Replica, entries: Sequence[LogEntry]) -> list[Placement]:
        now_ms = self._clock.now_ms()
        encoded = (encode_entry(entry) for entry in entries)
        records = (Record(timestamp=now_ms, key=key, value=value) for key, value in encoded)
        placements = []
        while some := list(islice(records, ENTRIES_PER_BATCH)):
            batch = memoryview(bytearray(encode_batch(some)))
            placement = self._appends.stage(replica, batch)
            if placement.error:
                logger.error("%s refused a batch: %s", OFFSETS_TOPIC, placement.reason)
            placements.append(placement)
        return placements


def _entries(replica: Replica, latest: Mapping[bytes, bytes | None]) -> Iterator[LogEntry]:
    for key, value in latest.items():
        try:
            entry = decode_entry(key, value)
        except Malformed as fault:
            logger.warning("%s holds an entry that is none: %s", replica.log.folder, fault)
            continue
        if entry is not None:
            yield entry


def _all_placed(placements: Iterable[Placement]) -> bool:
    return all(placement.error is ErrorCode.NONE for placement in placements)


def _records(replica: Replica) -> Iterator[Record]:
    """Yield a partition's records. A batch with damaged records is passed over; behind one with
    a damaged header nothing can be found. Both are said in the journal."""
    folder = replica.log.folder
    try:
        for header, batch in _batches(replica):
            try:
                checked_header(batch)
                yield from read_records(batch)
            except BatchFault as fault:
                logger.error(  # noqa: TRY400  # one line: the fault names the cause
                    "%s: the batch at offset %d is passed over: %s",
                    folder,
                    header.base_offset,
                    fault,
                )
    except (StorageFailed, SegmentCorrupt) as fault:
        logger.error("%s is not read to its end: %s", folder, fault)  # noqa: TRY400  # as above


def _batches(replica: Replica) -> Iterator[tuple[BatchHeader, memoryview]]:
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
