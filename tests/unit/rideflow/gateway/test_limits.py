"""What the gateway does when there is too much: bounded, by name, and to nobody else's cost."""

import asyncio

import numpy as np
import pytest

from groundwork.metrics import Registry
from groundwork.simulated.clocks import VirtualClock
from rideflow.contracts.driver_socket import CloseCode, Rejected, RejectReason
from rideflow.contracts.metrics import GATEWAY_METRICS
from rideflow.gateway.ack_pacer import AckPacer
from rideflow.gateway.conduit import POST_OWNER
from rideflow.gateway.dead_letters import LETTERS_MAX, DeadLetterDesk
from rideflow.gateway.intake import BlockingIntake
from rideflow.gateway.ownership import NOBODY, DriverTaken, Ownership
from rideflow.gateway.post_endpoints import PostConduit
from rideflow.gateway.socket_conduit import SocketConduit
from rideflow.gateway.sockets import Sockets, drivers_of_ranges
from rideflow.running.websocket_frames import binary_frame, close_frame
from tests.support.gateway_scene import gateway_scene, next_ack, pings_of


class StuckTransport(asyncio.Transport):
    """A transport whose peer reads nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.is_aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True


def conduit(transport: asyncio.Transport, *, owner: int = 2) -> SocketConduit:
    return SocketConduit(
        owner=owner,
        source="gateway/driver/7",
        transport=transport,
        pacer=AckPacer(VirtualClock(), pause_ms=0),
        write_bytes_max=100,
        credit_bytes=0,
    )


async def test_an_intake_gives_the_oldest_frames_first_and_no_more_than_asked() -> None:
    intake, source = BlockingIntake(bytes_max=100), PostConduit("p")
    for letter in (b"a", b"b", b"c"):
        intake.add(source, letter * 40)
    assert intake.is_full
    assert intake.take(bytes_max=80)[1] == [b"a" * 40, b"b" * 40]
    assert intake.take(bytes_max=1)[1] == [b"c" * 40]
    assert intake.bytes_pending == 0


async def test_who_adds_to_a_full_intake_waits_until_a_tick_has_taken() -> None:
    intake, source = BlockingIntake(bytes_max=40), PostConduit("p")
    intake.add(source, bytes(40))
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(intake.wait_for_room())
        await asyncio.sleep(0)
        assert not waiting.done()
        intake.take(bytes_max=1000)


async def test_frames_of_a_broken_conduit_are_forgotten_and_others_stay() -> None:
    intake, good, broken = BlockingIntake(bytes_max=1000), PostConduit("g"), PostConduit("b")
    for source in (good, broken, good):
        intake.add(source, bytes(40))
    broken.is_broken = True
    intake.drop_broken()
    assert intake.take(bytes_max=1000)[0] == [good, good]


async def test_frames_pile_up_while_the_log_has_no_room_and_all_arrive_after() -> None:
    async with gateway_scene() as scene:
        socket = await scene.fleet()
        scene.hold_log()
        intake = scene.gateway.intake
        sequence = 0
        while not len(intake):
            sequence += 1
            await socket.send_bytes(pings_of(1, 2, sequence=sequence).tobytes())
            await asyncio.sleep(0.01)
        assert scene.log.values("driver.pings") == []
        for producer in scene.log.producers:
            producer.release()
        while await next_ack(socket) != (sequence, 2 * sequence):
            pass
        assert len(scene.log.values("driver.pings")) == 2 * sequence
        await socket.close()


def test_a_socket_that_does_not_read_is_cut_off_and_breaks_nobody_else() -> None:
    transport = StuckTransport()
    slow = conduit(transport)
    for _ in range(20):
        slow.acknowledge(1, 1)
    assert slow.close_code == CloseCode.SLOW
    assert slow.is_broken
    assert transport.is_aborted
    assert len(transport.written) < 200


def test_a_silent_socket_is_closed_and_one_that_ignores_it_is_cut() -> None:
    sockets = Sockets(Ownership(drivers_max=10), Registry(GATEWAY_METRICS), burst_s=1, idle_s_max=3)
    transport = StuckTransport()
    silent = conduit(transport)
    sockets.open(silent, drivers_of_ranges([(7, 7)]), pings_per_second=1)
    for _ in range(4):
        sockets.each_second()
    assert silent.close_code == CloseCode.GOING_AWAY
    for _ in range(5):
        sockets.each_second()
    assert transport.is_aborted


def test_only_the_owner_of_a_driver_lets_go_of_it() -> None:
    ownership = Ownership(drivers_max=10)
    old, new = ownership.new_owner(), ownership.new_owner()
    drivers = np.array([7, 8], np.uint64)
    ownership.claim(old, drivers)
    assert ownership.claim(new, drivers[:1]) == {old}
    ownership.release(old)
    assert (ownership.owner_of(7), ownership.owner_of(8)) == (new, NOBODY)
    with pytest.raises(DriverTaken):
        ownership.claim_post(7)
    ownership.claim_post(8)
    assert ownership.owner_of(8) == POST_OWNER


def test_dead_letters_beyond_the_bound_are_counted() -> None:
    desk = DeadLetterDesk()
    rejected = Rejected(reason=RejectReason.ODD_FRAME, count=1, frame=1)
    for _ in range(LETTERS_MAX + 3):
        desk.write("gateway/driver/7", rejected, b"odd", now_ms=1)
    assert desk.dropped_total == 3
    assert len(desk.take_records()) == LETTERS_MAX


@pytest.mark.parametrize(("size", "head"), [(125, 2), (126, 4), (65_535, 4), (65_536, 10)])
def test_frames_have_the_shortest_head_that_holds_their_length(size: int, head: int) -> None:
    assert len(binary_frame(bytes(size))) == size + head


def test_a_close_frame_is_a_control_frame_whatever_the_reason() -> None:
    assert len(close_frame(4001, "ö" * 500)) <= 2 + 125
