"""Record batches, most of them right, some of them wrong in one way under a right checksum."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

from streamcore.record.batch import (
    CODEC_MASK,
    CONTROL_BIT,
    HEADER_SIZE,
    TIMESTAMP_TYPE_BIT,
    TRANSACTIONAL_BIT,
    read_header,
    sealed,
)
from streamcore.record.compression import Codec
from streamcore.record.records import Record, encode_batch
from tests.support.fuzzing.mutations import mutated

LONG_MAX: Final = 2**63 - 1
TIMESTAMPS: Final = (1_700_000_000_000, 1_700_000_000_000, 0, -1, LONG_MAX - 10, -LONG_MAX)
# What a header may say that is not so; each of it alone.
LIES: Final[dict[str, Sequence[int]]] = {
    "base_offset": (-1, LONG_MAX, 5),
    "leader_epoch": (-1, 2**31 - 1),
    "magic": (0, 1, 3, -1),
    "attributes": (*range(8), 0x08, 0x10, 0x20, 0x40, 0x7FFF, -1),
    "last_offset_delta": (-1, 0, 2**31 - 1, -(2**31)),
    "base_timestamp": (-1, LONG_MAX, -LONG_MAX),
    "max_timestamp": (-1, LONG_MAX, -LONG_MAX),
    "producer_id": (-2, -1, 0, LONG_MAX),
    "producer_epoch": (-1, 0, 1, 32767, -32768),
    "base_sequence": (-1, 0, 1, 5, 2**31 - 1, -(2**31)),
    "record_count": (-1, 0, 1, 2**31 - 1, -(2**31)),
}


def some_batches(rng: Random, recalled: Mapping[str, int]) -> bytes:
    """What a produce request brings for one partition."""
    batch = _plain_batch(rng, recalled)
    way = rng.random()
    if way < 0.55:
        return batch
    if way < 0.75:
        return lying(rng, batch)
    if way < 0.85:  # records that are none, under a right checksum
        header = read_header(batch)
        return sealed(header, mutated(rng, batch[HEADER_SIZE:]))
    if way < 0.95:
        return mutated(rng, batch)
    return batch + _plain_batch(rng, recalled)


def lying(rng: Random, batch: bytes) -> bytes:
    """A batch with one field of its header wrong, and sealed again."""
    name = rng.choice(list(LIES))
    header = read_header(batch)._replace(**{name: rng.choice(LIES[name])})
    return sealed(header, batch[HEADER_SIZE:])


def _plain_batch(rng: Random, recalled: Mapping[str, int]) -> bytes:
    records = [_record(rng) for _ in range(rng.choice((1, 1, 2, 5)))]
    attributes = rng.choice((0, 0, 0, TRANSACTIONAL_BIT, TIMESTAMP_TYPE_BIT, CONTROL_BIT))
    producer: dict[str, int] = {}
    if attributes & TRANSACTIONAL_BIT or rng.random() < 0.3:
        producer = {
            "producer_id": recalled.get("producer_id", 0),
            "producer_epoch": recalled.get("producer_epoch", 0),
            "base_sequence": rng.choice((0, 0, 0, 1, 2, 2**31 - 1)),
        }
    codec = rng.choice((*Codec, Codec.NONE, Codec.NONE, Codec.NONE))
    return encode_batch(records, codec=codec, attributes=attributes & ~CODEC_MASK, **producer)


def _record(rng: Random) -> Record:
    return Record(
        timestamp=rng.choice(TIMESTAMPS[:2] if rng.random() < 0.8 else TIMESTAMPS),
        key=rng.choice((b"k", b"k2", None)),
        value=rng.choice((b"v", b"", None, bytes(200), rng.randbytes(50))),
        headers=rng.choice(((), (), (("h", b"x"), ("", None)))),
    )
