"""What becomes of bytes on their way to harm: flipped, cut, doubled, spliced, grown, made null."""

from collections.abc import Callable
from random import Random
from typing import Final, TypeAlias

Mutation: TypeAlias = Callable[[Random, bytearray], None]

# Lengths and counts in all forms that the protocol has, as they would stand on the wire.
NUMBERS: Final = (
    *(b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\0\0\xff\xff", b"\0\1\0\0"),
    *(b"\x7f\xff", b"\xff\xff", b"\x80\0", b"\0\0"),
    *(b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\x7f", b"\xff\xff\x7f", b"\x80\x80\x80\x80\x80"),
    *(b"\0", b"\1", b"\x7f", b"\x80", b"\xff", b"\xff\x01"),
    b"\x7f\xff\xff\xff\xff\xff\xff\xff",
    # tagged fields: two, of which one is unknown and one is a known number with other bytes
    b"\x02\x00\x03abc\x9a\x05\x01x",
)


def mutated(rng: Random, data: bytes, other: bytes = b"") -> bytes:
    """`data` with one to three faults; parts of `other` may come into it."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        rng.choice(MUTATIONS)(rng, changed)
    if other and rng.random() < 0.15:
        at, start = rng.randrange(len(changed) + 1), rng.randrange(len(other))
        changed[at:] = other[start:]
    return bytes(changed)


def _flip(rng: Random, data: bytearray) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _replace(rng: Random, data: bytearray) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.randrange(256)


def _truncate(rng: Random, data: bytearray) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _extend(rng: Random, data: bytearray) -> None:
    data += rng.randbytes(rng.choice((1, 2, 8, 60)))


def _double(rng: Random, data: bytearray) -> None:
    start, size = rng.randrange(len(data) + 1), rng.choice((1, 2, 4, 16, 64))
    data[start:start] = data[start : start + size]


def _drop(rng: Random, data: bytearray) -> None:
    start = rng.randrange(len(data) + 1)
    del data[start : start + rng.choice((1, 2, 4, 16))]


def _overwrite_number(rng: Random, data: bytearray) -> None:
    number, start = rng.choice(NUMBERS), rng.randrange(len(data) + 1)
    data[start : start + len(number)] = number


def _insert_number(rng: Random, data: bytearray) -> None:
    start = rng.randrange(len(data) + 1)
    data[start:start] = rng.choice(NUMBERS)


MUTATIONS: Final[tuple[Mutation, ...]] = (
    *(_flip, _replace, _truncate, _extend, _double, _drop),
    *(_overwrite_number, _overwrite_number, _insert_number),
)
