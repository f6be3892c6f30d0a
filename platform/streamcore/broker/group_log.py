"""`__consumer_offsets` as the group coordinator's memory: appended to like any topic, read
back at start, and compacted like any compacted topic, so that a start stays quick.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from streamcore.broker.internal_log import Entry, InternalBatch, InternalLog, OnWritten, Writer
from streamcore.groups.ids import GroupId
from streamcore.groups.log_records import LogEntry, decode_entry, encode_entry
from streamcore.groups.pending import TransactionPart
from streamcore.record.batch import CONTROL_BIT, TRANSACTIONAL_BIT
from streamcore.record.control import MarkerType, decode_marker
from streamcore.record.places import Offset
from streamcore.wire.reading import Malformed

logger = logging.getLogger(__name__)


class Kept(NamedTuple):
    """An entry of the log, and where it stands. `part`: of a transaction that is still open."""

    entry: LogEntry
    offset: Offset
    part: TransactionPart | None


class GroupLog:
    """Appends entries of groups, each to the partition of its group."""

    def __init__(self, log: InternalLog) -> None:
        self._log = log

    def append(
        self, entries: Sequence[LogEntry], on_written: OnWritten, *, writer: Writer | None = None
    ) -> None:
        """Write entries; `on_written` is told where they are, at the end of this tick or later."""
        rows = [(entry[0].group, Entry(*encode_entry(entry))) for entry in entries]
        self._log.append(rows, on_written, writer=writer)

    def read(self) -> Iterator[Kept]:
        """Yield what the log says last about each of its keys, and what open transactions say."""
        reading = _Reading()
        for batch in self._log.read():
            reading.take(batch)
        yield from reading.kept()

    def partition_of(self, group_id: GroupId) -> int:
        return self._log.partition_of(group_id)


class _Reading:
    """Reads the log in order: what transactions wrote counts once their marker says so, in the
    place where it was written. What was deleted meanwhile no marker brings back."""

    def __init__(self) -> None:
        self._latest: dict[bytes, tuple[Offset, bytes | None]] = {}
        self._open: dict[TransactionPart, dict[bytes, tuple[Offset, Entry]]] = {}

    def take(self, batch: InternalBatch) -> None:
        header = batch.header
        part = TransactionPart(header.producer_id, batch.partition)
        if header.attributes & CONTROL_BIT:
            marker = decode_marker(batch.data)
            ended = self._open.pop(part, {}) if marker is not None else {}
            if marker is not None and marker.type is MarkerType.COMMIT:
                self._note(ended.values())
            return
        entries = [
            (Offset(record.offset), Entry(record.key or b"", record.value))
            for record in batch.records
        ]
        if header.attributes & TRANSACTIONAL_BIT:
            of_part = self._open.setdefault(part, {})
            of_part.update((entry.key, (offset, entry)) for offset, entry in entries)
        else:
            self._note(entries)

    def _note(self, entries: Iterable[tuple[Offset, Entry]]) -> None:
        for offset, (key, value) in entries:
            if value is None:
                for of_part in self._open.values():
                    of_part.pop(key, None)
            known = self._latest.get(key)
            if known is None or known[0] < offset:
                self._latest[key] = offset, value

    def kept(self) -> Iterator[Kept]:
        for key, (offset, value) in self._latest.items():
            yield from _kept(key, value, offset, None)
        for part, entries in self._open.items():
            for offset, (key, value) in entries.values():
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
