"""Whatever races for a parked fetch, it is answered exactly once."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from streamcore.partition.purgatory import FetchPurgatory, ParkedFetch

PARTITIONS = st.integers(0, 3)


class PurgatoryMachine(RuleBasedStateMachine):
    """Parks, appends, lets time pass, drops connections, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.purgatory: FetchPurgatory[int, int] = FetchPurgatory()
        self.parked: dict[int, tuple[ParkedFetch[int, int], int]] = {}
        self.released: list[int] = []
        self.now_ms = 0
        self.count = 0

    def take(self, ready: list[ParkedFetch[int, int]]) -> None:
        for fetch in ready:
            assert fetch.what in self.parked, "answered twice, or never parked"
            del self.parked[fetch.what]
            self.released.append(fetch.what)

    @rule(
        partitions=st.lists(PARTITIONS, min_size=1, max_size=5),
        missing=st.integers(1, 100),
        wait_ms=st.integers(0, 50),
        is_committed_only=st.booleans(),
    )
    def park(
        self, partitions: list[int], missing: int, wait_ms: int, is_committed_only: bool
    ) -> None:
        self.count += 1
        fetch: ParkedFetch[int, int] = ParkedFetch(
            partitions=partitions,
            bytes_missing=missing,
            deadline_ms=self.now_ms + wait_ms,
            what=self.count,
            is_committed_only=is_committed_only,
        )
        self.purgatory.park(fetch)
        self.parked[self.count] = (fetch, missing)

    @rule(partition=PARTITIONS, size=st.integers(1, 60), stable_size=st.integers(0, 60))
    def append(self, partition: int, size: int, stable_size: int) -> None:
        def counted(fetch: ParkedFetch[int, int]) -> int:
            if partition not in fetch.partitions:
                return 0
            return stable_size if fetch.is_committed_only else size

        due = {
            number
            for number, (fetch, missing) in self.parked.items()
            if partition in fetch.partitions and missing <= counted(fetch)
        }
        self.parked = {
            number: (fetch, missing - counted(fetch))
            for number, (fetch, missing) in self.parked.items()
        }
        ready = self.purgatory.on_append(partition, size, stable_size=stable_size)
        assert {fetch.what for fetch in ready} == due
        self.take(ready)

    @rule(by_ms=st.integers(0, 30))
    def pass_time(self, by_ms: int) -> None:
        self.now_ms += by_ms
        self.take(self.purgatory.on_tick(now_ms=self.now_ms))
        assert all(fetch.deadline_ms > self.now_ms for fetch, _ in self.parked.values())

    @rule(partition=PARTITIONS)
    def delete(self, partition: int) -> None:
        self.take(self.purgatory.on_gone(partition))

    @rule(data=st.data())
    def lose_connection(self, data: st.DataObject) -> None:
        if self.parked:
            number = data.draw(st.sampled_from(sorted(self.parked)))
            fetch, _ = self.parked.pop(number)
            self.purgatory.forget(fetch)
            self.purgatory.forget(fetch)

    @rule()
    def shut_down(self) -> None:
        self.take(self.purgatory.on_shutdown())
        assert not self.parked

    @invariant()
    def it_knows_how_many_wait_and_for_how_long(self) -> None:
        assert self.purgatory.parked_count == len(self.parked)
        assert self.purgatory.next_deadline_ms() == min(
            (fetch.deadline_ms for fetch, _ in self.parked.values()), default=None
        )


TestPurgatory = PurgatoryMachine.TestCase
