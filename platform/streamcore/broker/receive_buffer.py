"""Where a connection's bytes arrive, and whole frames are cut without being copied.

A frame is a view into the buffer: valid until `make_room` is called.
"""

from streamcore.wire.reading import INT32

LENGTH_SIZE = INT32.size
BUFFER_BYTES = 1 << 16
# An emptied buffer that has grown beyond this goes back to BUFFER_BYTES.
BUFFER_KEPT_BYTES = 2 << 20
# What was received is moved to the front when less room than this is behind it.
ROOM_BYTES_MIN = 4096
GROWTH = 4


class BadFrame(Exception):
    """A frame after which the connection cannot go on."""


class ReceiveBuffer:
    """Bytes between `_read_at` and `_write_at` have come and are not yet cut."""

    def __init__(self, *, frame_bytes_min: int, frame_bytes_max: int) -> None:
        self._frame_bytes_min = frame_bytes_min
        self._frame_bytes_max = frame_bytes_max
        self._view = memoryview(bytearray(BUFFER_BYTES))
        self._read_at = 0
        self._write_at = 0

    @property
    def is_full(self) -> bool:
        return self._write_at == len(self._view)

    def room(self) -> memoryview:
        """Where the next bytes go."""
        return self._view[self._write_at :]

    def received(self, size: int) -> None:
        self._write_at += size

    def next_frame(self) -> memoryview | None:
        """Cut the next whole frame, without its length. Raises `BadFrame` for a bad length."""
        start = self._read_at + LENGTH_SIZE
        if start > self._write_at:
            return None
        (size,) = INT32.unpack_from(self._view, self._read_at)
        if not self._frame_bytes_min <= size <= self._frame_bytes_max:
            raise BadFrame(
                f"frame of {size} bytes, allowed are "
                f"{self._frame_bytes_min} to {self._frame_bytes_max}"
            )
        end = start + size
        if end > self._write_at:
            return None
        self._read_at = end
        return self._view[start:end]

    def make_room(self) -> None:
        """Have room behind what was received, unless frames that wait fill the buffer."""
        left = self._write_at - self._read_at
        if left == 0 and len(self._view) > BUFFER_KEPT_BYTES:
            self._replace(BUFFER_BYTES)
        elif left == 0:
            self._read_at = self._write_at = 0
        elif self.is_full and (needed := self._needed_bytes(left)) > len(self._view):
            # By steps: a length that is only announced takes no memory yet.
            self._replace(min(needed, GROWTH * len(self._view)))
        elif self._read_at and len(self._view) - self._write_at < ROOM_BYTES_MIN:
            self._view[:left] = self._view[self._read_at : self._write_at]
            self._read_at, self._write_at = 0, left

    def _needed_bytes(self, left: int) -> int:
        """How many bytes the frame that lies in front takes, as far as is known."""
        if left < LENGTH_SIZE:
            return LENGTH_SIZE
        (size,) = INT32.unpack_from(self._view, self._read_at)
        return LENGTH_SIZE + int(min(max(size, 0), self._frame_bytes_max))

    def _replace(self, size: int) -> None:
        left = self._view[self._read_at : self._write_at]
        # Room for the next frame's head too, so that reading never stops at a frame's end.
        self._view = memoryview(bytearray(max(size + ROOM_BYTES_MIN, BUFFER_BYTES)))
        self._view[: len(left)] = left
        self._read_at, self._write_at = 0, len(left)
