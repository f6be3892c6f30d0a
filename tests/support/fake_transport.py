"""A transport without a socket: keeps what is written, and what it was told."""

import asyncio
from collections.abc import Iterable

PEER = ("10.0.0.9", 5555)
OWN = ("10.0.0.1", 9092)


class FakeTransport(asyncio.Transport):
    """`unsent_bytes` is what the peer has not taken, as far as a test wants it so."""

    def __init__(self, peer: tuple[str, int] = PEER) -> None:
        super().__init__({"peername": peer, "sockname": OWN})
        self.written = b""
        self.is_reading_paused = False
        self.closed = False
        self.unsent_bytes = 0

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        for data in list_of_data:
            self.write(data)

    def pause_reading(self) -> None:
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        self.is_reading_paused = False

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def answers(self) -> list[tuple[int, bytes]]:
        """Correlation id and body of each answer so far."""
        found, data = [], self.written
        while data:
            size = int.from_bytes(data[:4])
            found.append((int.from_bytes(data[4:8]), data[8 : 4 + size]))
            data = data[4 + size :]
        return found
