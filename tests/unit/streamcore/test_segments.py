"""Batches are found again in their segment, by offset and by time, whatever was cut or failed."""

import itertools

import pytest

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.record.batch import HEADER_SIZE, place_batch, read_header
from streamcore.record.places import Offset
from streamcore.storage.failures import SegmentCorrupt, StorageFailed
from streamcore.storage.index import INTERVAL_BYTES, SparseIndex, decoded
from streamcore.storage.segment import PlacedBatch, Segment
from streamcore.storage.tail_cache import ENTRY_OVERHEAD_BYTES, TailCache
from tests.support.simulated_broker import batch_of, writable


def placed(base: int, *values: bytes, timestamp: int = 1000) -> PlacedBatch:
    batch = batch_of(*values, timestamp=timestamp)
    data = place_batch(
        writable(batch), base_offset=base, batch_length=len(batch) - 12, leader_epoch=0
    )
    newest = timestamp + len(values) - 1
    return PlacedBatch(Offset(base), Offset(base + len(values)), newest, data)


def segment_of(batches: list[PlacedBatch], directory: SimulatedDirectory | None = None) -> Segment:
    directory = directory or SimulatedDirectory()
    segment = Segment("p/0.log", batches[0].base_offset, directory.open_append("p/0.log"))
    for start in range(0, len(batches), 2):
        segment.append(batches[start : start + 2])
    return segment


def run_of_batches(count: int, *, size: int = 3000) -> list[PlacedBatch]:
    """Batches of two records, a second apart, large enough for many index entries."""
    return [
        placed(100 + 2 * number, b"v" * size, b"w", timestamp=1000 * number)
        for number in range(count)
    ]


def bases_in(data: memoryview) -> list[int]:
    bases = []
    position = 0
    while position < len(data):
        header = read_header(data, position)
        bases.append(header.base_offset)
        position += header.size
    assert position == len(data), "a batch is cut"
    return bases


@pytest.mark.parametrize("offset", [100, 101, 102, 140, 141, 198, 199])
def test_a_read_begins_with_the_batch_that_contains_the_offset(offset: int) -> None:
    segment = segment_of(run_of_batches(50))
    found = segment.read(Offset(offset), bytes_max=1)
    assert bases_in(found) == [offset - offset % 2]


@pytest.mark.parametrize("bytes_max", [1, 3000, 3200, 10_000, 40_000, 10_000_000])
def test_a_read_returns_as_many_whole_batches_as_fit_and_one_at_least(bytes_max: int) -> None:
    batches = run_of_batches(50)
    segment = segment_of(batches)
    found = bases_in(segment.read(Offset(110), bytes_max=bytes_max))
    sizes = itertools.accumulate(len(batch.data) for batch in batches[5:])
    fitting = sum(size <= bytes_max for size in sizes)
    assert found == [110 + 2 * number for number in range(max(1, fitting))]


def test_nothing_is_found_behind_the_end() -> None:
    assert not segment_of(run_of_batches(3)).read(Offset(106), bytes_max=1000)


@pytest.mark.parametrize(
    ("timestamp", "base"), [(0, 100), (1, 100), (2, 102), (20_500, 142), (49_001, 198)]
)
def test_the_first_batch_as_new_as_a_time_is_found(timestamp: int, base: int) -> None:
    _, header = segment_of(run_of_batches(50)).find_time(timestamp)
    assert header is not None
    assert header.base_offset == base


def test_no_batch_is_newer_than_the_newest() -> None:
    assert segment_of(run_of_batches(50)).find_time(49_002)[1] is None


def test_a_batch_out_of_time_order_is_still_found_by_time() -> None:
    batches = [placed(n, b"x" * 9000, timestamp=t) for n, t in enumerate([5, 90, 20, 30, 95])]
    segment = segment_of(batches)
    for timestamp, base in [(0, 0), (6, 1), (90, 1), (91, 4)]:
        header = segment.find_time(timestamp)[1]
        assert header is not None
        assert header.base_offset == base


def test_a_full_disk_leaves_the_segment_as_it_was() -> None:
    directory = SimulatedDirectory(room_bytes=10_000)
    segment = segment_of(run_of_batches(3), directory)
    before = (segment.size, segment.next_offset)
    with pytest.raises(StorageFailed, match=r"p/0\.log: No space left"):
        segment.append([placed(106, b"x" * 20_000)])
    assert (segment.size, segment.next_offset, segment.file.size()) == (*before, before[0])

    directory.room_bytes = None
    segment.append([placed(106, b"x" * 20_000)])
    assert bases_in(segment.read(Offset(106), bytes_max=1)) == [106]


def test_a_torn_write_that_cannot_be_cut_at_once_is_cut_before_the_next() -> None:
    directory = SimulatedDirectory(room_bytes=10_000)
    segment = segment_of(run_of_batches(3), directory)
    file = directory.file("p/0.log")
    cut = file.truncate

    def no_cut(size: int) -> None:
        raise OSError(5, "Input/output error")

    file.truncate = no_cut  # type: ignore[method-assign]  # a disk that fails twice
    with pytest.raises(StorageFailed, match="No space left"):
        segment.append([placed(106, b"x" * 20_000)])
    with pytest.raises(StorageFailed, match="Input/output error"):
        segment.append([placed(106, b"y")])
    file.truncate = cut  # type: ignore[method-assign]  # it works again
    segment.append([placed(106, b"y")])
    assert bases_in(segment.read(Offset(100), bytes_max=1 << 20)) == [100, 102, 104, 106]


def test_a_broken_length_is_named_with_file_and_position() -> None:
    directory = SimulatedDirectory()
    batches = run_of_batches(3)
    segment = segment_of(batches, directory)
    directory.file("p/0.log").flip_bit(len(batches[0].data) + 8, 7)
    with pytest.raises(SegmentCorrupt) as caught:
        segment.read(Offset(104), bytes_max=1)
    assert (caught.value.path, caught.value.position) == ("p/0.log", len(batches[0].data))


def test_an_index_survives_its_file() -> None:
    index = segment_of(run_of_batches(100)).index
    assert len(index) > 10
    again = decoded(index.encoded())
    assert again is not None
    assert again.encoded() == index.encoded()
    assert again.at_or_before(Offset(150)) == index.at_or_before(Offset(150))


@pytest.mark.parametrize("position", [0, 9, 13, 40])
def test_a_damaged_index_file_is_not_used(position: int) -> None:
    data = bytearray(segment_of(run_of_batches(100)).index.encoded())
    data[position] ^= 1
    assert decoded(bytes(data)) is None
    assert decoded(bytes(data[:7])) is None


def test_a_cut_index_knows_nothing_behind_the_cut() -> None:
    index = SparseIndex()
    for number in range(1, 10):
        index.add(Offset(number), number * INTERVAL_BYTES, newest_before=number)
    index.cut(4 * INTERVAL_BYTES)
    last = index.last()
    assert last is not None
    assert last.position == 3 * INTERVAL_BYTES
    assert index.position_at_or_before(99 * INTERVAL_BYTES) == 3 * INTERVAL_BYTES
    assert index.position_at_or_before(5) == 0


def test_the_tail_holds_the_newest_batches_within_its_budget() -> None:
    cost = len(placed(0, b"v").data) + ENTRY_OVERHEAD_BYTES
    cache = TailCache(bytes_max=10 * cost)
    one, two = cache.partition(), cache.partition()
    for base in range(3000):
        one.add(placed(base, b"v"))
        if base % 10 == 0:
            two.add(placed(base // 10, b"v"))
        assert cache.bytes_held <= 10 * cost
    assert one.read(Offset(2500), bytes_max=1 << 20) is None
    found = one.read(Offset(2995), bytes_max=1 << 20)
    assert found is not None
    assert [read_header(chunk).base_offset for chunk in found] == list(range(2995, 3000))
    assert one.read(Offset(3000), bytes_max=1) is None


def test_the_tail_returns_one_batch_at_least_and_no_more_than_fit() -> None:
    cache = TailCache(bytes_max=1 << 20)
    tail = cache.partition()
    batches = run_of_batches(5)
    for batch in batches:
        tail.add(batch)
    size = len(batches[0].data)
    for bytes_max, count in [(0, 1), (size - 1, 1), (2 * size, 2), (2 * size + 1, 2)]:
        found = tail.read(Offset(103), bytes_max=bytes_max)
        assert found == [batch.data for batch in batches[1 : 1 + count]]


def test_a_forgotten_tail_gives_its_memory_back() -> None:
    cache = TailCache(bytes_max=1 << 20)
    tail = cache.partition()
    for batch in run_of_batches(5):
        tail.add(batch)
    tail.clear()
    assert cache.bytes_held == 0
    assert tail.read(Offset(100), bytes_max=1) is None


def test_a_header_is_where_the_index_says() -> None:
    segment = segment_of(run_of_batches(100))
    entry = segment.index.at_or_before(Offset(200))
    assert entry is not None
    header = read_header(segment.file.read_at(entry.position, HEADER_SIZE))
    assert header.base_offset == entry.offset
