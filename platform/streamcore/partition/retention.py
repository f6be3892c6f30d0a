"""Which old segments a partition no longer keeps."""

from collections.abc import Sequence

from streamcore.storage.log import LogLimits
from streamcore.storage.segment import Segment


def segments_to_drop(segments: Sequence[Segment], limits: LogLimits, *, now_ms: int) -> int:
    """How many segments, from the oldest on, are past their time or over the size limit.

    By time the active segment counts too (it is rolled first), by size it never does.
    """
    expired = 0
    if limits.retention_ms >= 0:
        for segment in segments:
            if not segment.size or segment.age_from_ms > now_ms - limits.retention_ms:
                break
            expired += 1
    if limits.retention_bytes >= 0:
        surplus = sum(segment.size for segment in segments) - limits.retention_bytes
        for number, segment in enumerate(segments[:-1]):
            surplus -= segment.size
            if surplus < 0:
                break
            expired = max(expired, number + 1)
    return expired
