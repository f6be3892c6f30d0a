"""The client's half of the WebSocket protocol, and the window of unacknowledged frames."""

import base64
import hashlib
import random

import pytest
from websockets.frames import Frame
from websockets.frames import Opcode as PeerOpcode
from websockets.protocol import SERVER, Protocol

from citysim.drive.frames import (
    FrameBad,
    FrameReader,
    HandshakeRefused,
    Opcode,
    client_frame,
    handshake_request,
    handshake_rest,
)
from citysim.drive.window import AckBad, SendWindow

KEY = b"0123456789abcdef"


def answer(key: bytes, rest: bytes = b"") -> bytes:
    token = base64.b64encode(key) + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(token).digest()).decode()
    head = f"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    return head.encode() + rest


class TestFrames:
    @pytest.mark.parametrize("size", [0, 1, 3, 40, 125, 126, 2_000, 65_535, 65_536, 70_003])
    def test_another_implementation_reads_our_frames(self, size: int) -> None:
        payload = random.Random(size).randbytes(size)
        server = Protocol(SERVER)
        server.receive_data(client_frame(Opcode.BINARY, payload, b"\x01\x02\x03\x04"))
        (event,) = server.events_received()
        assert isinstance(event, Frame)
        assert event.opcode is PeerOpcode.BINARY
        assert bytes(event.data) == payload

    @pytest.mark.parametrize("cut", [1, 2, 3, 7, 1_000])
    def test_frames_that_arrive_in_pieces_are_put_together(self, cut: int) -> None:
        payloads = [b"a", b"b" * 200, b"c" * 70_000]
        sent = b"".join(
            Frame(PeerOpcode.BINARY, payload).serialize(mask=False) for payload in payloads
        )
        reader, read = FrameReader(), []
        for start in range(0, len(sent), cut):
            read += reader.feed(sent[start : start + cut])
        assert [message.payload for message in read] == payloads

    def test_fragments_are_one_message_and_control_frames_may_come_between(self) -> None:
        sent = b"".join(
            frame.serialize(mask=False)
            for frame in (
                Frame(PeerOpcode.TEXT, b"one ", fin=False),
                Frame(PeerOpcode.PING, b"?"),
                Frame(PeerOpcode.CONT, b"message"),
            )
        )
        read = [(message.opcode, message.payload) for message in FrameReader().feed(sent)]
        assert read == [(Opcode.PING, b"?"), (Opcode.TEXT, b"one message")]

    @pytest.mark.parametrize(
        ("sent", "reason"),
        [
            (b"\x82\x81\0\0\0\0x", "masked"),
            (b"\x8b\x00", "unknown kind 11"),
            (b"\x82\x7f" + (1 << 40).to_bytes(8, "big"), "frame of 1099511627776 bytes"),
        ],
    )
    def test_what_is_no_frame_of_a_server_is_refused(self, sent: bytes, reason: str) -> None:
        with pytest.raises(FrameBad, match=reason):
            FrameReader().feed(sent)

    def test_the_handshake_asks_and_accepts_the_answer(self) -> None:
        request = handshake_request(host="h:1", path="/p", key=KEY)
        assert request.startswith(b"GET /p HTTP/1.1\r\nHost: h:1\r\n")
        whole = answer(KEY, b"first bytes")
        assert handshake_rest(whole[:20], key=KEY) is None
        assert handshake_rest(whole, key=KEY) == b"first bytes"

    def test_a_refused_handshake_says_why(self) -> None:
        said = b'HTTP/1.1 401 Unauthorized\r\n\r\n{"code":"bad_token"}'
        with pytest.raises(HandshakeRefused, match=r"401 Unauthorized.*bad_token") as caught:
            handshake_rest(said, key=KEY)
        assert caught.value.status == 401

    @pytest.mark.parametrize("said", [answer(b"another key 1234"), b"rubbish\r\n\r\n"])
    def test_an_answer_to_something_else_is_refused(self, said: bytes) -> None:
        with pytest.raises(HandshakeRefused):
            handshake_rest(said, key=KEY)


class TestWindow:
    def test_frames_are_sent_once_and_dropped_when_acknowledged(self) -> None:
        window = SendWindow(frames_max=10)
        for number in range(4):
            window.add(bytes([number]), number)
        assert window.take_unsent() == [b"\0", b"\1", b"\2", b"\3"]
        assert window.take_unsent() == []
        assert window.on_acknowledged(3) == [(b"\0", 0), (b"\1", 1), (b"\2", 2)]
        assert window.on_acknowledged(3) == []
        assert window.is_waiting
        assert window.held() == [b"\3"]

    def test_a_new_socket_gets_all_that_the_old_one_left_open(self) -> None:
        window = SendWindow(frames_max=10)
        for number in range(4):
            window.add(bytes([number]), number)
        window.take_unsent()
        window.on_acknowledged(1)
        window.on_opened()
        assert window.bytes_resent_total == 3
        assert window.take_unsent() == [b"\1", b"\2", b"\3"]
        assert [payload for payload, _ in window.on_acknowledged(3)] == [b"\1", b"\2", b"\3"]
        assert not window.is_waiting

    def test_a_full_window_says_so_until_something_is_acknowledged(self) -> None:
        window = SendWindow(frames_max=2)
        window.add(b"a", 0)
        assert not window.is_full
        window.add(b"b", 0)
        assert window.is_full
        window.take_unsent()
        window.on_acknowledged(1)
        assert not window.is_full

    def test_more_acknowledged_than_sent_is_refused(self) -> None:
        window = SendWindow()
        window.add(b"a", 0)
        window.take_unsent()
        window.add(b"b", 0)
        with pytest.raises(AckBad, match="2 frames acknowledged, 1 sent"):
            window.on_acknowledged(2)
