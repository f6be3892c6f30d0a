"""The parts of compaction: what is due, the table of keys, the pace, what goes over the pipe."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.cleaner_worker import GO, answers
from streamcore.record.places import Offset
from streamcore.record.records import Record
from streamcore.storage.aborted_transactions import AbortedTransaction
from streamcore.storage.compaction.chunks import read_chunk
from streamcore.storage.compaction.job import (
    CleanedGroup,
    LastOfProducer,
    RoundSummary,
    SourceSegment,
    decode_group,
    decode_job,
    decode_summary,
    encode_group,
    encode_job,
    encode_summary,
)
from streamcore.storage.compaction.key_digests import HASHED_KEY_BYTES, KeyDigests
from streamcore.storage.compaction.offset_map import NO_OFFSET, OffsetMap
from streamcore.storage.compaction.pace import Pace
from streamcore.storage.compaction.planning import Dirt, dirt_of, grouped
from streamcore.storage.segment import PlacedBatch, Segment
from streamcore.storage.tail_cache import TailCache
from tests.support.compaction_scene import NOW_MS, LogOnDisk, data_batch

FOREVER_MS = (1 << 63) - 1


# What is due


def segments(*ages_ms: int, records: int = 10) -> list[Segment]:
    """Segments of one batch each, this old; the last is the active one."""
    disk = SimulatedDirectory()
    made = []
    for number, age_ms in enumerate(ages_ms):
        base = number * records
        newest = NOW_MS - age_ms
        data = data_batch(base, [Record(timestamp=newest, key=b"k", value=b"v")] * records)
        segment = Segment(f"{base}.log", Offset(base), disk.open_append(f"{base}.log"))
        segment.append([PlacedBatch(Offset(base), Offset(base + records), newest, data)])
        made.append(segment)
    return made


def dirt(
    log: list[Segment],
    *,
    first_dirty: int = 0,
    first_uncleanable: int = 1000,
    min_lag_ms: int = 0,
    max_lag_ms: int = FOREVER_MS,
) -> Dirt:
    return dirt_of(
        log,
        first_dirty=Offset(first_dirty),
        first_uncleanable=Offset(first_uncleanable),
        min_lag_ms=min_lag_ms,
        max_lag_ms=max_lag_ms,
        now_ms=NOW_MS,
    )


def test_the_active_segment_is_never_cleaned() -> None:
    log = segments(5, 4, 3)
    found = dirt(log)
    assert (found.first_dirty, found.end) == (0, 20)
    assert found.dirty_bytes == log[0].size + log[1].size
    assert not dirt(log[:1]).is_due(0.0)


@pytest.mark.parametrize(("bound", "end"), [(30, 30), (29, 20), (20, 20), (19, 10), (5, 0), (0, 0)])
def test_nothing_at_or_behind_the_first_uncleanable_offset_is_cleaned(bound: int, end: int) -> None:
    assert dirt(segments(9, 8, 7, 6), first_uncleanable=bound).end == end


def test_how_dirty_a_log_is_is_the_part_that_no_round_has_seen() -> None:
    log = segments(9, 8, 7, 6, 5)
    assert dirt(log, first_dirty=0).ratio == 1.0
    assert dirt(log, first_dirty=30).ratio == 0.25
    assert dirt(log, first_dirty=35).ratio == 0.25, "part of a segment counts as all of it"
    assert dirt(log, first_dirty=40).ratio == 0.0
    assert not dirt(log, first_dirty=40).is_due(0.0)


def test_a_log_is_due_above_the_ratio_only() -> None:
    half = dirt(segments(9, 8, 7), first_dirty=10)
    assert half.ratio == 0.5
    assert half.is_due(0.49)
    assert not half.is_due(0.5)


@pytest.mark.parametrize("first_dirty", [-5, 51, 1 << 40])
def test_a_note_from_another_time_of_the_log_counts_for_nothing(first_dirty: int) -> None:
    assert dirt(segments(9, 8, 7, 6, 5), first_dirty=first_dirty).first_dirty == 0


def test_what_is_younger_than_the_lag_stays_dirty_and_what_is_behind_it_too() -> None:
    log = segments(900, 50, 900, 10)
    assert dirt(log, min_lag_ms=100).end == 10
    assert dirt(log, min_lag_ms=50).end == 30
    assert dirt(log, first_dirty=20, min_lag_ms=100).end == 30, "what is clean has no lag"


def test_a_log_is_due_when_it_has_been_dirty_for_too_long() -> None:
    log = segments(900, 50, 900, 10)
    assert not dirt(log, first_dirty=20, max_lag_ms=901).is_due(0.9)
    assert dirt(log, first_dirty=20, max_lag_ms=899).is_due(0.9)
    assert not dirt(log, first_dirty=30, max_lag_ms=1).is_due(0.9), "nothing may be cleaned"
    young = segments(-5, 50)
    assert not dirt(young, max_lag_ms=1).is_overdue


def source(base: int, end: int, size: int) -> SourceSegment:
    return SourceSegment(Offset(base), Offset(end), size)


def test_neighbours_are_grouped_by_size_and_by_offsets() -> None:
    far = (1 << 31) - 1
    given_ = [
        source(0, 5, 40),
        source(5, 9, 40),
        source(9, 12, 40),
        source(12, far, 1),
        source(far, far + 1, 1),
        source(far + 1, far + 2, 900),
        source(far + 2, far + 3, 1),
    ]
    found = grouped(given_, end=Offset(far + 2), segment_bytes=100)
    assert [[each.base_offset for each in group] for group in found] == [
        [0, 5], [9, 12, far], [far + 1],
    ]  # fmt: skip
    assert grouped(given_, end=Offset(0), segment_bytes=100) == []
    assert len(grouped(given_, end=Offset(1), segment_bytes=100)) == 1


# The table of keys


def digests(*numbers: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint64]]:
    return np.array([[number, number * 7] for number in numbers], np.uint64)


def test_of_many_offsets_of_a_key_the_last_counts() -> None:
    keys = OffsetMap(bytes_max=1 << 20, secret=5)
    keys.put(digests(1, 2, 1, 1, 3), np.arange(5))
    assert keys.newest(digests(3, 1, 2, 4)).tolist() == [4, 3, 1, NO_OFFSET]
    keys.put(digests(2, 4), np.array([10, 11]))
    assert keys.newest(digests(3, 1, 2, 4)).tolist() == [4, 3, 10, 11]
    assert len(keys) == 4


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(st.integers(0, 400), max_size=700), max_size=8),
    secret=st.integers(0, (1 << 128) - 1),
)
def test_the_table_is_a_dictionary_whatever_it_is_filled_with(
    rows: list[list[int]], secret: int
) -> None:
    keys = OffsetMap(bytes_max=200, secret=secret)
    expected: dict[int, int] = {}
    offset = 0
    for some in rows:
        offsets = np.arange(offset, offset + len(some))
        offset += len(some)
        keys.put(digests(*some).reshape(-1, 2), offsets)
        expected.update(zip(some, offsets.tolist(), strict=True))
    found = keys.newest(digests(*range(401)))
    assert found.tolist() == [expected.get(number, NO_OFFSET) for number in range(401)]
    assert len(keys) == len(expected)


def test_the_table_says_when_it_is_full() -> None:
    keys = OffsetMap(bytes_max=100_000, secret=1)
    room = keys.room
    assert 1000 < room < 100_000 / 24
    keys.put(digests(*range(room - 1)), np.arange(room - 1))
    keys.put(digests(*range(room - 1)), np.arange(room, 2 * room - 1))
    assert keys.room == 1, "keys that were there take no room"
    keys.put(digests(1 << 40), np.array([1 << 40]))
    assert keys.room == 0


def test_keys_that_look_alike_have_digests_of_their_own() -> None:
    rng = random.Random(1)
    keys = {b"", b"\x00", b"\x00\x00", b"a", b"a\x00", b"a" * 15, b"a" * 16, b"a" * 15 + b"\x00"}
    keys |= {rng.randbytes(rng.randrange(HASHED_KEY_BYTES + 9)) for _ in range(500)}
    keys |= {bytes(size) for size in range(HASHED_KEY_BYTES + 9)}
    keys |= {b"k" * size + b"%02d" % number for size in (14, 15, 38, 62) for number in range(99)}
    batch = data_batch(0, [Record(timestamp=0, key=key, value=b"x") for key in sorted(keys)])
    records = read_chunk(batch, path="p", position=0, next_offset=0).records
    digests = KeyDigests(secret=7)
    found = digests.of(records, np.arange(len(records)))
    assert len({tuple(row) for row in found.tolist()}) == len(keys)
    some = np.array([3, 1, 2, len(records) - 1, len(records) // 2])
    assert (digests.of(records, some) == found[some]).all(), "they depend on what stands beside"
    others = KeyDigests(secret=8).of(records, np.arange(len(records)))
    is_hashed = (records.key_sizes > 15) & (records.key_sizes <= HASHED_KEY_BYTES)
    assert ((found != others).any(axis=1) == is_hashed).all(), "the secret has no effect"


# The pace


def test_work_is_slowed_down_to_the_bytes_that_it_may_move() -> None:
    now_ms = 0
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        nonlocal now_ms
        pauses.append(seconds)
        now_ms += int(seconds * 1000)

    pace = Pace(1000, now_ms=lambda: now_ms, pause=pause)
    pace.took(500)
    now_ms += 400
    pace.took(500)
    assert pauses == [0.5, 0.1]
    now_ms += 5000
    pace.took(4000)
    assert pauses == [0.5, 0.1], "it was slow enough by itself"


def test_without_a_limit_nothing_waits() -> None:
    pace = Pace(0, now_ms=lambda: 0, pause=lambda _: pytest.fail("paused"))
    pace.took(1 << 40)


# The pipe


JOB = LogOnDisk([[data_batch(0, [Record(timestamp=0, key=b"k", value=b"v")])]]).job(
    aborted=(AbortedTransaction(1, 2, 3),), producers=((5, LastOfProducer(0, None)),)
)


def test_jobs_and_answers_survive_the_pipe() -> None:
    assert decode_job(encode_job(JOB)) == JOB
    group = CleanedGroup(
        base_offset=Offset(0),
        next_offset=Offset(9),
        bytes_read=5,
        path="x",
        size=4,
        newest_timestamp=7,
        aborted=(AbortedTransaction(1, 2, 3),),
    )
    assert decode_group(_json(encode_group(group))["group"]) == group
    summary = RoundSummary(clean_to=Offset(3), records_read=4, records_kept=2, keyless_records=1)
    assert decode_summary(_json(encode_summary(summary))["summary"]) == summary


def _json(line: bytes) -> dict[str, object]:
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    found: dict[str, object] = json.loads(line)
    return found


def two_segments() -> LogOnDisk:
    records = [Record(timestamp=0, key=b"k", value=b"v")] * 2
    return LogOnDisk([[data_batch(0, records)], [data_batch(2, records)]])


def test_a_worker_answers_each_group_and_then_the_summary() -> None:
    log = two_segments()
    job = replace(log.job(segment_bytes=1), bytes_per_second=1 << 40)
    kinds = [next(iter(_json(line))) for line in answers(log.disk, job, lambda: True)]
    assert kinds == ["group", "group", "summary"]


def test_a_worker_that_is_told_to_stop_does_nothing_more() -> None:
    log = two_segments()
    said = [_json(line) for line in answers(log.disk, log.job(segment_bytes=1), lambda: False)]
    assert [next(iter(line)) for line in said] == ["group", "stopped"]
    assert GO.endswith(b"\n")


def test_a_worker_names_what_is_corrupt_and_what_failed() -> None:
    log = two_segments()
    path = f"{log.folder}/00000000000000000002.log"
    job = log.job()
    log.disk.file(path).flip_bit(30, 1)
    assert [_json(line) for line in answers(log.disk, job, lambda: True)] == [
        {"corrupt": [path, 0, "CRC-32C does not match"]}
    ]
    log.disk.remove(path)
    (said,) = answers(log.disk, job, lambda: True)
    assert "No such file" in str(_json(said)["failed"])
    full = two_segments()
    full.disk.room_bytes = 10
    (said,) = answers(full.disk, full.job(), lambda: True)
    assert "No space left" in str(_json(said)["failed"])
    assert not [name for name in full.disk.names(full.folder) if name.endswith(".cleaned")]


# The tail cache


def test_a_tail_gives_out_nothing_of_what_was_cleaned() -> None:
    tail = TailCache(bytes_max=1 << 20).partition()
    for base in (0, 2, 4):
        tail.add(PlacedBatch(Offset(base), Offset(base + 2), 0, b"%d" % base))
    tail.forget_before(Offset(4))
    assert [tail.read(Offset(offset), bytes_max=1) for offset in (0, 3)] == [None, None]
    assert tail.read(Offset(5), bytes_max=1) == [b"4"]
    tail.forget_before(Offset(2))
    assert tail.read(Offset(3), bytes_max=1) is None, "it never comes back"
