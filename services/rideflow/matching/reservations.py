"""Drivers held in Redis while they are asked or assigned, against any second matcher.

The log is the truth; a reservation only keeps two processes from asking one driver at the
same time. `SET NX PX` takes it, compare-and-delete gives it back, and it lapses by itself when
its holder dies.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

from rideflow.contracts.ids import RideId

KEY = "hailstream:driver:%d"

# Give back, or hold longer, only what is ours: between asking and acting it may have lapsed and
# been taken by another.
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end"
_RENEW = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('pexpire', KEYS[1], ARGV[2])"
    " return 1 end"
    " if redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end return 0"
)


class ReservationsAway(Exception):
    """The reservations cannot be reached: nobody may be asked until they can."""


class Reservations(Protocol):
    """Who holds which driver. Raises `ReservationsAway`."""

    async def take(self, wanted: Mapping[int, RideId], *, hold_ms: int) -> frozenset[int]:
        """Reserve drivers for rides; return those that someone else holds."""
        ...

    async def release(self, held: Sequence[tuple[int, RideId]]) -> None:
        """Give drivers back; those not held for that ride stay as they are."""
        ...

    async def renew(self, held: Mapping[int, RideId], *, hold_ms: int) -> frozenset[int]:
        """Hold on, taking anew what has lapsed; return those that someone else holds by now."""
        ...

    async def close(self) -> None: ...


class RedisReservations:
    """In Redis or Valkey, each call one pipeline: a round trip however many drivers."""

    def __init__(self, url: str, *, timeout_ms: int) -> None:
        """`url`: redis://HOST:PORT/DB or unix://PATH. Connects at the first call."""
        self._redis = Redis.from_url(
            url, socket_timeout=timeout_ms / 1000, socket_connect_timeout=timeout_ms / 1000
        )

    async def take(self, wanted: Mapping[int, RideId], *, hold_ms: int) -> frozenset[int]:
        pipeline = self._redis.pipeline(transaction=False)
        for driver, ride in wanted.items():
            pipeline.set(KEY % driver, ride, nx=True, px=hold_ms)
        taken = await self._run(pipeline)
        return frozenset(d for d, ok in zip(wanted, taken, strict=True) if not ok)

    async def release(self, held: Sequence[tuple[int, RideId]]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for driver, ride in held:
            pipeline.eval(_RELEASE, 1, KEY % driver, ride)
        await self._run(pipeline)

    async def renew(self, held: Mapping[int, RideId], *, hold_ms: int) -> frozenset[int]:
        pipeline = self._redis.pipeline(transaction=False)
        for driver, ride in held.items():
            pipeline.eval(_RENEW, 1, KEY % driver, ride, hold_ms)
        kept = await self._run(pipeline)
        return frozenset(d for d, ok in zip(held, kept, strict=True) if not ok)

    async def close(self) -> None:
        await self._redis.aclose()

    async def _run(self, pipeline: Pipeline) -> list[object]:
        try:
            return await pipeline.execute()
        except (RedisError, OSError) as error:
            raise ReservationsAway(str(error)) from error
