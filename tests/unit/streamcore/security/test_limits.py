"""What peers may cost, decided without sockets: counts, deadlines, budgets, journal lines."""

import random

import pytest

from streamcore.broker.security.complaints import ALL_TOGETHER, WINDOW_MS, Complaints
from streamcore.broker.security.crowd import Crowd, CrowdLimits
from streamcore.broker.security.progress import (
    PROGRESS_BYTES,
    Deadlines,
    Limits,
    Overdue,
    Stall,
)
from streamcore.broker.security.receive_budget import ReceiveBudget

LIMITS = Limits(establish_ms=10_000, idle_ms=600_000, stall_ms=30_000)


class FakePeer:
    """A connection that a test moves."""

    def __init__(self, host: str = "10.0.0.9") -> None:
        self.host = host
        self.is_established = True
        self.is_active = False
        self.unsent = 0
        self.missing = 0
        self.cut_for: list[Overdue] = []
        self.shrunk = 0

    def take_activity(self) -> bool:
        return self.is_active

    def unsent_bytes(self) -> int:
        return self.unsent

    def missing_bytes(self) -> int:
        return self.missing

    def receive_bytes(self) -> int:
        return 100

    def shrink(self) -> None:
        self.shrunk += 1

    def cut(self, why: Overdue) -> None:
        self.cut_for.append(why)

    def stop_requests(self) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


def crowd(
    budget: ReceiveBudget | None = None,
    *,
    connections_max: int = 100,
    connections_per_host_max: int = 100,
    unsent_bytes_max: int = 1000,
) -> Crowd:
    limits = CrowdLimits(
        connections_max=connections_max,
        connections_per_host_max=connections_per_host_max,
        unsent_bytes_max=unsent_bytes_max,
        deadlines=LIMITS,
    )
    return Crowd(limits, budget or ReceiveBudget(1000))


def entered(into: Crowd, count: int) -> list[FakePeer]:
    peers = [FakePeer() for _ in range(count)]
    assert [into.enter(peer, 0) for peer in peers] == [None] * count
    return peers


# -- counts --


def test_connections_are_bounded_in_total_and_per_host() -> None:
    crowd_ = crowd(connections_max=3, connections_per_host_max=2)
    first, second, third = FakePeer("a"), FakePeer("a"), FakePeer("a")
    assert crowd_.enter(first, 0) is None
    assert crowd_.enter(second, 0) is None
    assert crowd_.enter(third, 0) == "it has 2 connections already"
    crowd_.leave(third)
    assert crowd_.enter(FakePeer("b"), 0) is None
    assert crowd_.enter(FakePeer("c"), 0) == "there are 3 connections already"
    crowd_.leave(first)
    assert crowd_.enter(third, 0) is None
    assert (len(crowd_), crowd_.refused_total) == (3, 2)
    assert crowd_.receive_bytes() == 300


# -- deadlines --


@pytest.mark.parametrize(
    ("is_established", "unsent", "looks_ms", "expected"),
    [
        (False, 0, [9_999], None),
        (False, 0, [10_000], Overdue.NOT_ESTABLISHED),
        (True, 0, [10_000], None),
        (True, 0, [599_999], None),
        (True, 0, [600_000], Overdue.IDLE),
        (True, 500, [0, 29_999], None),
        (True, 500, [0, 30_000], Overdue.NOT_READING),
    ],
)
def test_a_connection_is_overdue_at_its_deadline(
    is_established: bool, unsent: int, looks_ms: list[int], expected: Overdue | None
) -> None:
    deadlines = Deadlines(0)
    for now_ms in looks_ms:
        why = deadlines.look(
            now_ms,
            LIMITS,
            is_established=is_established,
            was_active=False,
            unsent_bytes=unsent,
        )
    assert why is expected


def test_activity_puts_off_the_end_of_an_idle_connection() -> None:
    deadlines = Deadlines(0)

    def look(now_ms: int, *, was_active: bool) -> Overdue | None:
        return deadlines.look(
            now_ms, LIMITS, is_established=True, was_active=was_active, unsent_bytes=0
        )

    assert look(500_000, was_active=True) is None
    assert look(1_099_999, was_active=False) is None
    assert look(1_100_000, was_active=False) is Overdue.IDLE
    forever = Limits(establish_ms=1, idle_ms=0, stall_ms=1)
    assert (
        deadlines.look(
            9_999_999_999, forever, is_established=True, was_active=False, unsent_bytes=0
        )
        is None
    )


def test_slow_is_not_stalled() -> None:
    stall = Stall()
    left = 100 * PROGRESS_BYTES
    assert stall.look(left, 0) == 0
    for second in range(1, 90):
        left -= PROGRESS_BYTES
        assert stall.look(left, second * 20_000) == 0
    # Now it takes a little, again and again, which is not progress.
    for second in range(1, 30):
        assert stall.look(left - second, 89 * 20_000 + second * 1000) == second * 1000
    assert stall.look(0, 10**9) == 0
    assert stall.look(5, 10**9 + 1) == 0, "something new"


# -- answers that are not taken --


def test_where_answers_take_too_much_memory_who_stands_still_longest_is_cut() -> None:
    crowd_ = crowd(unsent_bytes_max=1000)
    old, moving, new = entered(crowd_, 3)
    old.unsent = moving.unsent = 400
    for peer in (moving, old):
        crowd_.on_paused(peer)
    crowd_.look_round(0)
    moving.unsent = 400 + PROGRESS_BYTES  # it took all, and has new ones
    crowd_.look_round(20_000)
    new.unsent = 400
    crowd_.on_paused(new)
    assert (old.cut_for, moving.cut_for, new.cut_for) == ([Overdue.NOT_READING], [], [])
    assert crowd_.unsent_bytes == 800
    assert crowd_.cut_total[Overdue.NOT_READING] == 1


def test_unsent_answers_are_bounded_whoever_pauses_and_resumes() -> None:
    rng = random.Random(5)
    crowd_ = crowd(unsent_bytes_max=10_000)
    peers = entered(crowd_, 50)
    for now_ms in range(2_000):
        peer = rng.choice(peers)
        if peer.cut_for:
            continue
        peer.unsent = rng.choice([0, 10, 3000])
        if peer.unsent:
            crowd_.on_paused(peer)
        else:
            crowd_.on_resumed(peer)
        crowd_.look_round(now_ms)
        alive = [p for p in peers if not p.cut_for]
        assert sum(p.unsent for p in alive) == crowd_.unsent_bytes <= 10_000 + 3000
    assert any(peer.cut_for for peer in peers)


# -- requests that are coming in --


class Grower:
    """Grows by steps when it may."""

    def __init__(self, budget: ReceiveBudget) -> None:
        self.budget = budget
        self.has_room = 0
        self.held = 0

    def on_room(self) -> None:
        self.has_room += 1

    def grow(self, size: int) -> bool:
        if not self.budget.take(self, size):
            return False
        self.held += size
        return True

    def finish(self) -> None:
        self.held = 0
        self.budget.give_back(self)


def test_the_first_to_grow_can_always_finish_and_the_others_wait() -> None:
    budget = ReceiveBudget(100)
    first, second, third = (Grower(budget) for _ in range(3))
    assert first.grow(60)
    assert second.grow(40)
    assert not third.grow(1)
    assert not second.grow(10)
    assert first.grow(500), "one request may always go on"
    assert budget.is_short
    first.finish()
    assert (second.has_room, third.has_room) == (1, 1)
    assert second.grow(10)
    assert third.grow(1)
    assert not budget.is_short
    assert budget.held_bytes == 51


def test_when_the_first_goes_the_next_becomes_the_one_that_can_always_finish() -> None:
    budget = ReceiveBudget(100)
    first, second = Grower(budget), Grower(budget)
    assert first.grow(50)
    assert second.grow(50)
    assert not second.grow(200)
    first.finish()
    assert second.has_room == 1
    assert second.grow(200)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_granted_is_bounded_and_nobody_waits_for_ever(seed: int) -> None:
    rng = random.Random(seed)
    budget = ReceiveBudget(1000)
    waiting: dict[Grower, int] = {}
    growers = [Grower(budget) for _ in range(8)]
    for _ in range(500):
        grower = rng.choice(growers)
        if grower in waiting:
            continue
        size = rng.randint(1, 400)
        if grower.held + size > 600:
            grower.finish()
        elif not grower.grow(size):
            waiting[grower] = size
        for other, wanted in list(waiting.items()):
            if other.has_room:
                other.has_room = 0
                del waiting[other]
                if not other.grow(wanted):
                    waiting[other] = wanted
        assert budget.held_bytes == sum(g.held for g in growers) <= 1000 + 600
        assert budget.is_short == bool(waiting)
        assert len(waiting) < len(growers), "everybody waits for everybody"
    for grower in growers:
        grower.finish()
    assert budget.held_bytes == 0


def test_who_holds_others_up_without_sending_is_cut_and_who_has_spare_room_gives_it() -> None:
    budget = ReceiveBudget(100)
    crowd_ = crowd(budget)
    hostile, honest = entered(crowd_, 2)
    hostile.missing, hostile.is_active = 90_000_000, True
    honest.missing = 90_000_000
    for now_ms in range(0, 40_000, 1000):
        honest.missing -= PROGRESS_BYTES
        crowd_.look_round(now_ms)
    assert not hostile.cut_for, "nobody waits"
    holder = Grower(budget)
    holder.grow(100)
    Grower(budget).grow(1)
    for now_ms in range(40_000, 71_000, 1000):
        honest.missing -= PROGRESS_BYTES
        hostile.missing -= 1
        crowd_.look_round(now_ms)
    assert (hostile.cut_for, honest.cut_for) == ([Overdue.NOT_SENDING], [])
    assert honest.shrunk > 0


# -- journal lines --


def test_lines_about_one_host_and_kind_are_bounded_and_the_rest_is_counted() -> None:
    complaints = Complaints(lines_max=3)
    said = [complaints.may_be_said("a", "bad request", 0) for _ in range(10)]
    assert said == [True] * 3 + [False] * 7
    assert complaints.may_be_said("a", "TLS failed", 0)
    assert complaints.may_be_said("b", "bad request", 0)
    assert complaints.close_window(WINDOW_MS - 1) is None
    summary = "7 more lines about 1 hosts were left out (bad request: 7)"
    assert complaints.close_window(WINDOW_MS) == summary
    assert complaints.may_be_said("a", "bad request", WINDOW_MS + 1)
    assert complaints.close_window(2 * WINDOW_MS + 1) is None


def test_many_hosts_together_are_bounded_too() -> None:
    complaints = Complaints(lines_max=2)
    said = sum(complaints.may_be_said(f"host {number}", "x", 0) for number in range(10_000))
    assert said == 2 * ALL_TOGETHER
    assert "hosts were left out" in (complaints.close_window(WINDOW_MS) or "")
