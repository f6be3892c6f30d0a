"""A client on a bare socket: it sends what it is given and reads whole answers."""

import socket
from struct import pack
from types import TracebackType

from streamcore.wire.api_keys import ApiKey

FIRST_FLEXIBLE = {
    ApiKey.PRODUCE: 9,
    ApiKey.FETCH: 12,
    ApiKey.METADATA: 9,
    ApiKey.LIST_OFFSETS: 6,
    ApiKey.INIT_PRODUCER_ID: 2,
}
TIMEOUT_S = 20.0


class RawClient:
    """One connection to `address` (HOST:PORT)."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
        self._number = 0

    def send(self, api: ApiKey, version: int, body: bytes) -> None:
        self._number += 1
        flexible = version >= FIRST_FLEXIBLE.get(api, 99)
        head = pack(">hhih", api, version, self._number, 3) + b"raw" + b"\x00" * flexible
        self.socket.sendall(pack(">i", len(head) + len(body)) + head + body)

    def receive(self) -> bytes:
        """The body of the next answer to a request that was not flexible.

        Raises `ConnectionError` when the broker hangs up.
        """
        size = int.from_bytes(self._exactly(4))
        return self._exactly(size)[4:]

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionError("the broker hung up")
            data += part
        return data

    def ask(self, api: ApiKey, version: int, body: bytes) -> bytes:
        self.send(api, version, body)
        return self.receive()

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()
