"""A driver's or a fleet's WebSocket, seen from the tick: what goes down, and its limits."""

import asyncio
from typing import Final

import msgspec

from rideflow.contracts.driver_socket import ACK, ACK_KIND, ACK_VERSION, CloseCode, Downward
from rideflow.contracts.driver_socket import Rejected as RejectedMessage
from rideflow.gateway.ack_pacer import AckPacer
from rideflow.running.websocket_frames import binary_frame, close_frame, text_frame

_encoder = msgspec.json.Encoder()


class SocketConduit:
    """One open socket. Nothing here awaits: what it cannot write at once, it bounds and cuts."""

    __slots__ = (
        "_pacer",
        "_transport",
        "_write_bytes_max",
        "ack_due",
        "acknowledged",
        "close_code",
        "credit_bytes",
        "drivers",
        "frames_sent",
        "frames_taken",
        "idle_s",
        "is_broken",
        "next_ack_ms",
        "owner",
        "pings_sent",
        "source",
    )

    def __init__(
        self,
        *,
        owner: int,
        source: str,
        transport: asyncio.Transport,
        pacer: AckPacer,
        write_bytes_max: int,
        credit_bytes: int,
    ) -> None:
        self.owner = owner
        self.source = source
        self.frames_taken = 0
        self.frames_sent = 0
        self.pings_sent = 0
        self.is_broken = False
        self.credit_bytes = credit_bytes  # refilled once a second: a token bucket
        self.idle_s = 0
        self.drivers = 0
        self.acknowledged = (0, 0)
        self.ack_due = False
        self.next_ack_ms = 0
        self.close_code: int | None = None
        self._transport: Final = transport
        self._pacer: Final = pacer
        self._write_bytes_max: Final = write_bytes_max

    def acknowledge(self, frames: int, pings: int) -> None:
        self.acknowledged = (frames, pings)
        self._pacer.on_acknowledged(self)

    def send_ack(self) -> None:
        """Tell the newest acknowledgement."""
        frames, pings = self.acknowledged
        self._write(binary_frame(ACK.pack(ACK_KIND, ACK_VERSION, 0, frames, pings)))

    def refuse(self, rejected: RejectedMessage) -> None:
        self.tell(rejected)

    def tell(self, message: Downward) -> None:
        """Send a text message; a socket that cannot take it is cut: none is ever left out."""
        self._write(text_frame(_encoder.encode(message)))

    def log_failed(self, message: str) -> None:
        self.close(CloseCode.LOG_UNAVAILABLE, message)

    def close(self, code: int, reason: str) -> None:
        """Say why, and end. The reader hears of it when the peer answers, or by `abort`."""
        if self.close_code is None:
            self._write(close_frame(code, reason))
            self.is_broken = True
            self.close_code = code

    def abort(self) -> None:
        """End without waiting for the peer."""
        self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self.close_code is not None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > self._write_bytes_max:
            self.is_broken = True
            self.close_code = CloseCode.SLOW
            self._transport.abort()
            return
        self._transport.write(data)
