"""Compaction against a slow cleaner that goes by the book: of any log both leave the same."""

from dataclasses import dataclass, field
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from streamcore.record.batch import TRANSACTIONAL_BIT
from streamcore.record.compression import Codec
from streamcore.record.places import Offset
from streamcore.record.records import Record
from streamcore.storage.aborted_transactions import AbortedTransaction
from streamcore.storage.compaction.job import LastOfProducer
from tests.support.compaction_scene import (
    ABORT,
    COMMIT,
    DAY_MS,
    NOW_MS,
    CleanedRound,
    LogOnDisk,
    SlowCleaner,
    all_opened,
    data_batch,
    marker_batch,
    readable,
)

KEYS = (
    b"",
    b"a",
    b"b",
    b"a\x00",
    b"k" * 15,
    b"k" * 16,
    b"k" * 17 + b"x",
    b"k" * 17 + b"y",
    b"z" * 90,
)
Row: TypeAlias = tuple[bytes | None, bytes | None, int]

rows = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(KEYS), st.none()),
        st.one_of(st.none(), st.binary(max_size=40), st.just(b"v" * 200)),
        st.integers(-5, 70_000),
    ),
    min_size=1,
    max_size=6,
)
codecs = st.sampled_from(list(Codec))
producers = st.sampled_from([1, 2, 3])
steps = st.one_of(
    st.tuples(st.just("plain"), st.just(-1), rows, codecs),
    st.tuples(st.just("idempotent"), st.sampled_from([11, 12]), rows, codecs),
    st.tuples(st.just("in transaction"), producers, rows, codecs),
    st.tuples(st.just("commit"), producers),
    st.tuples(st.just("abort"), producers),
    st.just(("roll",)),
)


@dataclass(slots=True)
class History:
    """A log as a leader would have written it."""

    segments: list[list[bytes]] = field(default_factory=lambda: [[]])
    aborted: list[AbortedTransaction] = field(default_factory=list)
    open_since: dict[int, int] = field(default_factory=dict)
    sequences: dict[int, int] = field(default_factory=dict)
    last_of: dict[int, LastOfProducer] = field(default_factory=dict)
    next_offset: int = 0

    def append(self, producer_id: int, some: list[Row], codec: Codec, *, attributes: int) -> None:
        records = [
            Record(timestamp=NOW_MS + at, key=key, value=value, headers=(("h", b"1"),) * (at % 2))
            for key, value, at in some
        ]
        sequence = self.sequences.get(producer_id, 0) if producer_id >= 0 else -1
        self.segments[-1].append(
            data_batch(
                self.next_offset,
                records,
                codec=codec,
                producer_id=producer_id,
                producer_epoch=0 if producer_id >= 0 else -1,
                base_sequence=sequence,
                attributes=attributes,
            )
        )
        self.next_offset += len(records)
        if producer_id >= 0:
            self.sequences[producer_id] = sequence + len(records)
            self.last_of[producer_id] = LastOfProducer(0, self.next_offset - 1)

    def end_transaction(self, producer_id: int, kind: int) -> None:
        first = self.open_since.pop(producer_id, None)
        if first is None:
            return
        if kind == ABORT:
            self.aborted.append(AbortedTransaction(producer_id, first, self.next_offset))
        self.segments[-1].append(marker_batch(self.next_offset, kind, producer_id=producer_id))
        self.next_offset += 1

    def play(self, step: tuple) -> None:  # type: ignore[type-arg]  # its parts are checked by kind
        kind, *rest = step
        if kind == "roll":
            if self.segments[-1]:
                self.segments.append([])
        elif kind in ("commit", "abort"):
            self.end_transaction(rest[0], COMMIT if kind == "commit" else ABORT)
        else:
            producer_id, some, codec = rest
            if kind == "in transaction":
                self.open_since.setdefault(producer_id, self.next_offset)
            bits = TRANSACTIONAL_BIT if kind == "in transaction" else 0
            self.append(producer_id, some, codec, attributes=bits)

    def written(self) -> LogOnDisk:
        for producer_id in list(self.open_since):
            self.end_transaction(producer_id, COMMIT if producer_id % 2 else ABORT)
        return LogOnDisk([batches for batches in self.segments if batches])


def history_of(played: list[tuple]) -> History:  # type: ignore[type-arg]  # as above
    history = History()
    history.append(-1, [(b"first", b"1", 0)], Codec.NONE, attributes=0)
    for step in played:
        history.play(step)
    return history


@settings(max_examples=200, deadline=None)
@given(
    played=st.lists(steps, max_size=25),
    waits_ms=st.lists(st.sampled_from([0, 1000, DAY_MS, 3 * DAY_MS]), min_size=1, max_size=3),
    key_map_bytes=st.sampled_from([1, 1 << 20]),
    segment_bytes=st.sampled_from([1, 500, 1 << 20]),
    producers_are_known=st.booleans(),
    index_is_pruned=st.booleans(),
)
def test_it_leaves_what_the_slow_cleaner_leaves(
    played: list[tuple],  # type: ignore[type-arg]  # as above
    waits_ms: list[int],
    key_map_bytes: int,
    segment_bytes: int,
    producers_are_known: bool,
    index_is_pruned: bool,
) -> None:
    history = history_of(played)
    log = history.written()
    aborted = list(history.aborted)
    known = history.last_of if producers_are_known else {}
    committed = _committed(log, aborted)
    now_ms, first_dirty = NOW_MS, Offset(0)
    for wait_ms in waits_ms:
        now_ms += wait_ms
        before = log.opened()
        done = log.clean(
            now_ms=now_ms,
            first_dirty=first_dirty,
            aborted=tuple(aborted),
            producers=tuple(known.items()),
            key_map_bytes=key_map_bytes,
            segment_bytes=segment_bytes,
        )
        slow = SlowCleaner(
            first_dirty=first_dirty,
            clean_to=done.summary.clean_to,
            aborted=aborted,
            producers=known,
            now_ms=now_ms,
            delete_retention_ms=DAY_MS,
        )
        ends: set[int] = {group.next_offset for group in done.groups}
        reached = [batch for batch in before if batch.header.next_offset <= max(ends, default=0)]
        expected = slow.cleaned(reached, ends) + before[len(reached) :]
        after = log.opened()
        assert [batch.seen() for batch in after] == [batch.seen() for batch in expected]
        assert after[-1].header.next_offset == history.next_offset, "the log end moved"
        assert _committed(log, history.aborted) == committed, "a value was lost or came back"
        if index_is_pruned:
            aborted = _told_of(done, aborted)
        first_dirty = done.summary.clean_to


def _committed(log: LogOnDisk, aborted: list[AbortedTransaction]) -> dict[bytes, bytes]:
    """What readers of committed data had at the beginning, and always must have."""
    slow = SlowCleaner(
        first_dirty=0, clean_to=0, aborted=aborted, producers={}, now_ms=0, delete_retention_ms=0
    )
    return readable(slow.cleaned(log.opened(), set()))


def _told_of(done: CleanedRound, before: list[AbortedTransaction]) -> list[AbortedTransaction]:
    """What the index of aborted transactions holds after a round."""
    reached = max((group.next_offset for group in done.groups), default=0)
    beyond = [transaction for transaction in before if transaction.last_offset >= reached]
    return [*(each for group in done.groups for each in group.aborted), *beyond]


@settings(max_examples=100, deadline=None)
@given(played=st.lists(steps, max_size=25))
def test_a_second_round_at_the_same_time_changes_nothing(played: list[tuple]) -> None:  # type: ignore[type-arg]  # as above
    history = history_of(played)
    log = history.written()
    log.clean(aborted=tuple(history.aborted))
    # The first round met the data of transactions, so their markers stayed; now they are dated.
    log.clean(aborted=tuple(history.aborted))
    once = log.data()
    done = log.clean(aborted=tuple(history.aborted))
    assert log.data() == once
    assert all(group.path is None for group in done.groups)


@settings(max_examples=100, deadline=None)
@given(played=st.lists(steps, max_size=25))
def test_batches_that_lose_nothing_are_copied_byte_by_byte(played: list[tuple]) -> None:  # type: ignore[type-arg]  # as above
    history = history_of(played)
    log = history.written()
    before = log.data()
    log.clean(aborted=tuple(history.aborted))
    old = {batch.header.base_offset: batch for batch in all_opened(before)}
    for batch in log.opened():
        same = old[batch.header.base_offset]
        if batch.seen() == same.seen():
            assert batch.header == same.header
