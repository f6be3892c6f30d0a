"""A walk over a segment finds its batches, and names every place that is wrong."""

from pathlib import Path
from struct import Struct

import pytest
from typer.testing import CliRunner

from streamcore.commands.app import app
from streamcore.commands.segment_walk import Fault, SegmentWalk, WalkedBatch, control_type
from streamcore.record.batch import CONTROL_BIT, TRANSACTIONAL_BIT, place_batch
from streamcore.record.compression import Codec
from streamcore.record.places import Offset
from streamcore.record.records import Record
from streamcore.storage.index import IndexEntry, SparseIndex
from tests.support.odd_batches import batch_around, plain_records
from tests.support.simulated_broker import batch_of, writable

EPOCH = 5


def placed(base: int, *values: bytes, timestamp: int = 1000) -> bytes:
    return put_at(base, batch_of(*values, timestamp=timestamp))


def put_at(base: int, batch: bytes) -> bytes:
    return place_batch(
        writable(batch), base_offset=base, batch_length=len(batch) - 12, leader_epoch=EPOCH
    )


def marker(base: int, kind: int) -> bytes:
    """The control batch that ends a transaction."""
    records = [Record(timestamp=1, key=Struct(">hh").pack(0, kind), value=b"\0" * 6)]
    bits = CONTROL_BIT | TRANSACTIONAL_BIT
    return put_at(
        base,
        batch_around(plain_records(records), Codec.NONE, records, attributes=bits, producer_id=3),
    )


FIRST, SECOND, THIRD = placed(10, b"a", b"b"), placed(12, b"c"), placed(13, b"d", b"e")


def walk(data: bytes, **settings: object) -> tuple[SegmentWalk, list[WalkedBatch], list[Fault]]:
    walked = SegmentWalk(data=memoryview(data), base_offset=10, **settings)  # type: ignore[arg-type]  # passed through
    steps = list(walked.steps())
    batches = [step for step in steps if isinstance(step, WalkedBatch)]
    return walked, batches, [step for step in steps if isinstance(step, Fault)]


def test_all_batches_of_a_whole_segment_are_found() -> None:
    walked, batches, faults = walk(FIRST + SECOND + THIRD, with_records=True)
    assert [batch.position for batch in batches] == [0, len(FIRST), len(FIRST + SECOND)]
    assert [batch.header.base_offset for batch in batches] == [10, 12, 13]
    assert [record.value for batch in batches for record in batch.records] == [
        *(b"a", b"b"),
        b"c",
        *(b"d", b"e"),
    ]
    assert (walked.batches, walked.record_count, walked.faults, faults) == (3, 5, 0, [])


@pytest.mark.parametrize("position", [16, 17, 40, len(FIRST) - 1])
def test_a_corrupt_batch_is_named_and_the_next_is_found(position: int) -> None:
    data = bytearray(FIRST + SECOND + THIRD)
    data[position] ^= 0x40
    walked, batches, faults = walk(bytes(data))
    assert [(fault.kind, fault.position, fault.size) for fault in faults] == [
        ("corrupt", 0, len(FIRST))
    ]
    assert [batch.header.base_offset for batch in batches] == [12, 13]
    assert walked.faults == 1


def test_a_length_that_passes_over_batches_hides_none_of_them() -> None:
    data = bytearray(FIRST + SECOND + THIRD)
    data[10] = 0x7F
    _, batches, (fault,) = walk(bytes(data))
    assert (fault.kind, fault.position, fault.size) == ("torn", 0, len(FIRST))
    assert [batch.header.base_offset for batch in batches] == [12, 13]


@pytest.mark.parametrize("kept", [1, 60, len(THIRD) - 1])
def test_a_torn_end_is_named(kept: int) -> None:
    walked, batches, (fault,) = walk(FIRST + SECOND + THIRD[:kept])
    assert (fault.kind, fault.position, fault.size) == ("torn", len(FIRST + SECOND), kept)
    assert len(batches) == walked.batches == 2


def test_offsets_that_go_back_are_named() -> None:
    _, batches, (fault,) = walk(FIRST + THIRD + SECOND)
    assert (fault.kind, fault.reason) == ("order", "offset 12 behind 14")
    assert len(batches) == 3
    _, _, (fault,) = walk(placed(9, b"x"))
    assert (fault.kind, fault.position) == ("order", 0)


def test_gaps_of_compaction_are_no_fault() -> None:
    _, _, faults = walk(FIRST + placed(100, b"x"))
    assert faults == []


def test_records_that_cannot_be_unpacked_are_named() -> None:
    records = [Record(timestamp=1, key=None, value=b"v")]
    lying = put_at(12, batch_around(b"no gzip", Codec.GZIP, records))
    _, batches, (fault,) = walk(FIRST + lying + THIRD, with_records=True)
    assert (fault.kind, fault.position) == ("records", len(FIRST))
    assert len(batches) == 3
    assert walk(FIRST + lying + THIRD)[2] == []


def test_control_batches_say_how_a_transaction_ended() -> None:
    _, batches, faults = walk(FIRST + marker(12, 1) + marker(13, 0) + marker(14, 9))
    assert [control_type(batch) for batch in batches] == [None, "commit", "abort", "type 9"]
    assert faults == []


def index_of(*entries: tuple[int, int, int]) -> dict[int, IndexEntry]:
    return {at: IndexEntry(Offset(offset), at, newest) for offset, at, newest in entries}


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ((12, len(FIRST), 1001), None),
        ((12, len(FIRST), 5000), None),
        ((11, len(FIRST), 1001), "it says offset 11, here is 12"),
        ((12, len(FIRST), 999), "it says time 999, before it is 1001"),
        ((12, len(FIRST) + 1, 1001), "no batch begins where it says"),
    ],
    ids=["right", "late", "offset", "time", "place"],
)
def test_an_index_is_compared_with_the_segment(
    entry: tuple[int, int, int], reason: str | None
) -> None:
    _, _, faults = walk(FIRST + SECOND + THIRD, index=index_of(entry))
    assert [fault.reason for fault in faults] == ([reason] if reason else [])
    assert all(fault.kind == "index" for fault in faults)


def dumped(*words: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, ["dump-segment", *words])
    assert result.exit_code == status, (result.output, result.exception)
    return result.output


def test_a_folder_is_verified_file_by_file(tmp_path: Path) -> None:
    index = SparseIndex()
    index.add(Offset(12), len(FIRST), newest_before=1001)
    for partition in ("0", "1"):
        folder = tmp_path / partition
        folder.mkdir()
        (folder / "00000000000000000010.log").write_bytes(FIRST + SECOND)
        (folder / "00000000000000000010.index").write_bytes(index.encoded())
        (folder / "00000000000000000013.log").write_bytes(b"")
    out = dumped(str(tmp_path), "--verify")
    assert (
        out.count(f"2 batches, 3 records, {len(FIRST + SECOND)} bytes, 1 index entries, 0 faults")
        == 2
    )
    assert out.count("0 batches, 0 records, 0 bytes, 0 index entries, 0 faults") == 2
    (tmp_path / "1" / "00000000000000000010.index").write_bytes(b"?")
    assert "the broker builds it again" in dumped(str(tmp_path), "--verify")


def test_every_bad_place_is_told_and_the_status_is_1(tmp_path: Path) -> None:
    file = tmp_path / "00000000000000000010.log"
    data = bytearray(FIRST + SECOND + THIRD)
    data[30] ^= 1
    file.write_bytes(data[:-3])
    out = dumped(str(file), "--verify", status=1)
    assert f"{file}: at byte 0: corrupt: CRC-32C does not match" in out
    assert f"at byte {len(FIRST + SECOND)}: torn: batch of {len(THIRD)} bytes" in out
    assert "2 faults" in out
    assert "base_offset=12" in dumped(str(file), status=1)


def test_what_is_no_segment_is_said(tmp_path: Path) -> None:
    assert "no segments (*.log) in it" in dumped(str(tmp_path), status=1)
    assert "No such file" in dumped(str(tmp_path / "none.log"), status=1)
