"""Where a connection's bytes arrive, and whole frames are cut without being copied.

A frame is a view into the buffer: valid until `make_room` is called. The buffer grows as
bytes really come, never for what is only announced, and beyond BUFFER_BYTES only as the
broker's budget for all connections allows: until then it is full.
"""

from collections.abc import Callable

from streamcore.broker.security.receive_budget import ReceiveBudget
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.reading import INT16, INT32

LENGTH_SIZE = INT32.size
# What a connection begins with: most send little, and some never send a thing.
FIRST_BYTES = 1 << 13
BUFFER_BYTES = 1 << 16
# An emptied buffer that has grown beyond this goes back to BUFFER_BYTES.
BUFFER_KEPT_BYTES = 2 << 20
# What was received is moved to the front when less room than this is behind it.
ROOM_BYTES_MIN = 4096
GROWTH = 4
# The first two bytes of a TLS record of kind "handshake", protocol 3.x (RFC 8446, 5.1).
TLS_HANDSHAKE = 0x1603


class BadFrame(Exception):
    """A frame after which the connection cannot go on."""


class ReceiveBuffer:
    """Bytes between `_read_at` and `_write_at` have come and are not yet cut.

    Records come in frames of `frame_bytes_max`; what is taken apart field by field, and
    grows tenfold by that, in frames of `other_bytes_max`.
    `on_room` is called when the budget has room for what it refused before.
    """

    def __init__(
        self,
        *,
        frame_bytes_min: int,
        frame_bytes_max: int,
        other_bytes_max: int,
        budget: ReceiveBudget,
        on_room: Callable[[], None],
    ) -> None:
        self.frame_bytes_max = frame_bytes_max
        self._frame_bytes_min = frame_bytes_min
        self._other_bytes_max = other_bytes_max
        self._budget = budget
        self.on_room = on_room
        self._view = memoryview(bytearray(FIRST_BYTES))
        self._read_at = 0
        self._write_at = 0
        # A buffer that is filled up to here has another size when it has been emptied.
        self._resized_from = FIRST_BYTES

    @property
    def is_full(self) -> bool:
        return self._write_at == len(self._view)

    @property
    def held_bytes(self) -> int:
        """The memory it takes."""
        return len(self._view)

    @property
    def missing_bytes(self) -> int:
        """What has still to come of the request that made the buffer grow."""
        if len(self._view) <= BUFFER_BYTES or self.is_full:
            return 0
        left = self._write_at - self._read_at
        return max(0, self._needed_bytes(left) - left) if left else 0

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
        if not self._frame_bytes_min <= size <= self.frame_bytes_max:
            raise BadFrame(self._bad_length(size))
        end = start + size
        if end > self._write_at:
            if size > self._other_bytes_max:
                self._check_kind(size)
            return None
        self._read_at = end
        return self._view[start:end]

    def _bad_length(self, size: int) -> str:
        if size >> 16 == TLS_HANDSHAKE:
            return "it speaks TLS, and this listener does not"
        bounds = f"{self._frame_bytes_min} to {self.frame_bytes_max}"
        return f"frame of {size} bytes, allowed are {bounds}"

    def _check_kind(self, size: int) -> None:
        key_at = self._read_at + LENGTH_SIZE
        if key_at + INT16.size > self._write_at:
            return
        (api_key,) = INT16.unpack_from(self._view, key_at)
        if api_key != ApiKey.PRODUCE:
            raise BadFrame(
                f"frame of {size} bytes that brings no records, allowed are {self._other_bytes_max}"
            )

    def make_room(self, *, is_held: bool) -> None:
        """Have room behind what was received, unless frames that wait fill the buffer.

        With `is_held` the last frame's answer is still to come, and what it means is kept
        somewhere: its memory stays taken here.
        """
        left = self._write_at - self._read_at
        if left == 0:
            if self._write_at < self._resized_from:
                self._read_at = self._write_at = 0
            elif not is_held:
                self._resize(BUFFER_BYTES)
        elif self.is_full and (needed := self._needed_bytes(left)) > len(self._view):
            # By steps: a length that is only announced takes no memory yet.
            self._grow(min(needed, GROWTH * len(self._view)))
        elif self._write_at >= self._resized_from and len(self._view) < BUFFER_BYTES:
            self._resize(BUFFER_BYTES)
        elif self._read_at and len(self._view) - self._write_at < ROOM_BYTES_MIN:
            self._view[:left] = self._view[self._read_at : self._write_at]
            self._read_at, self._write_at = 0, left

    def shrink(self) -> None:
        """Give back what it grew by, if it is empty: others wait for it."""
        if self._write_at == self._read_at and len(self._view) > BUFFER_BYTES:
            self._resize(BUFFER_BYTES)

    def close(self) -> None:
        """Give everything back. Nothing can be received any more."""
        self._view = memoryview(b"")
        self._read_at = self._write_at = 0
        self._budget.give_back(self)

    def _needed_bytes(self, left: int) -> int:
        """How many bytes the frame that lies in front takes, as far as is known."""
        if left < LENGTH_SIZE:
            return LENGTH_SIZE
        (size,) = INT32.unpack_from(self._view, self._read_at)
        return LENGTH_SIZE + int(min(max(size, 0), self.frame_bytes_max))

    def _grow(self, size: int) -> None:
        # Room for the next frame's head too, so that reading never stops at a frame's end.
        wanted = max(size + ROOM_BYTES_MIN, BUFFER_BYTES)
        more = wanted - max(len(self._view), BUFFER_BYTES)
        if more <= 0 or self._budget.take(self, more):
            self._resize(wanted)

    def _resize(self, size: int) -> None:
        left = self._view[self._read_at : self._write_at]
        if size <= BUFFER_BYTES < len(self._view):
            self._budget.give_back(self)
        self._view = memoryview(bytearray(size))
        self._view[: len(left)] = left
        self._read_at, self._write_at = 0, len(left)
        if size <= BUFFER_KEPT_BYTES:
            self._resized_from = size + 1 if size >= BUFFER_BYTES else size
        else:
            self._resized_from = 0
