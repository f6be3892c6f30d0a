"""`__consumer_offsets` as the group coordinator's memory: appended to like any topic, read
back at start, and rewritten when most of it is out of date.

The rewriting stands in for compaction: what still holds is appended once more, and when
that is on the disk the log start moves up to it. So the topic stays small and a start
stays quick, and at no moment is an entry only in memory.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from streamcore.broker.append_round import AppendRound
from streamcore.broker.durability import Durability
from streamcore.broker.internal_log import Entry, InternalBatch, InternalLog, OnWritten, Writer
from streamcore.groups.ids import GroupId
from streamcore.groups.log_records import LogEntry, decode_entry, encode_entry
from streamcore.groups.pending import TransactionPart
from streamcore.partition.replica import Replica
from streamcore.record.batch import CONTROL_BIT, TRANSACTIONAL_BIT
from streamcore.record.control import MarkerType, decode_marker
from streamcore.record.places import Offset
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.reading import Malformed

logger = logging.getLogger(__name__)

ENTRIES_PER_REWRITTEN_BATCH: Final = 500


class Kept(NamedTuple):
    """An entry of the log, and where it stands. `part`: of a transaction that is still open."""

    entry: LogEntry
    offset: Offset
    part: TransactionPart | None


class GroupLog:
    """Appends entries of groups, each to the partition of its group."""

    def __init__(
        self,
        log: InternalLog,
        *,
        appends: AppendRound,
        durability: Durability,
        rewrite_bytes: int,
    ) -> None:
        self._log = log
        self._appends = appends
        self._durability = durability
        self._rewrite_bytes = rewrite_bytes
        self._live_bytes: dict[Replica, int] = {}  # what the last rewriting came to
        self._rewriting: set[Replica] = set()
        self._appends_open = 0

    def append(
        self, entries: Sequence[LogEntry], on_written: OnWritten, *, writer: Writer | None = None
    ) -> None:
        """Write entries; `on_written` is told where they are, at the end of this tick or later."""
        self._appends_open += 1

        def on_ended(offsets: Sequence[Offset] | None) -> None:
            self._appends_open -= 1
            on_written(offsets)

        rows = [(entry[0].group, Entry(*encode_entry(entry))) for entry in entries]
        self._log.append(rows, on_ended, writer=writer)

    def read(self) -> Iterator[Kept]:
        """Yield what the log says last about each of its keys, and what open transactions say."""
        reading = _Reading()
        for batch in self._log.read():
            reading.take(batch)
        yield from reading.kept()

    def partition_of(self, group_id: GroupId) -> int:
        return self._log.partition_of(group_id)

    def due_for_rewriting(self) -> list[int]:
        """Return the partitions that hold mostly what is out of date.

        None while an append is under way: rewritten now, its entry would come to stand
        before the older one that it replaces.
        """
        if self._appends_open:
            return []
        replicas = self._log.replicas()
        return [number for number, replica in enumerate(replicas) if self._is_due(replica)]

    def _is_due(self, replica: Replica) -> bool:
        if replica in self._rewriting or replica.producers.open_transactions:
            return False
        return replica.log.bytes_held > max(
            self._rewrite_bytes, 2 * self._live_bytes.get(replica, 0)
        )

    def rewrite(self, partition: int, entries: Sequence[LogEntry]) -> None:
        """Make `entries` all that a partition holds."""
        replica = self._log.replicas()[partition]
        start = replica.high_watermark
        held = replica.log.bytes_held
        encoded = [Entry(*encode_entry(entry)) for entry in entries]
        placements = [
            self._log.stage(replica, encoded[at : at + ENTRIES_PER_REWRITTEN_BATCH])
            for at in range(0, len(encoded), ENTRIES_PER_REWRITTEN_BATCH)
        ]
        self._rewriting.add(replica)

        def on_synced(is_synced: bool) -> None:
            self._rewriting.discard(replica)
            if is_synced and all(each.error is ErrorCode.NONE for each in placements):
                self._live_bytes[replica] = replica.log.bytes_held - held
                self._cut(replica, start)

        # Written is not enough: the older entries go only when the newer are on the disk.
        self._appends.when_kept(lambda _: self._durability.hold(on_synced))

    def _cut(self, replica: Replica, start: Offset) -> None:
        segments = replica.delete_before(start)
        self._durability.log_changed(replica)
        self._durability.run_later(
            lambda: replica.log.remove_files(segments), f"removing old {self._log.name}"
        )


class _Reading:
    """Reads the log in order: what transactions wrote counts once their marker says so, in the
    place where it was written."""

    def __init__(self) -> None:
        self._latest: dict[bytes, tuple[Offset, bytes | None]] = {}
        self._open: dict[TransactionPart, list[tuple[Offset, Entry]]] = {}

    def take(self, batch: InternalBatch) -> None:
        header = batch.header
        part = TransactionPart(header.producer_id, batch.partition)
        if header.attributes & CONTROL_BIT:
            marker = decode_marker(batch.data)
            ended = self._open.pop(part, []) if marker is not None else []
            if marker is not None and marker.type is MarkerType.COMMIT:
                self._note(ended)
            return
        entries = [
            (Offset(record.offset), Entry(record.key or b"", record.value))
            for record in batch.records
        ]
        if header.attributes & TRANSACTIONAL_BIT:
            self._open.setdefault(part, []).extend(entries)
        else:
            self._note(entries)

    def _note(self, entries: Sequence[tuple[Offset, Entry]]) -> None:
        for offset, (key, value) in entries:
            known = self._latest.get(key)
            if known is None or known[0] < offset:
                self._latest[key] = offset, value

    def kept(self) -> Iterator[Kept]:
        for key, (offset, value) in self._latest.items():
            yield from _kept(key, value, offset, None)
        for part, entries in self._open.items():
            for offset, (key, value) in entries:
                yield from _kept(key, value, offset, part)


def _kept(
    key: bytes, value: bytes | None, offset: Offset, part: TransactionPart | None
) -> Iterator[Kept]:
    try:
        entry = decode_entry(key, value)
    except Malformed as fault:
        logger.warning("the entry at offset %d of a group log is none: %s", offset, fault)
        return
    if entry is not None:
        yield Kept(entry, offset, part)
