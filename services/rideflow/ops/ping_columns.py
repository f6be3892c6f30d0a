"""PING records as columns: what audits read of them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rideflow.columns.arrays import I64, U64
from rideflow.contracts.ids import DRIVER_KEY_WIDTH
from rideflow.contracts.pings import PING, PING_SIZE
from streamcore.client.api import FixedBatch, Shape

PING_SHAPE: Final = Shape(key_width=DRIVER_KEY_WIDTH, value_width=PING_SIZE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PingColumns:
    """n pings in the order of the log."""

    drivers: U64
    sequences: NDArray[np.uint32]
    fixes_ms: I64


def pings_of(batch: FixedBatch) -> PingColumns:
    """The columns of a batch that was read with PING_SHAPE."""
    rows = np.ascontiguousarray(batch.values).view(PING)[:, 0]
    return PingColumns(
        drivers=np.ascontiguousarray(rows["driver"]),
        sequences=np.ascontiguousarray(rows["sequence"]),
        fixes_ms=np.ascontiguousarray(rows["fix_ms"]),
    )
