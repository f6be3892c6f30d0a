"""Records of fixed width as numpy matrices: how columns become record batches.

Every field of such a record has one width, so n records are an (n, stride) matrix of which
only key, value and offset delta differ by row. The offset delta is a varint padded to three
bytes; the timestamp delta is nought, the batch carries the one timestamp. Layout of a row:

    length | attributes 0 | timestamp delta 0 | offset delta (3) | key length | key |
    value length | value | header count 0

Reading is `column_reading`'s; it takes other writers' records as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamcore.record.records import encode_varint

OFFSET_DELTA_WIDTH: Final = 3
PADDED_NOUGHT: Final = b"\x80\x80\x00"  # non-minimal, and read by every client we know of
RECORDS_MAX: Final = 1 << 20  # in a batch: what a zigzag varint of three bytes can number
BATCH_BYTES_MAX: Final = 900_000  # below the usual max.message.bytes of 1 MiB, header included
_WORD_SIZE: Final = 8

Bytes2D = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSlice:
    """Encoded records of one partition, ready to follow a batch header."""

    partition: int
    record_count: int
    records: memoryview


@dataclass(slots=True)
class RowLayout:
    """Where the fields of a row lie, for one pair of widths. Holds the cached row heads."""

    key_width: int
    value_width: int
    head: int = field(init=False)  # bytes before the key
    value_at: int = field(init=False)
    stride: int = field(init=False)
    rows: np.dtype[np.void] = field(init=False)
    middle: NDArray[np.void] = field(init=False)
    first_head: bytes = field(init=False)
    probes: Sequence[tuple[int, np.uint64, np.uint64]] = field(init=False)
    _heads: NDArray[np.void] = field(init=False)

    def __post_init__(self) -> None:
        key_length, value_length = encode_varint(self.key_width), encode_varint(self.value_width)
        fixed = 2 + OFFSET_DELTA_WIDTH + len(key_length) + len(value_length) + 1
        length = encode_varint(fixed + self.key_width + self.value_width)
        self.head = len(length) + 2 + OFFSET_DELTA_WIDTH + len(key_length)
        self.value_at = self.head + self.key_width + len(value_length)
        self.stride = self.value_at + self.value_width + 1
        self.rows = np.dtype(
            {
                "names": ["head", "key", "middle", "value", "tail"],
                "formats": [
                    f"V{self.head}",
                    f"V{self.key_width}",
                    f"V{len(value_length)}",
                    f"V{self.value_width}",
                    "u1",
                ],
                "itemsize": self.stride,
            }
        )
        self.middle = np.frombuffer(value_length, f"V{len(value_length)}")
        self.first_head = length + b"\x00\x00" + PADDED_NOUGHT + key_length
        self._heads = self._make_heads(1_024)
        self.probes = self._make_probes(value_length)

    def _make_probes(self, value_length: bytes) -> Sequence[tuple[int, np.uint64, np.uint64]]:
        """Return (position, mask, expected) of 8-byte words that cover a row's framing bytes."""
        mask, expected = bytearray(self.stride), bytearray(self.stride)
        delta_at = self.first_head.index(PADDED_NOUGHT)
        value_length_at = self.head + self.key_width
        for at, framing in ((0, self.first_head), (value_length_at, value_length)):
            mask[at : at + len(framing)] = b"\xff" * len(framing)
            expected[at : at + len(framing)] = framing
        mask[delta_at : delta_at + OFFSET_DELTA_WIDTH] = b"\x80" * OFFSET_DELTA_WIDTH
        mask[-1] = 0xFF
        probes: list[tuple[int, np.uint64, np.uint64]] = []
        while any(mask) and self.stride >= _WORD_SIZE:
            first = next(at for at, bits in enumerate(mask) if bits)
            at = min(first, self.stride - _WORD_SIZE)
            word = slice(at, at + _WORD_SIZE)
            bits = int.from_bytes(mask[word], "little")
            probes.append(
                (at, np.uint64(bits), np.uint64(int.from_bytes(expected[word], "little") & bits))
            )
            mask[word] = bytes(_WORD_SIZE)
        return probes

    def heads(self, count: int) -> NDArray[np.void]:
        """Return the head of rows 0 to `count`: the cached table, made longer when needed."""
        if count > len(self._heads):
            assert count <= RECORDS_MAX, "an offset delta of three bytes ends here"
            self._heads = self._make_heads(min(RECORDS_MAX, count * 2))
        return self._heads[:count]

    def _make_heads(self, count: int) -> NDArray[np.void]:
        table = np.empty((count, self.head), np.uint8)
        table[:] = np.frombuffer(self.first_head, np.uint8)
        delta_at = self.first_head.index(PADDED_NOUGHT)
        zigzag = np.arange(count, dtype=np.uint32) << np.uint32(1)
        for index in range(OFFSET_DELTA_WIDTH):
            more = 0x80 if index + 1 < OFFSET_DELTA_WIDTH else 0
            part = (zigzag >> np.uint32(7 * index)) & np.uint32(0x7F)
            table[:, delta_at + index] = part | np.uint32(more)
        heads: NDArray[np.void] = table.view(f"V{self.head}")[:, 0]
        return heads


@lru_cache(maxsize=64)
def row_layout(key_width: int, value_width: int) -> RowLayout:
    """Return the layout of one pair of widths; made once."""
    return RowLayout(key_width, value_width)


def encode_columns(
    keys: Bytes2D, values: Bytes2D, partitions: NDArray[np.int32]
) -> list[ColumnSlice]:
    """Encode n records, keys (n, key width) and values (n, value width), one slice a partition.

    Rows of one partition keep their order. A partition with more than fits a batch gets
    several slices, one after another.
    """
    layout = row_layout(keys.shape[1], values.shape[1])
    order, bounds = _by_partition(partitions)
    matrix = np.empty(len(order), layout.rows)
    _put_column(matrix, "key", keys, order)
    _put_column(matrix, "value", values, order)
    matrix["middle"] = layout.middle
    matrix["tail"] = 0
    slices: list[ColumnSlice] = []
    data = matrix.view(np.uint8).data
    heads = matrix["head"]
    batch_max = max(1, min(RECORDS_MAX, BATCH_BYTES_MAX // layout.stride))
    for partition, start, end in bounds:
        for low in range(start, end, batch_max):
            high = min(end, low + batch_max)
            heads[low:high] = layout.heads(high - low)
            part = data[low * layout.stride : high * layout.stride]
            slices.append(ColumnSlice(partition=partition, record_count=high - low, records=part))
    return slices


def _by_partition(
    partitions: NDArray[np.int32],
) -> tuple[NDArray[np.intp], Sequence[tuple[int, int, int]]]:
    """Return a stable order by partition, and (partition, start, end) of each run in it."""
    small = partitions.astype(np.int16)  # numpy sorts 16 bits by radix: five times faster
    order = np.argsort(small, kind="stable")
    counts = np.bincount(partitions)
    ends = np.cumsum(counts).tolist()
    return order, [
        (partition, end - count, end)
        for partition, (count, end) in enumerate(zip(counts.tolist(), ends, strict=True))
        if count
    ]


def _put_column(
    matrix: NDArray[np.void], name: str, column: Bytes2D, order: NDArray[np.intp]
) -> None:
    width = column.shape[1]
    if width:  # rows as opaque values: gathering them is one copy each (numpy cannot view V0)
        rows = np.ascontiguousarray(column).view(f"V{width}")[:, 0]
        matrix[name] = rows.take(order)
