"""Whatever drivers, riders, clocks and crashes do: one ride a driver, one driver a ride."""

import random
from collections.abc import Iterator

import pytest

from rideflow.contracts.rides import CommandKind, RideEvent, RideFact, RideState
from rideflow.matching.answers import answer
from rideflow.matching.deadlines import Patience, facts_due
from rideflow.matching.refusals import Refusal
from rideflow.matching.ride_book import DriverTaken, RideBook
from tests.support.rides import NOW_MS, command, double_assignments

PATIENCE = Patience(offer_ms=3_000, accept_grace_ms=500, search_ms=20_000, dark_ms=9_000)
DRIVERS = range(1, 9)
STEPS = 300


class Town:
    """A few drivers and riders who do anything at any time, driven from one seed.

    The log is a list: a crash forgets the book and keeps the list, commands may come twice.
    """

    def __init__(self, seed: int, *, is_guarded: bool = True) -> None:
        self._rng = random.Random(seed)
        self._is_guarded = is_guarded
        self._now_ms = NOW_MS
        self._rides = 0
        self._dark: set[int] = set()
        self.book = RideBook()
        self.log: list[RideFact] = []
        self.refusals: list[Refusal] = []

    def run(self) -> None:
        for _ in range(STEPS):
            self._now_ms += self._rng.randint(0, 1_500)
            self._rng.choice((self._ask, self._speak, self._speak, self._window, self._crash))()

    def _ask(self) -> None:
        self._rides += 1
        self._take(CommandKind.REQUEST, f"r{self._rides}", driver=None)

    def _speak(self) -> None:
        kind = self._rng.choice([*CommandKind, CommandKind.ACCEPT, CommandKind.ACCEPT])
        ride = f"r{self._rng.randint(1, max(1, self._rides))}"
        driver = self._rng.choice([None, *DRIVERS])
        if self.book.engaged and self._rng.random() < 0.7:  # most drivers speak for themselves
            driver, ride = self._rng.choice(sorted(self.book.engaged.items()))
        for _ in range(self._rng.choice((1, 1, 2))):  # a restart reads commands again
            self._take(kind, ride, driver=driver)

    def _take(self, kind: CommandKind, ride: str, *, driver: int | None) -> None:
        late_ms = self._rng.choice((0, 0, 4_000))
        offer = self._rng.choice((None, 1, 2))
        wish = command(kind, ride, driver=driver, offer=offer, at_ms=self._now_ms - late_ms)
        before = len(self.book), dict(self.book.engaged)
        outcome = answer(self.book, wish, now_ms=self._now_ms, rides_max=50)
        if isinstance(outcome, Refusal):
            self.refusals.append(outcome)
            assert (len(self.book), dict(self.book.engaged)) == before
        else:
            self._let_be(outcome)

    def _window(self) -> None:
        self._dark = {driver for driver in DRIVERS if self._rng.random() < 0.1}
        for fact in facts_due(
            self.book,
            PATIENCE,
            now_ms=self._now_ms,
            silent_ms=lambda driver: 10_000 if driver in self._dark else 0,
        ):
            self._let_be(fact)
        free = [d for d in DRIVERS if not self._is_guarded or d not in self.book.engaged]
        self._rng.shuffle(free)
        for ride in list(self.book.rides_in(RideState.REQUESTED)):
            if free:
                self._let_be(
                    self.book.next_fact(
                        ride,
                        RideEvent.OFFER_SENT,
                        at_ms=self._now_ms,
                        driver=free.pop(),
                        offer=(ride.fact.offer or 0) + 1,
                        deadline_ms=self._now_ms + PATIENCE.offer_ms,
                    )
                )

    def _crash(self) -> None:
        again = RideBook.restored(_by_partition(self.log))
        assert again.engaged == self.book.engaged
        assert len(again) == len(self.book)
        self.book = again

    def _let_be(self, fact: RideFact) -> None:
        self.book.add(fact)
        self.log.append(fact)


def _by_partition(log: list[RideFact]) -> Iterator[RideFact]:
    """The log as four partitions give it back, one after the other."""
    for partition in range(4):
        yield from (fact for fact in log if int(fact.ride[1:]) % 4 == partition)


@pytest.mark.parametrize("seed", range(40))
def test_no_driver_has_two_rides_and_no_ride_two_drivers(seed: int) -> None:
    town = Town(seed)
    town.run()
    assert double_assignments(town.log) == []
    assert any(fact.event is RideEvent.OFFER_ACCEPTED for fact in town.log)
    assert Refusal.NOT_NOW in town.refusals
    numbers: dict[str, int] = {}
    for fact in town.log:
        assert fact.number == numbers.get(fact.ride, 0) + 1
        numbers[fact.ride] = fact.number


@pytest.mark.parametrize("seed", range(5))
def test_without_the_free_drivers_rule_the_book_itself_refuses(seed: int) -> None:
    with pytest.raises(DriverTaken):
        Town(seed, is_guarded=False).run()


@pytest.mark.parametrize("seed", range(5))
def test_with_both_guards_out_the_checker_finds_the_double_assignment(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bind_blindly(book: RideBook, before: RideFact | None, fact: RideFact) -> None:
        if fact.state is RideState.OFFERED and fact.driver is not None:
            book._engaged[fact.driver] = fact.ride

    monkeypatch.setattr(RideBook, "_bind", bind_blindly)
    monkeypatch.setattr(Town, "_crash", lambda town: None)
    town = Town(seed, is_guarded=False)
    town.run()
    assert double_assignments(town.log)
