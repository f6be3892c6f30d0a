"""What a log costs that is checked after a crash, and one that is compacted."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final

from groundwork.real.disk import OsDirectory
from loadlab.broker.made_logs import FOLDER, write_log
from loadlab.broker.measuring import Row
from loadlab.broker.raw import KEY, NOW_MS
from streamcore.partition.history import PartitionHistory
from streamcore.record.places import Offset
from streamcore.record.records import Record, encode_batch
from streamcore.storage.compaction.job import CleaningJob
from streamcore.storage.compaction.round import CleaningRound
from streamcore.storage.recovery import open_log

RECORDS_PER_BATCH: Final = (1, 10, 100)
CHECKED_BYTES: Final = 200_000_000
COMPACTED_BYTES: Final = 100_000_000
SEGMENT_BYTES: Final = 32 << 20
KEYS: Final = 50_000
VALUE_BYTES: Final = (100, 1000)


def run_upkeep() -> Iterator[Row]:
    for records in RECORDS_PER_BATCH:
        yield _checked(records, is_idempotent=False)
        yield _checked(records, is_idempotent=True)
    for value_bytes in VALUE_BYTES:
        for records in RECORDS_PER_BATCH:
            yield _compacted(records, value_bytes)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _checked(records: int, *, is_idempotent: bool) -> Row:
    def batch(rng: Random) -> bytes:
        some = [Record(timestamp=NOW_MS, key=KEY, value=rng.randbytes(100))] * records
        if not is_idempotent:
            return encode_batch(some)
        return encode_batch(some, producer_id=7, producer_epoch=0, base_sequence=0)

    with _folder() as root:
        write_log(root, batch, size=CHECKED_BYTES, segment_bytes=SEGMENT_BYTES)
        directory, history = OsDirectory(root), PartitionHistory(producers_max=10)
        began = time.process_time()
        _, report = open_log(directory, FOLDER, checkpoint=None, now_ms=NOW_MS, reader=history)
        cpu = time.process_time() - began
    whose = "an idempotent producer's" if is_idempotent else "plain"
    return Row(
        load=f"log checked, {records} a batch, {whose}",
        figures={"MB/s per core": report.bytes_checked / cpu / 1e6},
    )


def _compacted(records: int, value_bytes: int) -> Row:
    def batch(rng: Random) -> bytes:
        return encode_batch(
            [
                Record(
                    timestamp=NOW_MS,
                    key=b"%016d" % rng.randrange(KEYS),
                    value=rng.randbytes(value_bytes),
                )
                for _ in range(records)
            ]
        )

    with _folder() as root:
        segments = write_log(root, batch, size=COMPACTED_BYTES, segment_bytes=SEGMENT_BYTES)
        job = CleaningJob(
            folder=FOLDER,
            segments=tuple(segments),
            first_dirty=Offset(0),
            segment_bytes=SEGMENT_BYTES,
            now_ms=NOW_MS,
            delete_retention_ms=0,
            key_map_bytes=128 << 20,
            bytes_per_second=0,
        )
        began = time.process_time()
        work = CleaningRound(OsDirectory(root), job, secret=12345 << 70, on_bytes=lambda _: None)
        for _ in work.groups():
            pass
        cpu = time.process_time() - began
    summary = work.summary()
    return Row(
        load=f"log compacted, {value_bytes} B values, {records} a batch",
        figures={
            "MB/s per core": sum(segment.size for segment in segments) / cpu / 1e6,
            "us/record": cpu / summary.records_read * 1e6,
            "% kept": 100 * summary.records_kept / summary.records_read,
        },
    )
