"""The parts of the drive that need no socket: frames, window, truth, sightings."""

import base64
import hashlib
import random
from pathlib import Path

import msgspec
import numpy as np
import pytest
from websockets.frames import Frame
from websockets.frames import Opcode as PeerOpcode
from websockets.protocol import SERVER, Protocol

from citysim.city.faults import FaultJournal, FaultKind
from citysim.drive.frames import (
    FrameBad,
    FrameReader,
    HandshakeRefused,
    Opcode,
    client_frame,
    handshake_request,
    handshake_rest,
)
from citysim.drive.riders import RideTally, Watch
from citysim.drive.sight import PushBad, Sightings
from citysim.drive.truth import Truth, injected_by_name, write_truth
from citysim.drive.window import AckBad, SendWindow
from rideflow.contracts.ids import RideId, RiderId
from rideflow.contracts.pings import PING, PingFlag
from rideflow.contracts.push import CAR, PUSH_HEADER, CarFlag, PushKind, ResumePoint, RidePush
from rideflow.contracts.rides import Place, RideEvent, RideFact, RideState
from rideflow.contracts.truth import (
    DRIVER_TRUTH,
    PING_TRUTH,
    AgeSamples,
    Fault,
    SimulationResult,
)

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


def frame_of(*rows: tuple[int, int, int]) -> bytes:
    pings = np.zeros(len(rows), PING)
    for column, values in zip(
        ("driver", "sequence", "flags"), zip(*rows, strict=True), strict=True
    ):
        pings[column] = values
    return pings.tobytes()


RESULT = SimulationResult(
    drivers=3,
    seed=1,
    wall_s=1.0,
    pings_made=12,
    pings_sent=6,
    pings_acknowledged=5,
    pings_resent=0,
    pings_late_ms_max=3,
    injected={},
    age_rider_matched=AgeSamples(counts={}),
    age_rider_area=AgeSamples(counts={"7": 1}),
    rides_asked=0,
    rides_matched=0,
    rides_completed=0,
    rides_cancelled=0,
    route_digest="r",
    demand_digest="d",
)


class TestTruth:
    def test_it_says_per_driver_what_was_made_and_what_is_absent(self, tmp_path: Path) -> None:
        truth, journal = Truth(first_id=11, drivers=3), FaultJournal()
        journal.note(FaultKind.FUTURE, 12, 2, 90_000.0)
        truth.note_steps(0, 3, 4)
        truth.note_acknowledged(
            [
                frame_of((11, 1, 0), (12, 1, 0), (11, 3, 0)),
                frame_of((11, 2, PingFlag.BACKLOG), (12, 1, 0)),
            ]
        )
        columns = truth.columns([frame_of((13, 4, 0))], journal)
        write_truth(tmp_path / "deep" / "truth", columns, RESULT, {"seen": 1})
        with np.load(tmp_path / "deep" / "truth" / "truth.npz") as found:
            assert found["drivers"].dtype == DRIVER_TRUTH
            assert found["drivers"][["driver", "made_until"]].tolist() == [
                (11, 4),
                (12, 4),
                (13, 4),
            ]
            assert found["absent"].dtype == PING_TRUTH
            assert found["absent"][["driver", "sequence"]].tolist() == [(13, 4), (12, 2)]
            assert len(found["faults"]) == 0
        said = (tmp_path / "deep" / "truth" / "result.json").read_bytes()
        assert msgspec.json.decode(said, type=SimulationResult) == RESULT
        details = (tmp_path / "deep" / "truth" / "details.json").read_bytes()
        assert msgspec.json.decode(details) == {"seen": 1}
        assert (truth.pings_made, truth.pings_acknowledged) == (12, 5)
        assert truth.backlog_acknowledged == 1

    def test_faults_of_many_pings_have_a_row_for_each(self) -> None:
        truth, journal = Truth(first_id=1, drivers=3), FaultJournal()
        truth.note_steps(0, 3, 6)
        journal.note(FaultKind.MOCKED, 1, 0)
        journal.note(FaultKind.DARK, 2, 2, 3.0)
        journal.note(FaultKind.DARK, 3, 5, 30.0)
        journal.note(FaultKind.SWAPPED, 3, 1)
        faults = truth.columns([], journal)["faults"]
        rows = {tuple(row)[:3] for row in faults.tolist()}
        assert rows == {
            *((1, sequence, Fault.MOCKED) for sequence in range(1, 7)),
            *((2, sequence, Fault.BACKLOG) for sequence in (2, 3, 4)),
            *((3, sequence, Fault.BACKLOG) for sequence in (5, 6)),
            (3, 1, Fault.DISORDER),
        }
        assert injected_by_name(faults) == {
            "duplicate": 0,
            "disorder": 1,
            "teleport": 0,
            "jitter": 0,
            "future": 0,
            "mocked": 6,
            "backlog": 5,
        }


def push_of(kind: PushKind, *cars: tuple[int, int], base_ms: int = 1_000, count: int = -1) -> bytes:
    head, body = np.zeros(1, PUSH_HEADER), np.zeros(len(cars), CAR)
    head["kind"], head["base_ms"] = kind, base_ms
    head["count"] = len(cars) if count < 0 else count
    for number, (ago_ms, flags) in enumerate(cars):
        body["fix_ago_ms"][number], body["flags"][number] = ago_ms, flags
    return head.tobytes() + body.tobytes()


class TestSightings:
    def test_deltas_and_later_pushes_of_the_matched_car_are_measured(self) -> None:
        seen = Sightings()
        area = push_of(PushKind.DELTA, (20, 0), (30, CarFlag.BLURRED))
        seen.note(area, now_ms=1_005, is_first_matched=True)
        matched = push_of(PushKind.MATCHED, (7, 0))
        seen.note(matched, now_ms=1_001, is_first_matched=True)
        assert seen.matched_ms.sparse() == {}
        seen.note(matched, now_ms=1_001, is_first_matched=False)
        assert seen.area_ms.sparse() == {"25": 1, "35": 1}
        assert seen.matched_ms.sparse() == {"8": 1}
        assert seen.frames == {"delta": 1, "matched": 2}

    @pytest.mark.parametrize("flag", [CarFlag.GONE, CarFlag.DARK, CarFlag.SUSPECT])
    def test_cars_told_of_for_another_reason_are_not_measured(self, flag: CarFlag) -> None:
        seen = Sightings()
        seen.note(push_of(PushKind.DELTA, (60_000, flag)), now_ms=1_000, is_first_matched=False)
        assert seen.area_ms.sparse() == {}
        assert seen.cars == 1

    def test_many_frames_are_all_counted(self) -> None:
        seen = Sightings()
        for number in range(1_203):
            cars = push_of(PushKind.DELTA, (number % 7, 0), (50, 0))
            seen.note(cars, now_ms=1_000, is_first_matched=False)
        assert sum(seen.area_ms.sparse().values()) == 2 * 1_203
        assert seen.area_ms.sparse()["50"] == 1_203

    def test_snapshots_are_not_measured(self) -> None:
        seen = Sightings()
        seen.note(push_of(PushKind.SNAPSHOT, (900, 0)), now_ms=1_000, is_first_matched=False)
        assert seen.area_ms.sparse() == {}

    @pytest.mark.parametrize(
        "payload",
        [
            b"short",
            push_of(PushKind.DELTA, (1, 0), count=2),
            b"\x09" + push_of(PushKind.DELTA, (1, 0))[1:],
        ],
    )
    def test_what_is_no_push_frame_is_refused(self, payload: bytes) -> None:
        with pytest.raises(PushBad):
            Sightings().note(payload, now_ms=0, is_first_matched=False)


def push(number: int, event: RideEvent, state: RideState, driver: int | None = 1) -> RidePush:
    place = Place(lat=57.7, lon=11.95)
    fact = RideFact(
        ride=RideId("r"),
        number=number,
        event=event,
        state=state,
        at_ms=0,
        region="",
        rider=RiderId("me"),
        pickup=place,
        destination=place,
        requested_ms=0,
        driver=driver,
    )
    return RidePush(fact=fact, resume=ResumePoint(epoch="e", partition=0, offset=number))


class TestWatch:
    def test_a_ride_is_counted_once_at_each_turn_of_its_life(self) -> None:
        watch, tally = Watch(ride=RideId("r")), RideTally()
        lines = [
            push(1, RideEvent.REQUEST_MADE, RideState.REQUESTED, None),
            push(3, RideEvent.OFFER_ACCEPTED, RideState.EN_ROUTE),
            push(3, RideEvent.OFFER_ACCEPTED, RideState.EN_ROUTE),
            push(4, RideEvent.DRIVER_ARRIVED, RideState.WAITING),
            push(5, RideEvent.RIDER_BOARDED, RideState.ON_TRIP),
            push(6, RideEvent.RIDER_DROPPED, RideState.COMPLETED),
        ]
        for line in lines:
            watch.note(line, tally)
        assert (tally.matched, tally.completed, tally.gaps, tally.reassigned) == (1, 1, 1, 0)
        assert watch.ended.is_set()

    def test_another_driver_while_one_is_assigned_is_noticed(self) -> None:
        watch, tally = Watch(ride=RideId("r")), RideTally()
        watch.note(push(3, RideEvent.OFFER_ACCEPTED, RideState.EN_ROUTE), tally)
        watch.note(push(4, RideEvent.DRIVER_ARRIVED, RideState.WAITING, 2), tally)
        assert tally.reassigned == 1

    @pytest.mark.parametrize(
        ("event", "state", "name"),
        [
            (RideEvent.RIDE_CANCELLED, RideState.CANCELLED, "cancelled"),
            (RideEvent.SEARCH_ENDED, RideState.UNMATCHED, "unmatched"),
        ],
    )
    def test_other_ends_are_counted_as_what_they_are(
        self, event: RideEvent, state: RideState, name: str
    ) -> None:
        watch, tally = Watch(ride=RideId("r")), RideTally()
        watch.note(push(2, event, state, None), tally)
        assert getattr(tally, name) == 1
        assert tally.completed == 0
