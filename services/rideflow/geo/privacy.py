"""What a stranger may learn of a car: a name that rotates, and a place that is rounded.

A vehicle id that lasts lets anyone rebuild its trips (the GBFS feeds had to learn it), so cars
are shown under pseudonyms of ten minutes until a rider is matched with one.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from rideflow.columns.arrays import I32, U64

PSEUDONYM_MS: Final = 600_000
BLUR_E7: Final = 2_000  # 0.0002 degrees: 22 m north to south, less east to west

# Constants of SplitMix64 (Steele, Lea, Flood 2014): every bit of a driver moves every bit.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def pseudonyms(drivers: U64, *, key: int, at_ms: int) -> NDArray[np.uint32]:
    """Return each driver's name of these ten minutes. Without the 64-bit key nobody links two.

    Two of 30,000 drivers share a name about once in ten epochs: a name is for drawing alone.
    """
    epoch = np.array([at_ms // PSEUDONYM_MS], np.uint64)
    secret = _mixed(np.array([key & 0xFFFF_FFFF_FFFF_FFFF], np.uint64) ^ _mixed(epoch * _GOLDEN))
    return (_mixed(drivers.astype(np.uint64) * _GOLDEN ^ secret) >> np.uint64(32)).astype(np.uint32)


def blurred_e7(degrees_e7: I32) -> I32:
    """Round latitudes or longitudes to a grid of about 20 m."""
    half = np.int32(BLUR_E7 // 2)
    return np.asarray((degrees_e7 + half) // np.int32(BLUR_E7) * np.int32(BLUR_E7), np.int32)


def _mixed(words: U64) -> U64:
    words = (words ^ (words >> np.uint64(30))) * _MIX_1
    words = (words ^ (words >> np.uint64(27))) * _MIX_2
    return words ^ (words >> np.uint64(31))
