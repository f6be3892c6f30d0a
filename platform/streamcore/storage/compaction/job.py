"""What a cleaning worker is asked to do and what it answers, and both as lines of text."""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from streamcore.record.places import Offset
from streamcore.storage.aborted_transactions import AbortedTransaction


class SourceSegment(NamedTuple):
    """A closed segment as the cleaner finds it."""

    base_offset: Offset
    next_offset: Offset
    size: int


class LastOfProducer(NamedTuple):
    """Where a producer's last sequence stands. Its last data may be gone: then its marker does."""

    epoch: int
    last_offset: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CleaningJob:
    """One round over one log. Only files, numbers and time: a worker needs no more to know.

    `segments` are all that may be cleaned, from the log start on; keys are looked for from
    `first_dirty` on. `aborted` are the aborted transactions that overlap with them.
    """

    folder: str
    segments: tuple[SourceSegment, ...]
    first_dirty: Offset
    segment_bytes: int
    now_ms: int
    delete_retention_ms: int
    key_map_bytes: int
    bytes_per_second: int
    aborted: tuple[AbortedTransaction, ...] = ()
    producers: tuple[tuple[int, LastOfProducer], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanedGroup:
    """Neighbouring segments in one new file, which waits to take their place.

    Without `path` nothing in them was to be cleaned and no file was made.
    `aborted` are the aborted transactions that end in here and of which the log had data before
    this round: the index of them keeps these. It must forget all others that end in here, for
    the marker of one without data may be gone, and readers would wait for it.
    """

    base_offset: Offset
    next_offset: Offset
    bytes_read: int
    path: str | None = None
    size: int = 0
    newest_timestamp: int = -1
    aborted: tuple[AbortedTransaction, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundSummary:
    """What a whole round came to. Below `clean_to` each key is there once."""

    clean_to: Offset
    records_read: int
    records_kept: int
    keyless_records: int


class CleaningFailed(Exception):
    """A round that came to nothing, for a reason that is not in the log."""


class WorkerDied(CleaningFailed):
    """The worker ended in the middle of a round: perhaps the log is what it cannot stand."""


class TakesGroup(Protocol):
    """Puts a cleaned group in its place. False: the round must not go on."""

    async def __call__(self, group: CleanedGroup) -> bool: ...


class CleaningWorker(Protocol):
    """Who does the work of a round."""

    async def clean(self, job: CleaningJob, take: TakesGroup) -> RoundSummary | None:
        """Clean, handing out each group in the order of the log; None when `take` said no.

        Raises `SegmentCorrupt`, and `CleaningFailed` for all else.
        """
        ...

    async def close(self) -> None: ...


def encode_job(job: CleaningJob) -> bytes:
    return _line({name: getattr(job, name) for name in CleaningJob.__slots__})


def decode_job(line: bytes) -> CleaningJob:
    data = json.loads(line)
    return CleaningJob(
        **{
            **data,
            "segments": tuple(SourceSegment(*row) for row in data["segments"]),
            "aborted": _aborted(data["aborted"]),
            "producers": tuple(
                (number, LastOfProducer(*last)) for number, last in data["producers"]
            ),
        }
    )


def encode_group(group: CleanedGroup) -> bytes:
    return _line({"group": {name: getattr(group, name) for name in CleanedGroup.__slots__}})


def encode_summary(summary: RoundSummary) -> bytes:
    return _line({"summary": {name: getattr(summary, name) for name in RoundSummary.__slots__}})


def decode_group(data: Any) -> CleanedGroup:
    return CleanedGroup(**{**data, "aborted": _aborted(data["aborted"])})


def decode_summary(data: Any) -> RoundSummary:
    return RoundSummary(**data)


def _aborted(rows: Any) -> tuple[AbortedTransaction, ...]:
    return tuple(AbortedTransaction(*row) for row in rows)


def _line(data: object) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"
