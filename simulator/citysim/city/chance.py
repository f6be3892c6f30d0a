"""Chance without a sequence: numbers hashed from a seed and what they are about.

The same (seed, purpose, who, when) always gives the same number, in whatever order and
batches it is asked for. So a driver's turns and a rider's trips don't depend on timing.
The mixing function is splitmix64 (Steele, Lea and Flood, 2014).
"""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from rideflow.roads.arrays import Floats

Hashes = npt.NDArray[np.uint64]

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_MIX_A = 0xBF58476D1CE4E5B9
_MIX_B = 0x94D049BB133111EB
_U64 = np.uint64
_A, _B, _GOLDEN = _U64(_MIX_A), _U64(_MIX_B), _U64(_STEP)
_S30, _S27, _S31, _S11 = _U64(30), _U64(27), _U64(31), _U64(11)
_TO_UNIT = 2.0**-53


class Purpose(IntEnum):
    """What a number is for; equal counters of different purposes are unrelated."""

    DRIVER_START = 1
    DRIVER_PACE = 2
    TURN = 3
    NOISE = 4
    FAULT = 5
    FAULT_SIZE = 6
    MOCKED = 7
    TRAFFIC = 8
    TRIP = 9
    DECISION = 10


def key(seed: int, purpose: Purpose, *counters: int) -> int:
    """Mix a seed, a purpose and counters into one number of 64 bits."""
    mixed = _mix(seed & _MASK)
    for counter in (int(purpose), *counters):
        mixed = _mix(mixed ^ _mix(counter & _MASK))
    return mixed


def unit(seed: int, purpose: Purpose, *counters: int) -> float:
    """Return a number 0 <= u < 1."""
    return (key(seed, purpose, *counters) >> 11) * _TO_UNIT


def hashes(salt: int, who: npt.NDArray[np.integer], when: int = 0) -> Hashes:
    """Return 64 random bits for each of `who`. `salt` comes from `key`, once."""
    mixed = who.astype(np.uint64)
    mixed *= _GOLDEN
    mixed ^= _U64(_mix(salt ^ _mix(when)))
    mixed ^= mixed >> _S30
    mixed *= _A
    mixed ^= mixed >> _S27
    mixed *= _B
    mixed ^= mixed >> _S31
    return mixed


def units(salt: int, who: npt.NDArray[np.integer], when: int = 0) -> Floats:
    """Return a number 0 <= u < 1 for each of `who`."""
    return as_units(hashes(salt, who, when))


def as_units(bits: Hashes) -> Floats:
    return np.asarray((bits >> _S11) * _TO_UNIT, np.float64)


def _mix(value: int) -> int:
    value = (value + _STEP) & _MASK
    value = ((value ^ (value >> 30)) * _MIX_A) & _MASK
    value = ((value ^ (value >> 27)) * _MIX_B) & _MASK
    return value ^ (value >> 31)
