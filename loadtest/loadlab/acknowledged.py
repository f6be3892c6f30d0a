"""Look in the log for every ping that a load test was told is there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rideflow.contracts.ids import DRIVER_KEY_WIDTH
from rideflow.contracts.pings import PING, PING_SIZE
from rideflow.contracts.topics import DRIVER_PINGS
from streamcore.client.api import FixedBatch, Log, Shape, StartAt, Subscription, TopicName

_TOPIC = TopicName(DRIVER_PINGS.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Pings of the load test's drivers: acknowledged, distinct ones in the log, second copies."""

    acknowledged: int
    in_log: int
    missing: int
    copies: int


def read_acknowledged(folder: Path) -> dict[int, int]:
    """The files that locust's processes wrote: driver -> sequences acknowledged, from 1."""
    merged: dict[int, int] = {}
    for path in sorted(folder.glob("*.json")):
        for driver, until in json.loads(path.read_text()).items():
            merged[int(driver)] = int(until)
    return merged


async def look_for(log: Log, acknowledged: Mapping[int, int]) -> Found:
    """Read `driver.pings` from its start to its present end."""
    drivers = np.array(sorted(acknowledged), np.uint64)
    until = np.array([acknowledged[int(driver)] for driver in drivers], np.int64)
    # Distinct sequences are counted in one long bit field: a driver's begins at `first`.
    first = np.concatenate(([0], np.cumsum(until)))
    seen = np.zeros(int(first[-1]), np.uint8)
    ends = {key: end for key, end in (await log.admin.end_offsets([_TOPIC])).items() if end > 0}
    consumer = await log.consumer(
        Subscription(
            topics={_TOPIC: Shape(key_width=DRIVER_KEY_WIDTH, value_width=PING_SIZE)},
            start=StartAt.EARLIEST,
        )
    )
    try:
        while any(consumer.positions().get(key, 0) < end for key, end in ends.items()):
            for batch in await consumer.poll():
                assert isinstance(batch, FixedBatch), "asked for with a shape"
                _mark(batch, drivers, until, first, seen)
    finally:
        await consumer.close()
    return Found(
        acknowledged=int(until.sum()),
        in_log=int(np.count_nonzero(seen)),
        missing=int(np.count_nonzero(seen == 0)),
        copies=int(np.maximum(seen.astype(np.int64) - 1, 0).sum()),
    )


def _mark(
    batch: FixedBatch,
    drivers: "np.ndarray[tuple[int], np.dtype[np.uint64]]",
    until: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    first: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    seen: "np.ndarray[tuple[int], np.dtype[np.uint8]]",
) -> None:
    pings = np.ascontiguousarray(batch.values).view(PING)[:, 0]
    driver, sequence = pings["driver"], pings["sequence"].astype(np.int64)
    place = np.minimum(np.searchsorted(drivers, driver), len(drivers) - 1)
    ours = (drivers[place] == driver) & (sequence >= 1) & (sequence <= until[place])
    np.add.at(seen, first[place[ours]] + sequence[ours] - 1, 1)
