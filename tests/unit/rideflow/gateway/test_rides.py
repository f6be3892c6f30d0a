"""Rides by HTTP and by socket: wishes reach the log, news reach who is concerned."""

from typing import Any

import msgspec
import pytest

from rideflow.contracts.ids import RideId, RiderId
from rideflow.contracts.rides import CommandKind, Place, RideCommand, RideEvent, RideFact, RideState
from rideflow.contracts.tokens import Role
from tests.support.gateway_scene import Scene, gateway_scene

PICKUP, DESTINATION = Place(lat=57.70, lon=11.97), Place(lat=57.71, lon=11.99)
ASK = {"pickup": {"lat": 57.70, "lon": 11.97}, "destination": {"lat": 57.71, "lon": 11.99}}


def fact(number: int, event: RideEvent, state: RideState, **fields: Any) -> RideFact:
    given: dict[str, Any] = {
        "ride": RideId("r1"),
        "rider": RiderId("anna"),
        "at_ms": 1,
        "requested_ms": 1,
        "region": "861f25607ffffff",
        "pickup": PICKUP,
        "destination": DESTINATION,
    }
    return RideFact(number=number, event=event, state=state, **(given | fields))


REQUESTED = fact(1, RideEvent.REQUEST_MADE, RideState.REQUESTED)
OFFERED = fact(2, RideEvent.OFFER_SENT, RideState.OFFERED, driver=7, offer=1)


async def tell(scene: Scene, *facts: RideFact) -> None:
    """Let the gateway hear facts as matching writes them."""
    for told in facts:
        scene.log.put("ride.events", told.ride.encode(), msgspec.json.encode(told))
    last = facts[-1]
    await scene.heard(lambda: scene.gateway.view.fact(last.ride) == last)


def commands(scene: Scene) -> list[RideCommand]:
    return [msgspec.json.decode(v, type=RideCommand) for v in scene.log.values("ride.commands")]


async def post(
    scene: Scene, path: str, sub: str, role: Role, body: object = None
) -> tuple[int, dict[str, Any]]:
    async with scene.client.post(path, json=body, headers=scene.bearer(sub, role)) as reply:
        return reply.status, await reply.json()


async def test_a_request_is_answered_when_it_is_in_the_log() -> None:
    async with gateway_scene() as scene:
        status, reply = await post(scene, "/v1/rides", "anna", Role.RIDER, ASK)
        (command,) = commands(scene)
        assert (status, reply["state"], reply["ride"]) == (202, "asked", command.ride)
        assert command.kind is CommandKind.REQUEST
        assert command.rider == "anna"
        assert len(command.region) == 15
        headers = scene.bearer("anna", Role.RIDER)
        async with scene.client.get(f"/v1/rides/{command.ride}", headers=headers) as seen:
            assert (await seen.json())["state"] == "asked"


async def test_the_same_ride_asked_twice_is_one_command() -> None:
    async with gateway_scene() as scene:
        for _ in range(2):
            status, _reply = await post(
                scene, "/v1/rides", "anna", Role.RIDER, ASK | {"ride": "r1"}
            )
            assert status == 202
        assert len(commands(scene)) == 1
        status, reply = await post(scene, "/v1/rides", "bert", Role.RIDER, ASK | {"ride": "r1"})
        assert (status, reply["code"]) == (409, "ride_exists")


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"pickup": {"lat": 91, "lon": 0}}, 422, "$.pickup"),
        ({"pickup": {"lat": "north", "lon": 0}}, 422, "$.pickup.lat"),
        ({"ride": ""}, 422, "$.ride"),
    ],
)
async def test_a_request_that_makes_no_sense_says_where(
    change: dict[str, Any], status: int, field: str
) -> None:
    async with gateway_scene() as scene:
        found, reply = await post(scene, "/v1/rides", "anna", Role.RIDER, ASK | change)
        assert (found, reply["field"]) == (status, field)
        assert commands(scene) == []


async def test_an_offer_goes_to_the_drivers_socket_and_the_answer_to_the_log() -> None:
    async with gateway_scene() as scene:
        phone = await scene.phone(7)
        await scene.heard(lambda: scene.gateway.view.heard_ms > 0)
        await tell(scene, REQUESTED, OFFERED)
        offer = await phone.receive_json()
        assert (offer["type"], offer["driver"], offer["fact"]["ride"]) == ("offer", 7, "r1")
        await phone.send_json({"type": "action", "kind": "accept", "driver": 7, "ride": "r1"})
        await scene.log_holds("ride.commands", 1)
        (command,) = commands(scene)
        assert (command.kind, command.driver, command.offer) == (CommandKind.ACCEPT, 7, 1)
        await phone.close()


async def test_a_driver_that_connects_late_hears_of_the_open_offer() -> None:
    async with gateway_scene() as scene:
        await tell(scene, REQUESTED, OFFERED)
        phone = await scene.phone(7)
        assert (await phone.receive_json())["type"] == "offer"
        await phone.close()


async def test_a_driver_who_loses_the_ride_hears_of_it_and_can_no_longer_act() -> None:
    async with gateway_scene() as scene:
        await tell(scene, REQUESTED, OFFERED)
        await scene.heard(lambda: scene.gateway.view.heard_ms > 0)
        phone = await scene.phone(7)
        await phone.receive_json()
        await tell(scene, fact(3, RideEvent.OFFER_LAPSED, RideState.REQUESTED))
        news = await phone.receive_json()
        assert (news["type"], news["fact"]["event"]) == ("ride", "offer_lapsed")
        await phone.send_json({"type": "action", "kind": "accept", "driver": 7, "ride": "r1"})
        assert (await phone.receive_json())["code"] == "not_your_ride"
        assert commands(scene) == []
        await phone.close()


async def test_a_socket_acts_for_its_own_drivers_alone() -> None:
    async with gateway_scene() as scene:
        await tell(scene, REQUESTED, OFFERED)
        phone = await scene.phone(8)
        await phone.send_json({"type": "action", "kind": "accept", "driver": 7, "ride": "r1"})
        assert (await phone.receive_json())["code"] == "forbidden"
        await phone.close()


async def test_actions_by_http_follow_the_same_rules() -> None:
    async with gateway_scene() as scene:
        await tell(scene, REQUESTED, OFFERED)
        status, _ = await post(scene, "/v1/rides/r1/accept", "7", Role.DRIVER)
        assert status == 202
        status, reply = await post(scene, "/v1/rides/r1/accept", "8", Role.DRIVER)
        assert (status, reply["code"]) == (409, "not_your_ride")
        status, reply = await post(scene, "/v1/rides/r1/board", "anna", Role.RIDER)
        assert (status, reply["code"]) == (403, "forbidden")
        status, reply = await post(scene, "/v1/rides/r1/cancel", "bert", Role.RIDER)
        assert (status, reply["code"]) == (403, "forbidden")
        status, _ = await post(scene, "/v1/rides/r1/cancel", "anna", Role.RIDER)
        assert status == 202
        status, reply = await post(scene, "/v1/rides/nobodys/cancel", "anna", Role.RIDER)
        assert (status, reply["code"]) == (404, "unknown_ride")
        assert [c.kind for c in commands(scene)] == [CommandKind.ACCEPT, CommandKind.CANCEL]


async def test_a_ride_is_shown_to_who_it_concerns() -> None:
    async with gateway_scene() as scene:
        await tell(scene, REQUESTED, OFFERED)
        for sub, role, status in (
            ("anna", Role.RIDER, 200),
            ("7", Role.DRIVER, 200),
            ("ops", Role.OPERATOR, 200),
            ("bert", Role.RIDER, 403),
            ("8", Role.DRIVER, 403),
        ):
            async with scene.client.get("/v1/rides/r1", headers=scene.bearer(sub, role)) as reply:
                assert reply.status == status, (sub, role)


async def test_commands_of_one_region_share_a_partition() -> None:
    async with gateway_scene() as scene:
        for _ in range(5):
            await post(scene, "/v1/rides", "anna", Role.RIDER, ASK)
        assert len({stored.partition for stored in scene.log.stored("ride.commands")}) == 1
