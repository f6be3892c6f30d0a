"""Sixteen bytes that stand for a key: two keys do not share them.

- A key of up to fifteen bytes stands for itself, padded, with its length behind it.
- A longer one, up to 64 bytes, has four multilinear hashes (Lemire and Kaser, "Strongly
  universal string hashing is fast", 2014), made for all keys at once. Any two keys share them
  with a chance of 2^-128, unless who writes the keys knows the secret, which is drawn anew for
  every round and never leaves it.
- One longer still has a BLAKE2b digest, whose equals nobody can make.
"""

from hashlib import blake2b, shake_128
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from streamcore.storage.compaction.record_columns import ZEROS_BEHIND, Int64s, RecordColumns

DIGEST_BYTES: Final = 16
SHORT_KEY_BYTES: Final = DIGEST_BYTES - 1
HASHED_KEY_BYTES: Final = ZEROS_BEHIND
WORD_BYTES: Final = 4
HASHES: Final = DIGEST_BYTES // WORD_BYTES

# Two words a row.
Digests = NDArray[np.uint64]


class KeyDigests:
    """Gives out digests that can be compared with one another, but with no other instance's."""

    def __init__(self, secret: int) -> None:
        # For each hash: a number, one for the length of the key, and one for each of its words.
        rows = 2 + HASHED_KEY_BYTES // WORD_BYTES
        drawn = shake_128(secret.to_bytes(16)).digest(8 * rows * HASHES)
        self._coefficients = np.frombuffer(drawn, np.uint64).reshape(rows, HASHES)

    def of(self, records: RecordColumns, rows: Int64s) -> Digests:
        """Return the digest of the key of each of these rows; all of them have a key."""
        plain, sizes, places = records.plain, records.key_sizes[rows], records.key_at[rows]
        longest = int(sizes.max(initial=0))
        if longest <= SHORT_KEY_BYTES:
            return _short_keys(plain, places, sizes)
        digests = np.empty((len(rows), 2), np.uint64)
        for few, make in (
            (sizes <= SHORT_KEY_BYTES, _short_keys),
            ((sizes > SHORT_KEY_BYTES) & (sizes <= HASHED_KEY_BYTES), self._hashed_keys),
            (sizes > HASHED_KEY_BYTES, _long_keys),
        ):
            if few.any():
                digests[few] = make(plain, places[few], sizes[few])
        return digests

    def _hashed_keys(self, plain: bytes, places: Int64s, sizes: Int64s) -> Digests:
        width = -(-int(sizes.max()) // WORD_BYTES) * WORD_BYTES
        words = _padded(plain, places, sizes, width).view(np.uint32).astype(np.uint64)
        start, of_size, *of_words = self._coefficients
        sums = start + sizes.astype(np.uint64)[:, None] * of_size
        for number, coefficients in enumerate(of_words[: width // WORD_BYTES]):
            sums += words[:, number, None] * coefficients  # modulo 2^64
        high = (sums >> np.uint64(32)).astype(np.uint32)
        digests: Digests = high.view(np.uint64)
        return digests


def _padded(plain: bytes, places: Int64s, sizes: Int64s, width: int) -> NDArray[np.uint8]:
    """The keys, a row each, with zeros behind them."""
    keys = sliding_window_view(np.frombuffer(plain, np.uint8), width)[places]
    if sizes.min() < width:
        keys[np.arange(width) >= sizes[:, None]] = 0
    return keys


def _short_keys(plain: bytes, places: Int64s, sizes: Int64s) -> Digests:
    keys = _padded(plain, places, sizes, DIGEST_BYTES)
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
