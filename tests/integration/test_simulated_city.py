"""The simulator against a small gateway on real sockets."""

import asyncio
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from citysim.city.demand import DemandShape
from citysim.city.faults import FaultRates
from citysim.city.world import World, WorldSettings
from citysim.drive.fleet_drive import FleetDrive, NoGateway
from citysim.drive.run import RunSettings, run_city
from citysim.drive.tokens import TokenSource
from groundwork.real.clocks import SystemClock
from rideflow.contracts.pings import DriverState
from rideflow.contracts.push import PushKind
from rideflow.contracts.truth import SimulationResult
from rideflow.roads.pack import CityPack
from tests.support.eventually import eventually
from tests.support.fake_gateway import FakeGateway, fake_gateway
from tests.support.tiny_city import tiny_city

pytestmark = pytest.mark.integration

SECRET = "a secret that is long enough to sign"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city") / "pack"
    tiny_city(folder)
    return folder


@pytest.fixture(scope="module")
def pack(folder: Path) -> CityPack:
    return CityPack.load(folder)


def settings_for(fake: FakeGateway, **changes: Any) -> RunSettings:
    settings = RunSettings(
        gateway_url=fake.url,
        fanout_url=fake.url.replace("http", "ws"),
        token_secret=SECRET,
        riders=0,
        duration_s=2.0,
        sockets=3,
        truth=None,
        world=WorldSettings(
            drivers=60, block_size=10, period_ms=100.0, rates=FaultRates().scaled(20.0)
        ),
    )
    return replace(settings, **changes)


async def run(pack: CityPack, settings: RunSettings) -> SimulationResult:
    return await run_city(
        pack,
        settings,
        clock=SystemClock(),
        rng=random.Random(1),
        stopping=asyncio.Event(),
    )


async def test_every_ping_that_was_made_arrives_and_is_acknowledged(
    pack: CityPack, tmp_path: Path
) -> None:
    async with fake_gateway() as fake:
        found = await run(pack, settings_for(fake, truth=tmp_path / "truth"))
    pings = fake.pings()
    made, doubled = found.pings_made, found.injected["duplicate"]
    assert made == 60 * 20
    assert found.pings_sent == found.pings_acknowledged == made + doubled
    assert len(pings) == made + doubled
    assert len(np.unique(pings[["driver", "sequence"]])) == made
    details = details_in(tmp_path / "truth")
    with np.load(tmp_path / "truth" / "truth.npz") as truth:
        assert truth["drivers"]["made_until"].tolist() == [20] * 60
        assert len(truth["absent"]) == details["noted"]["future"]
    assert details["pings"]["reconnects"] == 0


def details_in(folder: Path) -> Any:
    return json.loads((folder / "details.json").read_text())


async def test_after_a_cut_everything_unacknowledged_is_sent_again(
    pack: CityPack, tmp_path: Path
) -> None:
    async with fake_gateway() as fake, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(
            run(pack, settings_for(fake, duration_s=3.0, truth=tmp_path / "t"))
        )
        await eventually(lambda: fake.pings_total > 200)
        fake.acknowledges = False
        heard = fake.pings_total
        await eventually(lambda: fake.pings_total > heard + 100)
        fake.drop_sockets()
        fake.acknowledges = True
        found = await running
    assert details_in(tmp_path / "t")["pings"]["reconnects"] == 3
    assert found.pings_resent > 0
    assert found.pings_acknowledged == found.pings_sent - found.pings_resent
    pings = fake.pings()
    assert len(np.unique(pings[["driver", "sequence"]])) == found.pings_made
    for driver in range(1, 61):
        sequence = pings["sequence"][pings["driver"] == driver]
        assert set(sequence.tolist()) == set(range(1, 31))


async def test_what_is_never_acknowledged_is_in_the_truth(
    pack: CityPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("citysim.drive.fleet_drive._DRAIN_MS", 200)
    async with fake_gateway() as fake:
        fake.acknowledges = False
        found = await run(pack, settings_for(fake, duration_s=1.0, truth=tmp_path / "truth"))
    assert found.pings_acknowledged == 0
    with np.load(tmp_path / "truth" / "truth.npz") as truth:
        assert len(truth["absent"]) >= found.pings_sent


async def test_a_full_window_holds_pings_back_and_makes_up_for_them(
    pack: CityPack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full_seen = 0

    def holds_ten(window: Any) -> bool:
        nonlocal full_seen
        is_full = len(window) >= 10
        full_seen += is_full
        return is_full

    monkeypatch.setattr("citysim.drive.fleet_drive.SendWindow.is_full", property(holds_ten))
    async with fake_gateway() as fake, asyncio.TaskGroup() as tasks:
        fake.acknowledges = False
        running = tasks.create_task(run(pack, settings_for(fake, truth=tmp_path / "t")))
        await eventually(lambda: full_seen > 15)  # 20 ms apart: longer than a ping may be late
        fake.acknowledges = True
        found = await running
    details = details_in(tmp_path / "t")
    assert details["pings"]["ticks_held"] > 0
    assert details["pings"]["late"] > 0
    assert found.pings_late_ms_max > 100
    assert found.pings_made == 60 * 20
    assert found.pings_acknowledged == found.pings_sent


async def test_drivers_and_riders_bring_rides_to_their_end(pack: CityPack, tmp_path: Path) -> None:
    shape = DemandShape(
        short_share=1.0, short_m_min=120.0, short_m_max=250.0, first_wait_s=0.2, pause_s=30.0
    )
    # A second of the city's time passes every 20 ms, so that drivers get somewhere.
    world = WorldSettings(drivers=20, block_size=5, period_ms=1_000.0, rates=_PERFECT)
    async with fake_gateway() as fake, asyncio.TaskGroup() as tasks:
        settings = settings_for(
            fake, riders=3, demand=shape, world=world, duration_s=None, truth=tmp_path / "t"
        )
        stopping = asyncio.Event()
        clock = FastClock(50)
        running = tasks.create_task(
            run_city(pack, settings, clock=clock, rng=random.Random(1), stopping=stopping)
        )
        await eventually(lambda: _completed(fake) >= 3, within_s=30.0)
        ride = next(iter(fake.facts))
        now_ms = clock.now_ms()
        for kind, ago_ms in ((PushKind.MATCHED, 20), (PushKind.DELTA, 70)):
            await fake.push_cars(ride, kind, base_ms=now_ms, ago_ms=ago_ms)
        await eventually(lambda: _completed(fake) >= 5, within_s=30.0)
        stopping.set()
        found = await running
    details = details_in(tmp_path / "t")
    assert found.rides_completed >= 5
    assert found.rides_matched >= found.rides_completed
    assert details["rides"]["gaps"] == details["rides"]["reassigned"] == 0
    assert details["drivers"]["double_assigned"] == 0
    assert details["drivers"]["actions"]["drop"] >= 5
    assert sum(found.age_rider_area.counts.values()) == 1
    states = {int(state) for state in fake.pings()["state"]}
    assert states == {1, 2, 3, 4, 5}


_PERFECT = FaultRates().scaled(0.0)


def _completed(fake: FakeGateway) -> int:
    return sum(fact.state == "completed" for fact in fake.facts.values())


class FastClock:
    """The system's clock, run `factor` times as fast."""

    def __init__(self, factor: int) -> None:
        self._real, self._factor = SystemClock(), factor
        self._wall_ms, self._start_ms = self._real.now_ms(), self._real.monotonic_ms()

    def now_ms(self) -> int:
        return self._wall_ms + self.monotonic_ms() - self._start_ms

    def monotonic_ms(self) -> int:
        elapsed_ms = self._real.monotonic_ms() - self._start_ms
        return self._start_ms + elapsed_ms * self._factor

    async def sleep_until(self, deadline_ms: int) -> None:
        left_ms = max(0, deadline_ms - self.monotonic_ms()) / self._factor
        await asyncio.sleep(left_ms / 1000)


async def test_impatient_riders_cancel_and_their_drivers_go_on(pack: CityPack) -> None:
    shape = DemandShape(cancel_share=1.0, first_wait_s=0.2, pause_s=30.0)
    world = WorldSettings(drivers=20, block_size=5, period_ms=1_000.0, rates=_PERFECT)
    async with fake_gateway() as fake, asyncio.TaskGroup() as tasks:
        settings = settings_for(fake, riders=3, demand=shape, world=world, duration_s=None)
        stopping = asyncio.Event()
        running = tasks.create_task(
            run_city(pack, settings, clock=SystemClock(), rng=random.Random(1), stopping=stopping)
        )
        await eventually(lambda: _drivers_of_cancelled(fake) != [])
        cancelled = _drivers_of_cancelled(fake)
        heard = fake.pings_total
        await eventually(lambda: fake.pings_total > heard + 40)
        stopping.set()
        found = await running
    assert found.rides_cancelled >= 1
    last = {int(ping["driver"]): int(ping["state"]) for ping in fake.pings()}
    assert last[cancelled[0]] == DriverState.OPEN


def _drivers_of_cancelled(fake: FakeGateway) -> list[int]:
    return [fact.driver or 0 for fact in fake.facts.values() if fact.state == "cancelled"]


async def test_without_a_gateway_the_address_is_named(pack: CityPack) -> None:
    clock = SystemClock()
    world = World(pack.graph, WorldSettings(drivers=5, block_size=5))
    async with asyncio.timeout(10.0):
        with pytest.RaisesGroup(pytest.RaisesExc(NoGateway, match="http://127.0.0.1:9: no socket")):
            async with asyncio.TaskGroup() as tasks:
                await _fleet_to_nowhere(world, clock).open(tasks, within_ms=200)


def _fleet_to_nowhere(world: World, clock: SystemClock) -> FleetDrive:
    from citysim.drive.truth import Truth

    url = "http://127.0.0.1:9"
    session: Any = None  # with a secret nobody is asked for a token
    return FleetDrive(
        world,
        clock=clock,
        rng=random.Random(1),
        truth=Truth(first_id=1, drivers=5),
        gateway_url=url,
        tokens=TokenSource(secret=SECRET, gateway_url=url, session=session, clock=clock),
        sockets=1,
    )
