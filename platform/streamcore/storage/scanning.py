"""Reading a segment from end to end in large parts."""

from collections.abc import Iterator

from groundwork.seams import AppendFile
from streamcore.record.batch import (
    HEADER_SIZE,
    BatchHeader,
    BatchTorn,
    checked_header,
    read_header,
)

# Larger than the default batch limit, so that most reads hold many whole batches.
SCAN_BYTES = 8 << 20


def scan_at(file: AppendFile, position: int, *, end: int, scan_bytes: int = SCAN_BYTES) -> bytes:
    """Read a large part of a file up to `end`, and in any case the whole batch that begins it."""
    data = file.read_at(position, min(scan_bytes, end - position))
    if len(data) >= HEADER_SIZE:
        size = read_header(data).size
        if len(data) < size <= end - position:
            data = file.read_at(position, size)
    return data


def checked_headers(file: AppendFile) -> Iterator[BatchHeader]:
    """Yield the header of every batch of a file, each checked. Raises `BatchFault`."""
    position = 0
    while position < file.size():
        data = memoryview(scan_at(file, position, end=file.size()))
        at = 0
        while at < len(data):
            try:
                header = checked_header(data, at)
            except BatchTorn:
                if at == 0:
                    raise
                break
            yield header
            at += header.size
        position += at
