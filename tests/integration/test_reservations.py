"""Reservations in a real Valkey: taken once, given back by their holder alone, lapsing."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from rideflow.contracts.ids import RideId
from rideflow.matching.reservations import RedisReservations, ReservationsAway
from tests.support.eventually import eventually
from tests.support.valkey_process import ValkeyProcess

pytestmark = pytest.mark.integration
R1, R2 = RideId("r1"), RideId("r2")


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyProcess]:
    process = ValkeyProcess(tmp_path)
    process.start()
    yield process
    process.kill()


@pytest.fixture
async def ours(valkey: ValkeyProcess) -> AsyncIterator[RedisReservations]:
    await eventually(lambda: valkey.is_listening)
    reservations = RedisReservations(valkey.url, timeout_ms=1_000)
    yield reservations
    await reservations.close()


async def test_a_driver_is_held_once(ours: RedisReservations) -> None:
    assert await ours.hold({1: R1, 2: R1}, hold_ms=60_000) == frozenset()
    assert await ours.hold({2: R2, 3: R2}, hold_ms=60_000) == {2}


async def test_only_the_holder_gives_a_driver_back(ours: RedisReservations) -> None:
    await ours.hold({1: R1}, hold_ms=60_000)
    await ours.release([(1, R2)])
    assert await ours.hold({1: R2}, hold_ms=60_000) == {1}
    await ours.release([(1, R1)])
    assert await ours.hold({1: R2}, hold_ms=60_000) == frozenset()


async def test_a_reservation_lapses_without_its_holder(ours: RedisReservations) -> None:
    await ours.hold({1: R1}, hold_ms=20)
    async with asyncio.timeout(5):
        while await ours.hold({1: R2}, hold_ms=60_000):  # noqa: ASYNC110  # another's clock
            await asyncio.sleep(0.01)


async def test_holding_again_goes_on_takes_what_lapsed_and_names_what_was_lost(
    ours: RedisReservations,
) -> None:
    await ours.hold({1: R1}, hold_ms=60_000)
    await ours.hold({2: R2}, hold_ms=60_000)
    assert await ours.hold({1: R1, 2: R1, 3: R1}, hold_ms=60_000) == {2}
    assert await ours.hold({1: R2, 3: R2}, hold_ms=60_000) == {1, 3}


async def test_a_dead_server_is_told_as_away_and_its_return_is_noticed(
    ours: RedisReservations, valkey: ValkeyProcess
) -> None:
    await ours.hold({1: R1}, hold_ms=60_000)
    valkey.kill()
    with pytest.raises(ReservationsAway):
        await ours.hold({2: R1}, hold_ms=60_000)
    with pytest.raises(ReservationsAway):
        await ours.release([(1, R1)])
    valkey.start()
    await eventually(lambda: valkey.is_listening)
    assert await ours.hold({2: R1}, hold_ms=60_000) == frozenset()
