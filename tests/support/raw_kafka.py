"""A Kafka connection made of bytes, for frames that no client would send."""

import socket
from struct import Struct

from streamcore.wire.api_keys import ApiKey

SIZE = Struct(">i")
HEADER = Struct(">hhih")
CLIENT_ID = b"raw"
TIMEOUT_S = 20.0


class RawConnection:
    """Sends what it is told and returns whole frames. Closed by its `with` statement."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=TIMEOUT_S)

    def __enter__(self) -> "RawConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def has_ended(self) -> bool:
        """Whether the broker has hung up, without waiting for it."""
        try:
            return self._socket.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False

    @property
    def local_port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def send_request(self, api_key: int, version: int, body: bytes, *, number: int = 1) -> None:
        """Send a request with a header that is right for versions without tagged fields."""
        self.send(framed(HEADER.pack(api_key, version, number, len(CLIENT_ID)) + CLIENT_ID + body))

    def answer(self) -> bytes:
        """Return the next frame without its size; empty when the broker has hung up."""
        size = self._exactly(SIZE.size)
        return self._exactly(SIZE.unpack(size)[0]) if size else b""

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                piece = self._socket.recv(size - len(data))
            except ConnectionResetError:
                return b""
            if not piece:
                return b""
            data += piece
        return data

    def is_answered(self) -> bool:
        """Ask for the API versions and see whether the answer is the one to this question."""
        self.send_request(ApiKey.API_VERSIONS, 0, b"", number=77)
        answer = self.answer()
        return answer[:6] == b"\x00\x00\x00\x4d\x00\x00"


def framed(data: bytes) -> bytes:
    return SIZE.pack(len(data)) + data
