"""Opens the log of a partition after whatever happened to the process or the machine.

What lies before the checkpoint was synced and is trusted. From there on every batch is
checked, CRC included:

- the file ends inside a batch, or in zeros: a torn tail. It is cut; nothing behind it
  was ever acknowledged as synced. A later segment may have outlived it (a roll, then a
  loss of power before the sync): it is kept aside too, as its offsets follow on nothing.
- a whole batch is wrong: the segment is corrupt. The log ends before it; what follows,
  later segments too, is kept aside in `.corrupt` files and said in the report.

A segment before the checkpoint that has lost its index gets it back by a walk over the
headers. When its list of aborted transactions is damaged, the whole log is checked.

Offsets follow on one another without a gap, but for what was cleaned: swaps of cleaned
segments that a crash interrupted are finished first, and the log's own note of how far it was
cleaned says where offsets may be missing.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from groundwork.seams import Directory
from streamcore.record.batch import (
    HEADER_SIZE,
    IN_TRANSACTIONS,
    LENGTH_PREFIX,
    BatchCorrupt,
    BatchFault,
    BatchHeader,
    BatchTorn,
    checked_header,
    read_header,
)
from streamcore.record.places import Offset
from streamcore.storage import aborted_transactions
from streamcore.storage.aborted_transactions import AbortedTransaction
from streamcore.storage.compaction.checkpoint import CleanedUpTo, read_cleaned
from streamcore.storage.compaction.swap import finish_interrupted
from streamcore.storage.index import INTERVAL_BYTES, NO_TIMESTAMP, decoded
from streamcore.storage.log import PartitionLog
from streamcore.storage.paths import (
    CORRUPT_SUFFIX,
    LOG_SUFFIX,
    aborted_path,
    index_path,
    segment_path,
)
from streamcore.storage.plain_batches import PlainBatches
from streamcore.storage.scanning import scan_at
from streamcore.storage.segment import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCheckpoint:
    """Up to where a log is known to be whole and synced."""

    start_offset: Offset
    segment_base: Offset
    position: int


@dataclass(slots=True, kw_only=True)
class RecoveryReport:
    """What was found. `journal` are lines for the operator, each naming file and position."""

    bytes_checked: int = 0
    bytes_cut: int = 0
    corrupt_files: list[str] = field(default_factory=list)
    journal: list[str] = field(default_factory=list)


class LogReader(Protocol):
    """Who rebuilds its memory of a log from the batches behind the checkpoint."""

    def note(self, header: BatchHeader, batch: memoryview) -> AbortedTransaction | None:
        """See one batch, in order; return the transaction that it aborts, if it does.

        Of batches that tell nothing but their records, and their producer, it sees the first
        and the last few of each producer; of those not the records: `batch` is empty.
        Raises `BatchCorrupt` for a control record that cannot be read.
        """
        ...

    def clear(self) -> None:
        """What was known from the checkpoint is not to be trusted: all batches follow."""
        ...


def open_log(
    directory: Directory,
    folder: str,
    *,
    checkpoint: LogCheckpoint | None,
    now_ms: int,
    reader: LogReader,
) -> tuple[PartitionLog, RecoveryReport]:
    """Return the log in `folder`, made where missing, and what recovery did.

    `reader` sees every batch behind the checkpoint, in order; all of them, when the files
    contradict the checkpoint.
    """
    report = RecoveryReport(journal=finish_interrupted(directory, folder))
    cleaned, complaint = read_cleaned(directory, folder)
    if complaint is not None:
        report.journal.append(complaint)
    recovery = _Recovery(directory, folder, now_ms, reader, cleaned, report)
    if checkpoint is not None and not recovery.agrees_with(checkpoint):
        reader.clear()
        checkpoint = None
    segments = recovery.segments(checkpoint)
    start = max(checkpoint.start_offset if checkpoint else 0, segments[0].base_offset)
    start = min(Offset(start), segments[-1].next_offset)
    log = PartitionLog(directory, folder, segments, start_offset=start, cleaned=cleaned)
    if report.bytes_checked:
        log.mark_unsynced()
    return log, report


class _Recovery:
    """One pass over the files of one partition."""

    def __init__(
        self,
        directory: Directory,
        folder: str,
        now_ms: int,
        reader: LogReader,
        cleaned: CleanedUpTo,
        report: RecoveryReport,
    ) -> None:
        self._directory = directory
        self._folder = folder
        self._now_ms = now_ms
        self._reader = reader
        self._gaps_below = cleaned.gaps_below
        self.report = report

    def agrees_with(self, checkpoint: LogCheckpoint) -> bool:
        """Whether the files can be what the checkpoint saw. Says so in the report if not."""
        path = segment_path(self._folder, checkpoint.segment_base)
        if checkpoint.segment_base not in self._bases():
            fault = "is missing"
        else:
            file = self._directory.open_append(path)
            size = file.size()
            file.close()
            if size >= checkpoint.position:
                return self._can_read_aborted(checkpoint)
            fault = f"has {size} bytes, the checkpoint says {checkpoint.position}"
        self.report.journal.append(f"{path} {fault}: the whole log is checked")
        return False

    def _can_read_aborted(self, checkpoint: LogCheckpoint) -> bool:
        for base in self._bases():
            path = aborted_path(segment_path(self._folder, base))
            if base > checkpoint.segment_base or not self._directory.exists(path):
                continue
            if aborted_transactions.decoded(self._directory.read(path)) is None:
                self.report.journal.append(f"{path} is damaged: the whole log is checked")
                return False
        return True

    def _bases(self) -> list[Offset]:
        return sorted(
            Offset(int(name.removesuffix(LOG_SUFFIX)))
            for name in self._directory.names(self._folder)
            if name.endswith(LOG_SUFFIX)
        )

    def segments(self, checkpoint: LogCheckpoint | None) -> list[Segment]:
        bases = self._bases()
        opened: list[Segment] = []
        for number, base in enumerate(bases):
            if opened and opened[-1].next_offset != base:
                self._set_aside_files(bases[number:], f"a gap after {opened[-1].next_offset}")
                break
            segment = self._open(base)
            opened.append(segment)
            if not self._load(segment, checkpoint):
                self._set_aside_files(bases[number + 1 :], "it follows a corrupt segment")
                break
        return opened or [self._open(Offset(0))]

    def _open(self, base: Offset) -> Segment:
        path = segment_path(self._folder, base)
        segment = Segment(path, base, self._directory.open_append(path))
        segment.created_ms = segment.written_ms = self._now_ms
        return segment

    def _load(self, segment: Segment, checkpoint: LogCheckpoint | None) -> bool:
        """Fill in what is known of `segment`. False when the log must end with it."""
        if checkpoint is None or segment.base_offset > checkpoint.segment_base:
            self._directory.remove(aborted_path(segment.path))
            return self._check_rest(segment)
        if segment.base_offset < checkpoint.segment_base:
            return self._trust(segment, segment.file.size())
        return self._trust(segment, checkpoint.position) and self._check_rest(segment)

    def _trust(self, segment: Segment, size: int) -> bool:
        """Index `segment` up to `size` from its index file, the rest from its headers."""
        path = index_path(segment.path)
        index = decoded(self._directory.read(path)) if self._directory.exists(path) else None
        if index is not None:
            index.cut(size)
            segment.take_index(index)
        if not self._walk(segment, size):
            return False
        self._take_aborted(segment)
        return True

    def _take_aborted(self, segment: Segment) -> None:
        """Know the transactions aborted in what is trusted; what follows is found again."""
        path = aborted_path(segment.path)
        if self._directory.exists(path):
            known = aborted_transactions.decoded(self._directory.read(path)) or []
            kept = [each for each in known if each.last_offset < segment.next_offset]
            segment.aborted = kept
            segment.is_aborted_file_due = len(kept) < len(known)

    def _walk(self, segment: Segment, size: int) -> bool:
        data, data_at = b"", segment.size
        while segment.size < size:
            if segment.size + HEADER_SIZE > data_at + len(data):
                # Of most batches only the header is needed: read small, skip the rest.
                data, data_at = segment.file.read_at(segment.size, INTERVAL_BYTES), segment.size
            if len(data) - (segment.size - data_at) < HEADER_SIZE:
                return self._set_aside_rest(segment, "it ends inside a header")
            header = read_header(data, segment.size - data_at)
            if (
                not self._may_follow(header, segment.next_offset)
                or header.size < HEADER_SIZE
                or segment.size + header.size > size
            ):
                return self._set_aside_rest(segment, "no batch begins here")
            self._note(segment, header)
        return True

    def _check_rest(self, segment: Segment) -> bool:
        file = segment.file
        plain = PlainBatches(segment)
        while segment.size < file.size():
            data = memoryview(scan_at(file, segment.size, end=file.size()))
            position = 0
            while position < len(data):
                try:
                    header = self._expected_header(data, position, segment.next_offset)
                    aborted = self._reader.note(header, data[position : position + header.size])
                except BatchTorn:
                    break
                except BatchCorrupt as fault:
                    return self._end_at_fault(segment, str(fault))
                self._note(segment, header)
                if aborted is not None:
                    segment.note_aborted([aborted])
                position += header.size
                if not header.attributes & IN_TRANSACTIONS:
                    # Many more like it may follow, and small ones: they take a shorter way.
                    position += plain.take(data[position:], leader_epoch=header.leader_epoch)
                    for told in plain.told():
                        self._reader.note(told, data[:0])  # no marker: its records say nothing
            self.report.bytes_checked += position
            if position == 0:
                return self._end_at_tear(segment, data)
        return True

    def _expected_header(self, data: memoryview, position: int, expected: Offset) -> BatchHeader:
        header = checked_header(data, position)
        if header.base_offset != expected and not self._may_follow(header, expected):
            raise BatchCorrupt(f"base offset {header.base_offset}, expected {expected}")
        return header

    def _may_follow(self, header: BatchHeader, expected: Offset) -> bool:
        """Whether a batch may stand where the offset `expected` would come next."""
        missing = header.base_offset - expected
        return missing == 0 or (missing > 0 and header.next_offset <= self._gaps_below)

    def _note(self, segment: Segment, header: BatchHeader) -> None:
        segment.note(
            Offset(header.base_offset),
            Offset(header.next_offset),
            header.max_timestamp if header.record_count else NO_TIMESTAMP,
            header.size,
        )

    def _end_at_fault(self, segment: Segment, reason: str) -> bool:
        rest = segment.file.read_at(segment.size, segment.file.size() - segment.size)
        if not any(rest):
            # After a loss of power a file may have its new size but not its new bytes.
            return self._cut_torn_tail(segment)
        return self._set_aside_rest(segment, reason)

    def _end_at_tear(self, segment: Segment, header_bytes: memoryview) -> bool:
        """The file ends before its last batch does, unless only the batch's length is wrong."""
        if len(header_bytes) >= HEADER_SIZE:
            following = LENGTH_PREFIX.pack(read_header(header_bytes).next_offset, 0)[:8]
            rest = segment.file.read_at(segment.size, segment.file.size() - segment.size)
            if _holds_batch(rest, following):
                return self._set_aside_rest(segment, "its length passes over the next batch")
        return self._cut_torn_tail(segment)

    def _cut_torn_tail(self, segment: Segment) -> bool:
        cut = segment.file.size() - segment.size
        self.report.bytes_cut += cut
        self.report.journal.append(
            f"{segment.path} at byte {segment.size}: torn tail of {cut} bytes cut"
        )
        segment.file.truncate(segment.size)
        # It may tell of places behind the cut, which will mean something else.
        self._directory.remove(index_path(segment.path))
        return True

    def _set_aside_rest(self, segment: Segment, reason: str) -> bool:
        position = segment.size
        rest = segment.file.read_at(position, segment.file.size() - position)
        aside = f"{segment.path}.{position}{CORRUPT_SUFFIX}"
        self._directory.write_atomically(aside, rest)
        segment.file.truncate(position)
        self._directory.remove(index_path(segment.path))
        self.report.corrupt_files.append(aside)
        self.report.journal.append(
            f"{segment.path} at byte {position} is corrupt: {reason}; "
            f"the log ends at offset {segment.next_offset}, {len(rest)} bytes are kept in {aside}"
        )
        return False

    def _set_aside_files(self, bases: list[Offset], reason: str) -> None:
        for base in bases:
            path = segment_path(self._folder, base)
            self._directory.remove(index_path(path))
            self._directory.remove(aborted_path(path))
            if self._is_empty(path):
                self._directory.remove(path)  # there is nothing to keep of a segment just begun
                continue
            aside = path + CORRUPT_SUFFIX
            self._directory.rename(path, aside)
            self.report.corrupt_files.append(aside)
            self.report.journal.append(f"{path} is kept in {aside}: {reason}")

    def _is_empty(self, path: str) -> bool:
        file = self._directory.open_existing(path)
        try:
            return file.size() == 0
        finally:
            file.close()


def _holds_batch(rest: bytes, base_offset: bytes) -> bool:
    """Whether a whole batch that begins with `base_offset` lies somewhere in `rest`."""
    view = memoryview(rest)
    at = rest.find(base_offset, HEADER_SIZE)
    while at >= 0:
        with suppress(BatchFault):
            checked_header(view, at)
            return True
        at = rest.find(base_offset, at + 1)
    return False
