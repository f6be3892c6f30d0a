"""Murmur2 as Kafka's Java client computes it: which partition a key belongs to.

All clients of a topic must agree, or records of one driver part ways. Two forms: one key
at a time, and a column of keys of one width at once (checked against each other).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

_SEED: Final = 0x9747B28C
_MIX: Final = 0x5BD1E995
_SHIFT: Final = 24
_MASK: Final = 0xFFFFFFFF
_POSITIVE: Final = 0x7FFFFFFF  # Java drops the sign bit before the modulo


def murmur2(key: bytes) -> int:
    """Return the unsigned 32-bit hash of a key."""
    size = len(key)
    whole = size & ~3
    value = _SEED ^ size
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * _MIX & _MASK
        word = (word ^ (word >> _SHIFT)) * _MIX & _MASK
        value = (value * _MIX & _MASK) ^ word
    if whole < size:
        value = (value ^ int.from_bytes(key[whole:], "little")) * _MIX & _MASK
    value = (value ^ (value >> 13)) * _MIX & _MASK
    return value ^ (value >> 15)


def partition_of(key: bytes, partition_count: int) -> int:
    """Return the partition of a key, as Java's default partitioner and `murmur2_random` do."""
    return (murmur2(key) & _POSITIVE) % partition_count


def murmur2_column(keys: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Return the hash of each row of `keys`, shape (n, width)."""
    count, width = keys.shape
    mix, shift = np.uint32(_MIX), np.uint32(_SHIFT)
    value = np.full(count, _SEED ^ width, np.uint32)
    whole = width & ~3
    words = np.ascontiguousarray(keys[:, :whole]).view("<u4") if whole else keys[:, :0]
    for column in range(whole // 4):
        word = words[:, column] * mix
        word ^= word >> shift
        word *= mix
        value *= mix
        value ^= word
    if whole < width:
        for index in range(width - whole):
            value ^= keys[:, whole + index].astype(np.uint32) << np.uint32(8 * index)
        value *= mix
    value ^= value >> np.uint32(13)
    value *= mix
    value ^= value >> np.uint32(15)
    return value


def partitions_of(keys: NDArray[np.uint8], partition_count: int) -> NDArray[np.int32]:
    """Return the partition of each row of `keys`, shape (n, width)."""
    positive = murmur2_column(keys) & np.uint32(_POSITIVE)
    return (positive % np.uint32(partition_count)).astype(np.int32)
