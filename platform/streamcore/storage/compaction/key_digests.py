"""Sixteen bytes that stand for a key: two keys never share them.

A key of up to fifteen bytes stands for itself, padded, with its length behind it. A longer one
has a BLAKE2b digest, whose equals nobody can make.
"""

from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamcore.storage.compaction.chunks import Int64s, RecordColumns

DIGEST_BYTES: Final = 16
SHORT_KEY_BYTES: Final = DIGEST_BYTES - 1

# Two words a row.
Digests = NDArray[np.uint64]


def digests_of(records: RecordColumns, rows: Int64s) -> Digests:
    """Return the digest of the key of each of these rows; all of them have a key."""
    sizes, places = records.key_sizes[rows], records.key_at[rows]
    is_short = sizes <= SHORT_KEY_BYTES
    if is_short.all():
        return _short_keys(records.plain, places, sizes)
    digests = np.empty((len(rows), 2), np.uint64)
    digests[is_short] = _short_keys(records.plain, places[is_short], sizes[is_short])
    digests[~is_short] = _long_keys(records.plain, places[~is_short], sizes[~is_short])
    return digests


def _short_keys(plain: bytes, places: Int64s, sizes: Int64s) -> Digests:
    data = np.frombuffer(plain, np.uint8)
    within = np.arange(DIGEST_BYTES)
    keys = data.take(places[:, None] + within, mode="clip")
    keys[within >= sizes[:, None]] = 0
    keys[:, SHORT_KEY_BYTES] = sizes
    return keys.view(np.uint64)


def _long_keys(plain: bytes, places: Int64s, sizes: Int64s) -> Digests:
    view = memoryview(plain)
    joined = b"".join(
        [
            blake2b(view[start:end], digest_size=DIGEST_BYTES).digest()
            for start, end in zip(places.tolist(), (places + sizes).tolist(), strict=True)
        ]
    )
    return np.frombuffer(joined, np.uint64).reshape(-1, 2)
