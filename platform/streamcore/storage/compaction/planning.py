"""How much of a log may be cleaned, how dirty it is, and which segments become one. Pure."""

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from streamcore.record.places import Offset
from streamcore.storage.compaction.job import SourceSegment
from streamcore.storage.segment import Segment

# Kafka's tools count offsets in a segment from its base with 32 bits.
OFFSETS_PER_SEGMENT_MAX = (1 << 31) - 1


class Dirt(NamedTuple):
    """What of a log may be cleaned: from its start to `end`, keys from `first_dirty` on."""

    first_dirty: Offset
    end: Offset
    clean_bytes: int
    dirty_bytes: int
    is_overdue: bool  # something in it has been dirty for longer than may be

    @property
    def ratio(self) -> float:
        total = self.clean_bytes + self.dirty_bytes
        return self.dirty_bytes / total if total else 0.0

    def is_due(self, ratio_min: float) -> bool:
        return self.dirty_bytes > 0 and (self.is_overdue or self.ratio > ratio_min)


def dirt_of(
    segments: Sequence[Segment],
    *,
    first_dirty: Offset,
    first_uncleanable: Offset,
    min_lag_ms: int,
    max_lag_ms: int,
    now_ms: int,
) -> Dirt:
    """Say what may be cleaned: closed segments wholly below `first_uncleanable`, no newer than
    `min_lag_ms`. Raises `OSError`."""
    if not segments[0].base_offset <= first_dirty <= segments[-1].next_offset:
        first_dirty = segments[0].base_offset  # the log was cut, at one end or the other

    def may_be_cleaned(segment: Segment) -> bool:
        return segment.next_offset <= first_uncleanable and (
            min_lag_ms <= 0
            or segment.next_offset <= first_dirty
            or segment.newest_timestamp <= now_ms - min_lag_ms
        )

    cleanable = list(takewhile(may_be_cleaned, segments[:-1]))
    dirty = [segment for segment in cleanable if segment.next_offset > first_dirty]
    return Dirt(
        first_dirty=first_dirty,
        end=cleanable[-1].next_offset if cleanable else segments[0].base_offset,
        clean_bytes=sum(segment.size for segment in cleanable) - sum(s.size for s in dirty),
        dirty_bytes=sum(segment.size for segment in dirty),
        is_overdue=any(is_older_than(max_lag_ms, segment, now_ms=now_ms) for segment in dirty),
    )


def is_older_than(lag_ms: int, segment: Segment, *, now_ms: int) -> bool:
    """Whether a segment begins with a record as old as `lag_ms`. Raises `OSError`."""
    if lag_ms >= now_ms:  # the default is for ever: it costs no look into the file
        return False
    timestamp = segment.first_timestamp()
    return 0 <= timestamp < now_ms - lag_ms


def grouped(
    segments: Sequence[SourceSegment], *, end: Offset, segment_bytes: int
) -> list[list[SourceSegment]]:
    """Share out the segments that begin below `end`: each group becomes one segment."""
    groups: list[list[SourceSegment]] = []
    size = 0
    for segment in segments:
        if segment.base_offset >= end:
            break
        if (
            groups
            and size + segment.size <= segment_bytes
            and segment.next_offset - groups[-1][0].base_offset <= OFFSETS_PER_SEGMENT_MAX
        ):
            groups[-1].append(segment)
            size += segment.size
        else:
            groups.append([segment])
            size = segment.size
    return groups
