"""The audit of sequence numbers finds what is missing, repeated and out of order; each is seen."""

import random
from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from rideflow.ops.audit_sequences import BACKLOG, LIVE, WINDOW, SequenceAudit, SequenceCounts

Ping = tuple[int, int]  # driver, sequence


def _take(audit: SequenceAudit, pings: Sequence[Ping], *, lane: int = LIVE) -> None:
    drivers = np.array([driver for driver, _ in pings], np.uint64)
    sequences = np.array([sequence for _, sequence in pings], np.uint32)
    audit.take(drivers, sequences, sequences.astype(np.int64) * 1000, lane=lane)


def _counts(live: Iterable[int], backlog: Iterable[int] = ()) -> SequenceCounts:
    """One driver's numbers, in one poll a lane."""
    audit = SequenceAudit()
    _take(audit, [(7, sequence) for sequence in live])
    _take(audit, [(7, sequence) for sequence in backlog], lane=BACKLOG)
    return audit.counts


def test_a_whole_run_is_clean() -> None:
    assert _counts(range(1, 2_000)) == SequenceCounts(
        checked=1_999, missing=0, repeated=0, disordered=0
    )


def test_a_skipped_number_is_missing() -> None:
    assert _counts([1, 2, 4, 5]).missing == 1


def test_a_number_seen_twice_is_repeated() -> None:
    counts = _counts([1, 2, 2, 3, 1])
    assert (counts.repeated, counts.missing, counts.disordered) == (2, 0, 0)


def test_a_smaller_number_after_a_larger_is_out_of_order() -> None:
    counts = _counts([1, 3, 2, 4])
    assert (counts.disordered, counts.missing, counts.repeated) == (1, 0, 0)


def test_the_backlog_lane_fills_what_the_live_lane_skipped() -> None:
    counts = _counts([1, 2, 40, 41], backlog=range(3, 40))
    assert (counts.missing, counts.repeated, counts.disordered) == (0, 0, 0)


def test_a_repeat_over_both_lanes_is_found() -> None:
    assert _counts([1, 2, 3], backlog=[2]).repeated == 1


def test_what_lies_below_the_first_number_is_not_ours_to_judge() -> None:
    counts = _counts([100, 101], backlog=[50, 51])
    assert (counts.missing, counts.repeated) == (0, 0)


def test_a_late_arrival_older_than_the_window_is_believed() -> None:
    late = range(2, 20)
    counts = _counts([1, *range(20, 20 + 2 * WINDOW)], backlog=late)
    assert (counts.missing, counts.repeated) == (0, 0)


def test_a_phone_that_begins_anew_is_no_repeat() -> None:
    audit = SequenceAudit()
    for start_ms in (0, 1_000_000):
        sequences = np.arange(1, 61, dtype=np.uint32)
        fixes_ms = start_ms + sequences.astype(np.int64) * 1000
        audit.take(np.full(60, 7, np.uint64), sequences, fixes_ms, lane=LIVE)
    assert audit.counts == SequenceCounts(checked=120, missing=0, repeated=0, disordered=0)


@pytest.mark.parametrize("seed", range(20))
def test_it_agrees_with_counting_every_number(seed: int) -> None:
    rng = random.Random(seed)
    audit = SequenceAudit()
    sent: dict[int, list[tuple[int, int]]] = {}
    for driver in range(1, 9):
        numbers = list(range(1, rng.randint(2, 400)))
        buffered = {n for n in numbers[1:-1] if rng.random() < 0.1}
        kept = [n for n in numbers if n == 1 or rng.random() > 0.05]
        live = [n for n in kept if n not in buffered for _ in range(1 + (rng.random() < 0.05))]
        for at in range(1, len(live) - 1):
            if rng.random() < 0.05:
                live[at], live[at + 1] = live[at + 1], live[at]
        late = [n for n in kept if n in buffered]
        sent[driver] = [(LIVE, n) for n in live] + [(BACKLOG, n) for n in late]
    expected = _counted_one_by_one(sent)
    for lane in (LIVE, BACKLOG):
        queues = {d: [n for of, n in pings if of == lane] for d, pings in sent.items()}
        while any(queues.values()):
            poll: list[Ping] = []
            for driver, queue in queues.items():
                cut = rng.randint(0, 5)
                poll += [(driver, n) for n in queue[:cut]]
                del queue[:cut]
            _take(audit, poll, lane=lane)
    assert audit.counts == expected


def _counted_one_by_one(sent: dict[int, list[tuple[int, int]]]) -> SequenceCounts:
    checked = missing = repeated = disordered = 0
    for pings in sent.values():
        seen: set[int] = set()
        highest = {LIVE: 0, BACKLOG: 0}
        for lane, number in pings:
            checked += 1
            if number in seen:
                repeated += 1
            elif number < highest[lane]:
                disordered += 1
            seen.add(number)
            highest[lane] = max(highest[lane], number)
        missing += max(seen) - len(seen)
    return SequenceCounts(
        checked=checked, missing=missing, repeated=repeated, disordered=disordered
    )
