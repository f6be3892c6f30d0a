"""Logs of one partition as a broker would have left them, written without one."""

import random
from collections.abc import Callable
from pathlib import Path

from streamcore.record.batch import place_batch, read_header
from streamcore.record.places import Offset
from streamcore.storage.compaction.job import SourceSegment
from streamcore.storage.paths import segment_path

FOLDER = "t/0"


def write_log(
    root: Path, make_batch: Callable[[random.Random], bytes], *, size: int, segment_bytes: int
) -> list[SourceSegment]:
    """Write segments of random batches of a thousand that are made; return what there is."""
    rng = random.Random(1)
    batches = [bytearray(make_batch(rng)) for _ in range(1000)]
    (root / FOLDER).mkdir(parents=True)
    segments: list[SourceSegment] = []
    next_offset = written = 0
    while written < size:
        base, filled = next_offset, 0
        with (root / segment_path(FOLDER, Offset(base))).open("wb") as file:
            while filled < min(segment_bytes, size - written):
                batch = rng.choice(batches)
                header = read_header(batch)
                file.write(
                    place_batch(
                        memoryview(batch),
                        base_offset=next_offset,
                        batch_length=header.batch_length,
                        leader_epoch=0,
                    )
                )
                filled += header.size
                next_offset += header.record_count
        segments.append(SourceSegment(Offset(base), Offset(next_offset), filled))
        written += filled
    return segments
