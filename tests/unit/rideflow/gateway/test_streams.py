"""Drivers' and fleets' sockets: what is acknowledged is in the log, and nobody disturbs another."""

from aiohttp import WSMsgType

from rideflow.contracts.driver_socket import CloseCode
from rideflow.contracts.pings import PingFlag
from rideflow.contracts.tokens import Role
from tests.support.gateway_scene import FLEET, gateway_scene, next_ack, pings_of


async def test_a_fleets_frame_is_in_the_log_when_it_is_acknowledged() -> None:
    async with gateway_scene() as scene:
        socket = await scene.fleet()
        frame = pings_of(1, 2, 3).tobytes()
        await socket.send_bytes(frame)
        assert await next_ack(socket) == (1, 3)
        assert b"".join(scene.log.values("driver.pings")) == frame
        keys = [stored.record.key for stored in scene.log.stored("driver.pings")]
        assert keys == [b"%010d" % driver for driver in (1, 2, 3)]
        await socket.close()


async def test_an_odd_frame_is_refused_and_the_next_one_still_counts() -> None:
    async with gateway_scene() as scene:
        socket = await scene.fleet()
        await socket.send_bytes(b"odd")
        refused = await socket.receive_json()
        assert (refused["type"], refused["reason"], refused["frame"]) == (
            "rejected",
            "odd_frame",
            1,
        )
        assert await next_ack(socket) == (1, 0)
        await socket.send_bytes(pings_of(1).tobytes())
        assert await next_ack(socket) == (2, 1)
        scene.gateway.each_second()
        await scene.log_holds("dead.letters", 1)
        await socket.close()


async def test_only_the_bad_ping_of_a_frame_is_refused_and_it_is_named() -> None:
    async with gateway_scene() as scene:
        socket = await scene.fleet()
        pings = pings_of(1, 2, 3, sequence=7)
        pings["lat_e7"][1] = 900_000_001
        await socket.send_bytes(pings.tobytes())
        refused = await socket.receive_json()
        assert (refused["reason"], refused["driver"], refused["sequence"]) == (
            "bad_coordinates",
            2,
            7,
        )
        assert await next_ack(socket) == (1, 2)
        assert len(scene.log.values("driver.pings")) == 2
        await socket.close()


async def test_backlog_goes_its_own_way() -> None:
    async with gateway_scene() as scene:
        socket = await scene.fleet()
        pings = pings_of(1, 2)
        pings["flags"][0] = PingFlag.BACKLOG
        await socket.send_bytes(pings.tobytes())
        assert await next_ack(socket) == (1, 2)
        assert len(scene.log.values("driver.pings")) == 1
        assert len(scene.log.values("driver.backlog")) == 1
        await socket.close()


async def test_a_driver_that_was_not_announced_is_unknown() -> None:
    async with gateway_scene() as scene:
        socket = await scene.fleet([(1, 10)])
        await socket.send_bytes(pings_of(11).tobytes())
        assert (await socket.receive_json())["reason"] == "unknown_driver"
        await socket.close()


async def test_a_failed_send_ends_the_socket_without_an_acknowledgement() -> None:
    async with gateway_scene() as scene:
        socket = await scene.fleet()
        scene.hold_log()
        await socket.send_bytes(pings_of(1).tobytes())
        await scene.fail_log()
        message = await socket.receive(timeout=5)
        assert message.type is WSMsgType.CLOSE
        assert message.data == CloseCode.LOG_UNAVAILABLE
        assert scene.log.values("driver.pings") == []
        await socket.close()


async def test_a_newer_socket_fences_the_older_one() -> None:
    async with gateway_scene() as scene:
        old = await scene.phone(7)
        new = await scene.phone(7)
        assert (await old.receive()).data == CloseCode.FENCED
        await new.send_bytes(pings_of(7).tobytes())
        assert await next_ack(new) == (1, 1)
        await old.close()
        await new.close()


async def test_a_fleet_goes_on_without_a_driver_that_moved_to_a_phone() -> None:
    async with gateway_scene() as scene:
        fleet = await scene.fleet([(1, 3)])
        phone = await scene.phone(2)
        await fleet.send_bytes(pings_of(1, 2, 3).tobytes())
        refused = await fleet.receive_json()
        assert (refused["reason"], refused["driver"]) == ("unknown_driver", 2)
        assert await next_ack(fleet) == (1, 2)
        await fleet.close()
        await phone.close()


async def test_a_token_of_another_driver_is_turned_away() -> None:
    async with gateway_scene() as scene:
        headers = scene.bearer("8", Role.DRIVER)
        socket = await scene.client.ws_connect("/v1/drivers/7/stream", headers=headers)
        assert (await socket.receive()).data == CloseCode.FORBIDDEN
        await socket.close()


async def test_a_socket_that_does_not_say_hello_first_is_turned_away() -> None:
    async with gateway_scene() as scene:
        socket = await scene.client.ws_connect(f"/v1/fleets/{FLEET}/stream")
        await socket.send_bytes(pings_of(1).tobytes())
        assert (await socket.receive()).data == CloseCode.PROTOCOL
        await socket.close()


async def test_a_socket_beyond_its_rate_is_closed() -> None:
    async with gateway_scene(phone_pings_per_second=1, burst_s=2) as scene:
        socket = await scene.phone(7)
        for sequence in range(3):
            await socket.send_bytes(pings_of(7, sequence=sequence).tobytes())
        message = await socket.receive()
        while message.type is not WSMsgType.CLOSE:
            message = await socket.receive()
        assert message.data == CloseCode.RATE_LIMITED
        await socket.close()


async def test_a_phone_hears_at_once_and_then_nothing_more_within_the_pause() -> None:
    async with gateway_scene(phone_ack_ms=600_000) as scene:
        socket = await scene.phone(7)
        for sequence in range(1, 6):
            await socket.send_bytes(pings_of(7, sequence=sequence).tobytes())
            await scene.log_holds("driver.pings", sequence)
        assert await next_ack(socket) == (1, 1)
        await socket.send_str("not a message")
        answer = await socket.receive(timeout=5)
        assert "bad_message" in answer.data, "an acknowledgement came before the pause was over"
        await socket.close()


async def test_after_the_pause_a_phone_hears_of_everything_since() -> None:
    async with gateway_scene(phone_ack_ms=20) as scene:
        socket = await scene.phone(7)
        heard = (0, 0)
        for sequence in range(1, 6):
            await socket.send_bytes(pings_of(7, sequence=sequence).tobytes())
            await scene.log_holds("driver.pings", sequence)
        while heard < (5, 5):
            heard = await next_ack(socket)
        assert heard == (5, 5)
        await socket.close()
