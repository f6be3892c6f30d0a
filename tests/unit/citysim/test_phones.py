"""Drivers' phones, and what goes wrong with them on purpose."""

from dataclasses import replace

import numpy as np
import pytest

from citysim.city.faults import INJECTED, FaultJournal, FaultKind, FaultRates
from citysim.city.fleet import Moved
from citysim.city.phones import DARK_PINGS_MAX, Phones
from rideflow.contracts.pings import PING, DriverState, PingFlag
from rideflow.roads.plane import haversine_m

PERFECT = replace(FaultRates().scaled(0.0), noise_m=0.0)


def phones_of(count: int, rates: FaultRates, seed: int = 1) -> tuple[Phones, FaultJournal]:
    journal = FaultJournal()
    phones = Phones(
        driver_ids=np.arange(1, count + 1, dtype=np.uint64),
        block_size=10,
        latitude=57.7,
        rates=rates,
        seed=seed,
        journal=journal,
    )
    return phones, journal


def moved_of(count: int) -> Moved:
    return Moved(
        first=0,
        lon_e7=np.full(count, 119_500_000.0),
        lat_e7=np.full(count, 577_000_000.0),
        bearing_cdeg=np.full(count, 9_000.0),
        speed_mps=np.full(count, 12.5),
        arrived=[],
    )


def sent_by(phones: Phones, count: int, steps: int, *, and_leave: bool = True) -> np.ndarray:
    """Return all pings in the order of sending; fix times are the step in seconds."""
    payloads = []
    for step in range(steps):
        fix_ms = np.full(count, 1_000 * step, np.int64)
        for sending in phones.report(moved_of(count), step=step, fix_ms=fix_ms):
            payloads += [sending.frame, sending.extras]
    if and_leave:
        payloads += [sending.extras for sending in phones.leave()]
    return np.frombuffer(b"".join(payloads), PING)


class TestPhones:
    def test_in_a_perfect_world_every_step_is_one_true_ping(self) -> None:
        phones, journal = phones_of(20, PERFECT)
        phones.set_state(4, DriverState.ON_TRIP)
        pings = sent_by(phones, 20, 3)
        assert len(pings) == 60
        assert pings["sequence"].tolist() == [1] * 20 + [2] * 20 + [3] * 20
        assert pings["driver"][:20].tolist() == list(range(1, 21))
        assert set(pings["lat_e7"].tolist()) == {577_000_000}
        assert set(pings["speed_cm_s"].tolist()) == {1_250}
        assert pings["state"][:6].tolist() == [1, 1, 1, 1, DriverState.ON_TRIP, 1]
        assert set(journal.counts().values()) == {0}

    @pytest.mark.parametrize("seed", range(4))
    def test_whatever_goes_wrong_no_sequence_is_missing(self, seed: int) -> None:
        phones, journal = phones_of(50, FaultRates().scaled(40.0), seed)
        pings = sent_by(phones, 50, 80)
        found = journal.all()
        repeats = found[found["kind"] == FaultKind.DUPLICATE]
        expected = {(driver, sequence): 1 for driver in range(1, 51) for sequence in range(1, 81)}
        for row in repeats:
            expected[int(row["driver"]), int(row["sequence"])] += 1
        sent: dict[tuple[int, int], int] = {}
        for ping in pings:
            name = (int(ping["driver"]), int(ping["sequence"]))
            sent[name] = sent.get(name, 0) + 1
        assert sent == expected
        counts = journal.counts()
        assert min(counts[kind] for kind in ("duplicate", "swapped", "dark", "jitter")) > 0

    def test_a_swapped_ping_follows_its_successor(self) -> None:
        phones, journal = phones_of(10, replace(PERFECT, swapped=0.1))
        pings = sent_by(phones, 10, 20)
        swapped = journal.all()
        assert len(swapped) > 5
        for row in swapped:
            own = pings["sequence"][pings["driver"] == row["driver"]].tolist()
            later = own[: own.index(int(row["sequence"]))]
            assert int(row["sequence"]) + 1 in later or int(row["sequence"]) == 20

    def test_a_dark_phone_sends_the_newest_first_and_the_rest_as_backlog(self) -> None:
        phones, journal = phones_of(10, replace(PERFECT, dark=0.02))
        pings = sent_by(phones, 10, 100)
        first = journal.all()[0]
        start, size = int(first["sequence"]), int(first["size"])
        assert 3 <= size <= DARK_PINGS_MAX
        own = pings[pings["driver"] == first["driver"]]
        order = own["sequence"].tolist()
        returned = order.index(start + size)
        assert order[:returned] == list(range(1, start))
        assert order[returned + 1 : returned + 1 + size] == list(range(start, start + size))
        is_backlog = (own["flags"] & PingFlag.BACKLOG) != 0
        assert is_backlog[returned + 1 : returned + 1 + size].all()
        assert not is_backlog[: returned + 1].any()

    def test_a_dark_phone_hears_nothing_until_it_is_back(self) -> None:
        phones, journal = phones_of(10, replace(PERFECT, dark=1.0))
        sent_by(phones, 10, 1, and_leave=False)
        assert all(phones.is_dark(driver) for driver in range(10))
        assert len(list(phones.leave())) == 1
        assert not phones.is_dark(0)
        assert journal.counts()["dark"] == 10

    def test_displaced_fixes_are_as_far_off_as_noted(self) -> None:
        rates = replace(PERFECT, jitter=0.05, teleport=0.05)
        phones, journal = phones_of(10, rates)
        pings = sent_by(phones, 10, 40)
        lon, lat = pings["lon_e7"] / 1e7, pings["lat_e7"] / 1e7
        off_m = haversine_m(lon, lat, 11.95, 57.7)
        for row in journal.all():
            here = (pings["driver"] == row["driver"]) & (pings["sequence"] == row["sequence"])
            assert off_m[here][0] == pytest.approx(float(row["size"]), rel=0.02)
        assert np.count_nonzero(off_m > 1.0) == len(journal.all())

    def test_ordinary_noise_has_the_size_that_was_asked_for(self) -> None:
        phones, _ = phones_of(2_000, replace(PERFECT, noise_m=5.0))
        pings = sent_by(phones, 2_000, 2)
        north_m = (pings["lat_e7"] - 577_000_000) / 1e7 * 111_195
        assert north_m.std() == pytest.approx(5.0, rel=0.1)
        assert abs(north_m.mean()) < 0.5

    def test_clocks_ahead_are_noted_with_how_far(self) -> None:
        rates = replace(PERFECT, clock_ahead=0.05, future=0.05)
        phones, journal = phones_of(10, rates)
        pings = sent_by(phones, 10, 40)
        ahead_ms = pings["fix_ms"] - 1_000 * (pings["sequence"].astype(np.int64) - 1)
        for row in journal.all():
            here = (pings["driver"] == row["driver"]) & (pings["sequence"] == row["sequence"])
            assert ahead_ms[here][0] == int(row["size"])
            assert (row["size"] > 60_000) == (row["kind"] == FaultKind.FUTURE)

    def test_mocked_phones_always_say_so(self) -> None:
        phones, journal = phones_of(50, replace(PERFECT, mocked=0.2))
        pings = sent_by(phones, 50, 2)
        fakes = set(pings["driver"][(pings["flags"] & PingFlag.MOCKED) != 0].tolist())
        assert fakes == set(journal.all()["driver"].tolist())
        assert 0 < len(fakes) < 30


class TestFaults:
    def test_a_rate_that_is_no_share_is_refused_by_name(self) -> None:
        with pytest.raises(ValueError, match=r"fault rate dark is 1\.5"):
            FaultRates(dark=1.5)

    def test_scaling_keeps_the_noise_and_stops_at_certainty(self) -> None:
        scaled = FaultRates().scaled(1e9)
        assert scaled.noise_m == FaultRates().noise_m
        assert scaled.dark == 1.0

    def test_the_journal_keeps_all_in_order(self) -> None:
        journal = FaultJournal()
        for number in range(25_000):
            journal.note(FaultKind.SWAPPED, 1, number)
        assert journal.all().dtype == INJECTED
        assert journal.all()["sequence"].tolist() == list(range(25_000))
        assert journal.counts()["swapped"] == 25_000

    def test_an_empty_journal_is_empty(self) -> None:
        assert len(FaultJournal().all()) == 0
