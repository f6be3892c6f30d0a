"""Drivers held in Redis while they are asked or assigned, against any second matcher.

The log is the truth; a reservation only keeps two processes from asking one driver at the
same time. `SET NX PX` takes it, compare-and-delete gives it back, and it lapses by itself when
its holder dies.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from rideflow.contracts.ids import RideId

KEY = "hailstream:driver:%d"

# Only what is ours is held longer or given back: between asking and acting it may have lapsed
# and been taken by another. Holding twice for one ride is no conflict: an answer may get lost.
_HOLD = (
    "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('pexpire', KEYS[1], ARGV[2])"
    " return 1 end"
    " if redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end return 0"
)
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end"


class ReservationsAway(Exception):
    """The reservations cannot be reached: nobody may be asked until they can."""


class Reservations(Protocol):
    """Who holds which driver. Raises `ReservationsAway`."""

    async def hold(self, wanted: Mapping[int, RideId], *, hold_ms: int) -> frozenset[int]:
        """Hold drivers for rides from now on for so long; return those that others hold."""
        ...

    async def release(self, held: Sequence[tuple[int, RideId]]) -> None:
        """Give drivers back; those not held for that ride stay as they are."""
        ...

    async def close(self) -> None: ...


class RedisReservations:
    """In Redis or Valkey, each call one pipeline: a round trip however many drivers."""

    def __init__(self, url: str, *, timeout_ms: int) -> None:
        """`url`: redis://HOST:PORT/DB or unix://PATH. Connects at the first call."""
        self._redis = Redis.from_url(
            url,
            socket_timeout=timeout_ms / 1000,
            socket_connect_timeout=timeout_ms / 1000,
            # A window that waits for Redis keeps riders' and drivers' commands waiting.
            retry=Retry(NoBackoff(), 0),
        )

    async def hold(self, wanted: Mapping[int, RideId], *, hold_ms: int) -> frozenset[int]:
        pipeline = self._redis.pipeline(transaction=False)
        for driver, ride in wanted.items():
            pipeline.eval(_HOLD, 1, KEY % driver, ride, hold_ms)
        held = await self._run(pipeline)
        return frozenset(d for d, ok in zip(wanted, held, strict=True) if not ok)

    async def release(self, held: Sequence[tuple[int, RideId]]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for driver, ride in held:
            pipeline.eval(_RELEASE, 1, KEY % driver, ride)
        await self._run(pipeline)

    async def close(self) -> None:
        await self._redis.aclose()

    async def _run(self, pipeline: Pipeline) -> list[object]:
        try:
            return await pipeline.execute()
        except (RedisError, OSError) as error:
            raise ReservationsAway(str(error)) from error
