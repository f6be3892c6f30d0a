"""A retry is recognised, a gap is refused, and what never reached the log is forgotten."""

import pytest

from streamcore.partition.producers import Duplicate, ProducerTable, Verdict
from streamcore.record.batch import BatchHeader, read_header
from streamcore.record.places import Offset
from tests.support.simulated_broker import batch_of


def header_of(
    sequence: int, *, count: int = 2, producer_id: int = 9, epoch: int = 0
) -> BatchHeader:
    return read_header(
        batch_of(
            *[b"v"] * count,
            producer_id=producer_id,
            producer_epoch=epoch,
            base_sequence=sequence,
        )
    )


def table_with(*sequences: int) -> ProducerTable:
    table = ProducerTable(producers_max=100)
    for sequence in sequences:
        table.remember(header_of(sequence), Offset(sequence * 10))
    table.commit()
    return table


def test_consecutive_batches_are_appended() -> None:
    assert table_with(0, 2).judge(header_of(4)) is Verdict.APPEND


def test_any_of_the_last_five_batches_is_recognised_when_it_comes_again() -> None:
    table = table_with(0, 2, 4, 6, 8, 10)
    for sequence in (2, 4, 6, 8, 10):
        assert table.judge(header_of(sequence)) == Duplicate(Offset(sequence * 10))
    assert table.judge(header_of(0)) is Verdict.OUT_OF_ORDER


def test_a_gap_is_out_of_order() -> None:
    assert table_with(0, 2).judge(header_of(6)) is Verdict.OUT_OF_ORDER


def test_a_retry_of_another_size_is_no_duplicate() -> None:
    assert table_with(0, 2).judge(header_of(2, count=3)) is Verdict.OUT_OF_ORDER


def test_a_new_producer_may_begin_anywhere() -> None:
    assert table_with().judge(header_of(17)) is Verdict.APPEND


def test_an_old_epoch_is_fenced_and_a_new_one_begins_at_zero() -> None:
    table = ProducerTable(producers_max=100)
    table.remember(header_of(0, epoch=4), Offset(0))
    assert table.judge(header_of(2, epoch=3)) is Verdict.FENCED
    assert table.judge(header_of(2, epoch=5)) is Verdict.OUT_OF_ORDER
    assert table.judge(header_of(0, epoch=5)) is Verdict.APPEND


def test_sequences_wrap_behind_the_largest() -> None:
    largest = (1 << 31) - 1
    table = ProducerTable(producers_max=100)
    table.remember(header_of(largest - 1, count=2), Offset(0))
    assert table.judge(header_of(0)) is Verdict.APPEND
    table.remember(header_of(0), Offset(2))
    table.commit()
    assert table.judge(header_of(largest - 1)) == Duplicate(Offset(0))


def test_a_rolled_back_round_leaves_no_trace() -> None:
    table = table_with(0)
    before = table.snapshot()
    table.remember(header_of(2), Offset(20))
    table.remember(header_of(0, producer_id=77), Offset(22))
    assert table.snapshot() == before, "a snapshot holds what is in the log, nothing staged"
    table.roll_back()
    assert table.snapshot() == before
    assert table.judge(header_of(2)) is Verdict.APPEND


def test_a_snapshot_restores_every_state() -> None:
    table = table_with(0, 2, 4)
    restored = ProducerTable(producers_max=100)
    restored.restore(table.snapshot())
    assert restored.snapshot() == table.snapshot()
    assert restored.judge(header_of(4)) == Duplicate(Offset(40))


@pytest.mark.parametrize("producers_max", [1, 3])
def test_the_longest_silent_producer_makes_room(producers_max: int) -> None:
    table = ProducerTable(producers_max=producers_max)
    for producer_id in range(5):
        table.remember(header_of(0, producer_id=producer_id), Offset(producer_id))
    table.commit()
    assert [row[0] for row in table.snapshot()] == [0, 1, 2, 3, 4][-producers_max:]
