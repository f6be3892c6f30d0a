"""WebSocket frames as a server sends them: unmasked, whole, uncompressed (RFC 6455, 5.2).

Acknowledgements and offers are written to the transport at once, from callbacks that cannot
await. The library writes its own frames whole and at once too, so the two never interleave.
"""

from struct import Struct
from typing import Final

_TEXT, _BINARY, _CLOSE = 0x81, 0x82, 0x88
_SHORT: Final = Struct(">BB")
_MEDIUM: Final = Struct(">BBH")
_LONG: Final = Struct(">BBQ")
_CODE: Final = Struct(">H")
_REASON_BYTES_MAX: Final = 123  # a control frame's payload is at most 125 bytes (5.5)


def binary_frame(payload: bytes) -> bytes:
    return _head(_BINARY, len(payload)) + payload


def text_frame(payload: bytes) -> bytes:
    """`payload` is UTF-8."""
    return _head(_TEXT, len(payload)) + payload


def close_frame(code: int, reason: str) -> bytes:
    """`reason` is cut to what a control frame can hold, at a character's border."""
    kept = reason.encode()[:_REASON_BYTES_MAX].decode(errors="ignore").encode()
    payload = _CODE.pack(code) + kept
    return _head(_CLOSE, len(payload)) + payload


def _head(first: int, size: int) -> bytes:
    if size < 126:
        return _SHORT.pack(first, size)
    if size < 1 << 16:
        return _MEDIUM.pack(first, 126, size)
    return _LONG.pack(first, 127, size)
