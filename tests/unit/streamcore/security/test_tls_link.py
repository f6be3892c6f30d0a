"""TLS between bytes: a client in memory, a link, and a connection that echoes."""

import asyncio
import random
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from streamcore.broker.security.certificates import Certificates as Loaded
from streamcore.broker.security.tls_link import CIPHERTEXT_BYTES, FLUSH_BYTES, TlsLink
from streamcore.broker.settings import BrokerSettings, ClientAuth
from tests.support.certificates import Certificates, make_certificates
from tests.support.fake_transport import FakeTransport

ROOM_BYTES = 10_000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def server_context(files: Certificates, auth: ClientAuth = ClientAuth.NONE) -> ssl.SSLContext:
    settings = BrokerSettings(
        data_dir=Path("/nowhere"),
        ssl_certificate_location=files.server,
        ssl_ca_location=files.ca,
        ssl_client_auth=auth,
    )
    return Loaded(settings).context


class Echo:
    """Takes `ROOM_BYTES` at once and writes back what comes."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.received = b""
        self.events: list[str] = []
        self._room = bytearray(ROOM_BYTES)
        self.echoes = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.events.append("made")

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append("lost")

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(self._room)

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(self._room[:nbytes])
        self.received += data
        if self.echoes:
            self.transport.write(data)

    def pause_writing(self) -> None:
        self.events.append("pause")

    def resume_writing(self) -> None:
        self.events.append("resume")

    def on_tls_done(self) -> None:
        self.events.append("done")

    def on_tls_failed(self, reason: str) -> None:
        self.events.append(f"failed: {reason}")
        self.transport.close()


class Scene:
    """A client in memory on one side of a link, an echo on the other."""

    def __init__(
        self,
        context: ssl.SSLContext,
        files: Certificates,
        *,
        ca: Path | None = None,
        client: Path | None = None,
        version_max: ssl.TLSVersion | None = None,
    ) -> None:
        self.soon: list[Callable[[], None]] = []
        self.echo = Echo()
        self.link = TlsLink(context, self.echo, call_soon=self.soon.append)
        self.transport = FakeTransport()
        self.link.connection_made(self.transport)
        own = ssl.create_default_context(cafile=ca or files.ca)
        if version_max is not None:
            own.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            own.maximum_version = version_max
        if client is not None:
            own.load_cert_chain(client)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = own.wrap_bio(self._in, self._out, server_hostname="localhost")

    def to_link(self, data: bytes, *, piece_bytes: int = CIPHERTEXT_BYTES) -> None:
        while data and not self.transport.is_reading_paused:
            room = self.link.get_buffer(-1)
            size = min(len(room), len(data), piece_bytes)
            room[:size] = data[:size]
            data = data[size:]
            self.link.buffer_updated(size)
        self.left = data

    def from_link(self) -> bytes:
        written, self.transport.written = self.transport.written, b""
        return written

    def shake_hands(self, *, piece_bytes: int = CIPHERTEXT_BYTES) -> None:
        for _ in range(4):
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                self.to_link(self._out.read())  # the alert
                raise
            self.to_link(self._out.read(), piece_bytes=piece_bytes)
            self._in.write(self.from_link())

    def send(self, data: bytes, *, piece_bytes: int = CIPHERTEXT_BYTES) -> None:
        self.tls.write(data)
        self.to_link(self._out.read(), piece_bytes=piece_bytes)

    def receive(self) -> bytes:
        self._in.write(self.from_link())
        data = b""
        try:
            while piece := self.tls.read(1 << 20):
                data += piece
        except ssl.SSLWantReadError:
            return data
        return data

    def run_soon(self) -> None:
        while self.soon:
            self.soon.pop(0)()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("piece_bytes", [1, 100, CIPHERTEXT_BYTES])
def test_what_is_sent_comes_back_however_it_arrives(
    files: Certificates, version: ssl.TLSVersion, piece_bytes: int
) -> None:
    scene = Scene(server_context(files), files, version_max=version)
    scene.shake_hands(piece_bytes=piece_bytes)
    assert scene.echo.events == ["made", "done"]
    data = random.Random(1).randbytes(50_000)
    scene.send(data, piece_bytes=piece_bytes)
    assert scene.echo.received == data
    assert scene.receive() == data


def test_a_request_that_comes_with_the_handshake_s_end_is_not_lost(files: Certificates) -> None:
    scene = Scene(server_context(files), files)
    for _ in range(2):
        try:
            scene.tls.do_handshake()
        except ssl.SSLWantReadError:
            scene.to_link(scene._out.read())
            scene._in.write(scene.from_link())
    scene.send(b"early")
    assert scene.echo.events == ["made", "done"]
    assert scene.receive() == b"early"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0\0\0\x10\0\x12\0\0\0\0\0\1\0\3raw" + bytes(40), "does it speak TLS at all?"),
        (b"GET / HTTP/1.1\r\n\r\n" + bytes(40), "it speaks HTTP"),
        (b"\x16\x03\x01\x00\x05hello", "failed: "),
    ],
)
def test_who_speaks_no_tls_is_told_of(files: Certificates, data: bytes, reason: str) -> None:
    scene = Scene(server_context(files), files)
    scene.to_link(data)
    assert reason in scene.echo.events[-1]
    assert scene.transport.closed


def test_a_client_that_does_not_trust_us_is_told_of(files: Certificates) -> None:
    scene = Scene(server_context(files), files, ca=files.other_ca)
    with pytest.raises(ssl.SSLCertVerificationError):
        scene.shake_hands()
    assert "it does not trust our certificate" in scene.echo.events[-1]
    assert scene.transport.closed


def test_an_old_tls_is_refused(files: Certificates) -> None:
    scene = Scene(server_context(files), files)
    hello_of_tls_1_1 = bytes.fromhex(
        "16030100370100003303020000000000000000000000000000000000000000000000000000000000000000"
        "00000ac009c013c00ac014002f01000000"
    )
    scene.to_link(hello_of_tls_1_1)
    assert scene.echo.events[-1].startswith("failed: ")
    assert scene.transport.closed


@pytest.mark.parametrize(
    ("auth", "client", "outcome"),
    [
        (ClientAuth.REQUIRED, "client", "done"),
        (ClientAuth.REQUIRED, None, "failed: PEER_DID_NOT_RETURN_A_CERTIFICATE"),
        (ClientAuth.REQUIRED, "other_client", "failed: its certificate is refused"),
        (ClientAuth.REQUESTED, "client", "done"),
        (ClientAuth.REQUESTED, None, "done"),
        (ClientAuth.REQUESTED, "other_client", "failed: its certificate is refused"),
        (ClientAuth.NONE, "other_client", "done"),
    ],
)
def test_a_client_s_certificate_is_looked_at_as_the_setting_says(
    files: Certificates, auth: ClientAuth, client: str | None, outcome: str
) -> None:
    path = None if client is None else getattr(files, client)
    scene = Scene(server_context(files, auth), files, client=path)
    scene.shake_hands()
    assert scene.echo.events[1].startswith(outcome)


def test_a_slow_reader_costs_no_encrypted_copy_of_what_waits_for_it(files: Certificates) -> None:
    scene = Scene(server_context(files), files)
    scene.shake_hands()
    scene.link.pause_writing()
    data = random.Random(2).randbytes(5 * FLUSH_BYTES)
    scene.echo.transport.writelines([data[:1000], data[1000:]])
    assert scene.transport.written == b""
    assert scene.echo.transport.get_write_buffer_size() == len(data)
    assert scene.echo.events[2:] == ["pause"]
    scene.link.resume_writing()
    assert scene.echo.events[2:] == ["pause", "resume"]
    assert scene.receive() == data


def test_a_socket_that_fills_up_stops_the_encrypting(files: Certificates) -> None:
    scene = Scene(server_context(files), files)
    scene.shake_hands()
    write = scene.transport.write

    def write_and_fill(data: bytes | bytearray | memoryview) -> None:
        write(data)
        scene.link.pause_writing()

    scene.transport.write = write_and_fill  # type: ignore[method-assign]  # a full socket
    scene.echo.transport.write(bytes(5 * FLUSH_BYTES))
    assert len(scene.transport.written) < 2 * FLUSH_BYTES
    assert scene.echo.transport.get_write_buffer_size() >= 3 * FLUSH_BYTES
    received = len(scene.receive())
    while scene.echo.transport.get_write_buffer_size():
        scene.link.resume_writing()
        received += len(scene.receive())
    assert received == 5 * FLUSH_BYTES


def test_nothing_is_handed_over_while_reading_is_paused(files: Certificates) -> None:
    scene = Scene(server_context(files), files)
    scene.shake_hands()
    scene.echo.transport.pause_reading()
    scene.link.buffer_updated(0)
    scene.transport.is_reading_paused = False  # bytes that were under way
    scene.send(b"x" * 30_000)
    assert scene.echo.received == b""
    scene.echo.transport.resume_reading()
    assert scene.echo.received == b"", "not from within the call"
    scene.run_soon()
    assert scene.echo.received == b"x" * 30_000


def test_closing_sends_what_waits_and_says_goodbye(files: Certificates) -> None:
    scene = Scene(server_context(files), files)
    scene.shake_hands()
    scene.link.pause_writing()
    scene.echo.transport.write(b"last words")
    scene.echo.transport.close()
    assert scene.echo.transport.is_closing()
    assert not scene.transport.closed
    scene.echo.transport.write(b"after the end")
    scene.link.resume_writing()
    assert scene.transport.closed
    scene._in.write(scene.from_link())
    assert scene.tls.read(100) == b"last words"
    assert scene.tls.read(100) == b"", "the goodbye"


def test_a_peer_that_says_goodbye_is_closed(files: Certificates) -> None:
    scene = Scene(server_context(files), files)
    scene.shake_hands()
    with pytest.raises(ssl.SSLWantReadError):
        scene.tls.unwrap()
    scene.to_link(scene._out.read())
    assert scene.transport.closed


def test_bytes_that_were_tampered_with_end_the_connection(files: Certificates) -> None:
    scene = Scene(server_context(files), files)
    scene.shake_hands()
    scene.tls.write(b"to be changed")
    record = bytearray(scene._out.read())
    record[-1] ^= 1
    scene.to_link(bytes(record))
    assert scene.echo.events[-1].startswith("failed: ")
    assert scene.echo.received == b""
    assert scene.transport.closed


def test_a_peer_that_hangs_up_is_a_fault_only_amid_a_handshake(files: Certificates) -> None:
    probe, broken, done = (Scene(server_context(files), files) for _ in range(3))
    broken.to_link(b"\x16\x03")
    done.shake_hands()
    for scene in (probe, broken, done):
        scene.link.connection_lost(None)
    assert probe.echo.events == ["made", "lost"]
    assert broken.echo.events == ["made", "failed: it hung up", "lost"]
    assert done.echo.events == ["made", "done", "lost"]


def test_the_newest_tls_is_spoken_and_the_peer_s_address_seen_through_it(
    files: Certificates,
) -> None:
    scene = Scene(server_context(files), files)
    scene.shake_hands()
    assert scene.tls.version() == "TLSv1.3"
    assert scene.echo.transport.get_extra_info("peername") == ("10.0.0.9", 5555)
