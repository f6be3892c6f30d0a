"""Reads a modelled topic in every way there is, and compares with the models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streamcore.record.batch import (
    CONTROL_BIT,
    TIMESTAMP_TYPE_BIT,
    TRANSACTIONAL_BIT,
    read_header,
)
from streamcore.record.records import read_records
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code, id_of
from tests.support.models.log_world import TOPIC, LogWorld, Waiting
from tests.support.models.partition_model import Batch, PartitionModel

TOPIC_IDS_FROM = 13
EPOCHS_FROM = 9  # a reader says which leader epoch it knows
START_TOLD_FROM = 5
SESSIONS_FROM = 7
ISOLATION_FROM = 2  # of ListOffsets
LATEST, EARLIEST, NEWEST, EARLIEST_LOCAL, TIERED, PENDING_UPLOAD = -1, -2, -3, -4, -5, -6
NAMED_SINCE = {LATEST: 1, EARLIEST: 1, NEWEST: 7, EARLIEST_LOCAL: 8, TIERED: 9, PENDING_UPLOAD: 11}


@dataclass(frozen=True, slots=True)
class Want:
    """From where a reader wants a partition, and how much of it."""

    partition: int
    offset: int
    bytes_max: int
    leader_epoch: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """A request to read."""

    version: int
    wants: tuple[Want, ...]
    max_wait_ms: int = 0
    bytes_min: int = 1
    bytes_max: int = 1 << 20
    is_committed_only: bool = False


@dataclass(slots=True)
class Reading:
    """Compares one answer with the models, partition by partition, in their order."""

    world: LogWorld
    fetch: Fetch
    bytes_found: int = 0
    batches_found: int = 0

    def error_of(self, want: Want) -> str:
        model = self.world.models.get(want.partition)
        if model is None:
            return "unknown_topic_or_partition"
        if want.leader_epoch not in (-1, model.leader_epoch):
            is_old = want.leader_epoch < model.leader_epoch
            return "fenced_leader_epoch" if is_old else "unknown_leader_epoch"
        return NONE if model.start <= want.offset <= model.end else "offset_out_of_range"

    def available(self, want: Want) -> Sequence[Batch]:
        """What there is to read, were there no limits."""
        model = self.world.models.get(want.partition)
        if model is None or self.error_of(want) != NONE:
            return ()
        batches = model.batches_from(want.offset)
        if not self.fetch.is_committed_only:
            return batches
        if want.offset >= model.stable_end:
            return ()
        return [batch for batch in batches if batch.base < model.stable_end]

    def check(self, want: Want, found: Any, *, is_in_turn: bool = True) -> None:
        """`is_in_turn`: partitions come as they were asked for, so the room left is known."""
        error = self.error_of(want)
        assert code(found) == error, f"a reader was told {code(found)}, not {error}"
        if error != NONE:
            assert not found.records
            return
        model = self.world.models[want.partition]
        assert found.high_watermark == model.end, "another high watermark"
        assert found.last_stable_offset == model.stable_end, "another last stable offset"
        if self.fetch.version >= START_TOLD_FROM:
            assert found.log_start_offset == model.start, "another log start"
        available = self.available(want)
        room = min(max(want.bytes_max, 0), max(self.fetch.bytes_max, 0) - self.bytes_found)
        read = self._check_records(want, bytes(found.records or b""), available, room)
        if self.fetch.is_committed_only:
            self._check_aborted(read, found.aborted_transactions)
        if is_in_turn and available:
            must_find = self.bytes_found == 0 or available[0].size <= room
            assert bool(read) == must_find, "a limit was not kept, or nobody gets anything"
        self.bytes_found += sum(batch.size for batch in read)
        self.batches_found += len(read)

    def _check_aborted(self, read: Sequence[Batch], aborted: Sequence[Any]) -> None:
        """Skip as Kafka's clients do: a producer's batches from where its aborted transaction
        begins, up to the marker. Those and no others must be the aborted ones."""
        to_come = sorted((each.first_offset, each.producer_id) for each in aborted)
        skipped: set[int] = set()
        for batch in read:
            while to_come and to_come[0][0] < batch.next_offset:
                skipped.add(to_come.pop(0)[1])
            producer_id = -1 if batch.identity is None else batch.identity.producer_id
            if batch.is_marker:
                skipped.discard(producer_id)
            elif batch.transaction is not None:
                is_skipped = producer_id in skipped
                assert is_skipped == batch.transaction.is_aborted, "told of other aborted ones"

    def _check_records(
        self, want: Want, data: bytes, available: Sequence[Batch], room: int
    ) -> Sequence[Batch]:
        position, count = 0, 0
        while position < len(data):
            header = read_header(data, position)
            assert count < len(available), "more than there is"
            batch = available[count]
            assert same_batch(data[position : position + header.size], batch), "another batch"
            position += header.size
            count += 1
        assert count <= 1 or len(data) <= room, "more than was asked for"
        return available[:count]


def same_batch(data: bytes, batch: Batch) -> bool:
    """Whether bytes that were read are the batch of the model."""
    header = read_header(data)
    return (
        (header.base_offset, header.next_offset) == (batch.base, batch.next_offset)
        and header.leader_epoch == batch.leader_epoch
        and header.codec == batch.codec
        and bool(header.attributes & TIMESTAMP_TYPE_BIT) == batch.is_stamped
        and bool(header.attributes & CONTROL_BIT) == batch.is_marker
        and bool(header.attributes & TRANSACTIONAL_BIT) == (batch.transaction is not None)
        and header.max_timestamp == batch.newest
        and header.size == batch.size
        and tuple(read_records(data)) == batch.records
    )


class LogReaders(LogWorld):
    """The world, and who reads in it."""

    def fetch(self, fetch: Fetch) -> None:
        """Read; where there is too little, the answer is looked at when it comes."""
        fields = {
            "max_wait": fetch.max_wait_ms,
            "min_bytes": fetch.bytes_min,
            "max_bytes": fetch.bytes_max,
            "isolation_level": int(fetch.is_committed_only),
            "session_epoch": -1,
            "topics": self._wanted(fetch),
        }
        reading = Reading(self, fetch)
        deadline_ms = self.now_ms + fetch.max_wait_ms
        has_error = any(reading.error_of(want) != NONE for want in fetch.wants)
        is_known = any(want.partition in self.models for want in fetch.wants)
        may_park = fetch.max_wait_ms > 0 and not has_error and is_known

        def there_is() -> int:
            return sum(
                batch.size for want in fetch.wants for batch in Reading(self, fetch).available(want)
            )

        def may_wait() -> bool:
            return may_park and self.now_ms < deadline_ms and there_is() < fetch.bytes_min

        def must_wait() -> bool:
            is_early = may_park and self.now_ms < deadline_ms
            has_moved = any(reading.error_of(want) != NONE for want in fetch.wants)
            return is_early and fetch.bytes_min > 0 and there_is() == 0 and not has_moved

        def check(answer: Any) -> None:
            self._check_all(fetch, answer)

        asked = self.broker.post(ApiKey.FETCH, fetch.version, **fields)
        self.waiting.append(
            Waiting(
                asked=asked, may_wait=may_wait, must_wait=must_wait, check=check, only_reads=True
            )
        )
        self.take_answers()

    def _wanted(self, fetch: Fetch) -> list[dict[str, Any]]:
        partitions = [
            {
                "partition": want.partition,
                "fetch_offset": want.offset,
                "partition_max_bytes": want.bytes_max,
                "current_leader_epoch": want.leader_epoch,
            }
            for want in fetch.wants
        ]
        topic_id = id_of(self.broker.services, TOPIC)
        return [{"topic": TOPIC, "topic_id": topic_id, "partitions": partitions}]

    def _check_all(self, fetch: Fetch, answer: Any) -> None:
        partitions = [found for topic in answer.responses for found in topic.partitions]
        reading = Reading(self, fetch)
        assert len(partitions) == len(fetch.wants)
        for want, found in zip(fetch.wants, partitions, strict=True):
            assert found.partition_index == want.partition
            reading.check(want, found)
        if reading.batches_found > 1:
            assert reading.bytes_found <= fetch.bytes_max, "more than was asked for"

    def read_all(self) -> None:
        """Read every partition from its start to its end."""
        for number, model in self.models.items():
            offset = model.start
            while offset < model.end:
                want = Want(number, offset, 500)
                before = offset
                offset = self._read_on(Fetch(version=11, wants=(want,)), model)
                assert offset > before, "no progress"

    def _read_on(self, fetch: Fetch, model: PartitionModel) -> int:
        answer = self.broker.ask(
            ApiKey.FETCH,
            fetch.version,
            session_epoch=-1,
            topics=self._wanted(fetch),
            max_bytes=fetch.bytes_max,
        )
        self._check_all(fetch, answer)
        data = bytes(answer.responses[0].partitions[0].records)
        position, header = 0, read_header(data)
        while position < len(data):
            header = read_header(data, position)
            position += header.size
        return header.next_offset

    # Offsets of ends, times and leader epochs

    def list_offsets(
        self, version: int, wanted: Mapping[int, int], *, is_committed_only: bool, epoch: int
    ) -> None:
        """Ask for the offset of a time, or of what a negative number names, by partition."""
        parts = [
            {"partition_index": number, "timestamp": timestamp, "current_leader_epoch": epoch}
            for number, timestamp in wanted.items()
        ]
        answer = self.broker.ask(
            ApiKey.LIST_OFFSETS,
            version,
            replica_id=-1,
            isolation_level=int(is_committed_only),
            topics=[{"name": TOPIC, "partitions": parts}],
        )
        for found in answer.topics[0].partitions:
            timestamp = wanted[found.partition_index]
            model = self.models.get(found.partition_index)
            error = _list_fault(model, version, timestamp, epoch)
            assert code(found) == error, f"a time was answered with {code(found)}, not {error}"
            if model is None or error != NONE:
                continue
            has_level = version >= ISOLATION_FROM
            expected = _listed(model, timestamp, is_committed_only=is_committed_only and has_level)
            assert (found.offset, found.timestamp) == expected, "another offset of a time"

    def end_of_epoch(self, version: int, wanted: Mapping[int, int], *, known: int) -> None:
        """Ask where a leader epoch ends, by partition; `known` is the one that the reader knows."""
        parts = [
            {"partition": number, "leader_epoch": epoch, "current_leader_epoch": known}
            for number, epoch in wanted.items()
        ]
        answer = self.broker.ask(
            ApiKey.OFFSET_FOR_LEADER_EPOCH,
            version,
            topics=[{"topic": TOPIC, "partitions": parts}],
        )
        for found in answer.topics[0].partitions:
            model = self.models.get(found.partition)
            error = _epoch_fault(model, known)
            assert code(found) == error
            if model is not None and error == NONE:
                expected = model.epoch_end(wanted[found.partition])
                assert (found.leader_epoch, found.end_offset) == expected, "another end of an epoch"


def _epoch_fault(model: PartitionModel | None, known: int) -> str:
    if model is None:
        return "unknown_topic_or_partition"
    if known in (-1, model.leader_epoch):
        return NONE
    return "fenced_leader_epoch" if known < model.leader_epoch else "unknown_leader_epoch"


def _list_fault(model: PartitionModel | None, version: int, timestamp: int, epoch: int) -> str:
    if timestamp < 0 and version < NAMED_SINCE.get(timestamp, version + 1):
        return "unsupported_version"
    return _epoch_fault(model, epoch if version >= 4 else -1)


def _listed(model: PartitionModel, timestamp: int, *, is_committed_only: bool) -> tuple[int, int]:
    """Offset and timestamp; -1 for what there is not."""
    end = model.stable_end if is_committed_only else model.end
    match timestamp:
        case -1:
            return end, -1
        case -2 | -4:
            return model.start, -1
        case -5 | -6:
            return -1, -1
        case -3:
            found = model.newest()
        case _:
            found = model.first_at(timestamp)
    return (-1, -1) if found is None or found[0] >= end else found
