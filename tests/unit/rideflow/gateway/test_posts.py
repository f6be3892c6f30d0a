"""Pings by plain HTTP: ours, OwnTracks', OsmAnd's and Traccar's."""

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from aiohttp import encode_basic_auth

from rideflow.columns.arrays import Rows
from rideflow.contracts.pings import PING, PingFlag
from rideflow.contracts.tokens import Role
from tests.support.gateway_scene import Scene, gateway_scene, pings_of


def written(scene: Scene, topic: str = "driver.pings") -> Rows:
    return np.frombuffer(b"".join(scene.log.values(topic)), PING)


def _now_s(scene: Scene) -> int:
    return scene.clock.now_ms() // 1000


async def test_packed_pings_are_answered_when_they_are_in_the_log() -> None:
    async with gateway_scene() as scene:
        headers = scene.bearer("7", Role.DRIVER) | {"Content-Type": "application/octet-stream"}
        body = pings_of(7, 7).tobytes()
        async with scene.client.post("/v1/drivers/7/pings", data=body, headers=headers) as reply:
            assert await reply.json() == {"accepted": 2}
        assert written(scene).tobytes() == body


async def test_json_pings_are_counted_by_the_gateway_and_old_ones_are_backlog() -> None:
    async with gateway_scene() as scene:
        now_ms = scene.clock.now_ms()
        pings = [
            {"lat": 57.7, "lon": 11.97, "fix_ms": now_ms - 60_000},
            {"lat": 57.7, "lon": 11.97, "fix_ms": now_ms, "speed_m_s": 10, "bearing": 90.5},
        ]
        headers = scene.bearer("7", Role.DRIVER)
        async with scene.client.post("/v1/drivers/7/pings", json=pings, headers=headers) as reply:
            assert await reply.json() == {"accepted": 2}
        (old,), (new,) = written(scene, "driver.backlog"), written(scene)
        assert (old["sequence"], new["sequence"]) == (1, 2)
        assert old["flags"] == PingFlag.BACKLOG | PingFlag.NO_SPEED | PingFlag.NO_BEARING
        assert (new["lat_e7"], new["speed_cm_s"], new["bearing_cdeg"]) == (577_000_000, 1000, 9050)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ([], 422, "odd_frame"),
        ("nonsense", 422, "bad_field"),
        ([{"lat": 1, "lon": 2}], 422, "bad_field"),
        ([{"lat": 1, "lon": 2, "fix_ms": 1, "speed": 3}], 422, "bad_field"),
    ],
)
async def test_a_post_that_is_no_list_of_pings_says_what_is_wrong(
    body: Any, status: int, code: str
) -> None:
    async with gateway_scene() as scene:
        headers = scene.bearer("7", Role.DRIVER)
        async with scene.client.post("/v1/drivers/7/pings", json=body, headers=headers) as reply:
            assert (reply.status, (await reply.json())["code"]) == (status, code)


async def test_a_ping_off_the_earth_is_refused_by_name_and_the_other_is_written() -> None:
    async with gateway_scene() as scene:
        now_ms = scene.clock.now_ms()
        pings = [{"lat": lat, "lon": 0, "fix_ms": now_ms} for lat in (1e9, 57.7)]
        headers = scene.bearer("7", Role.DRIVER)
        async with scene.client.post("/v1/drivers/7/pings", json=pings, headers=headers) as reply:
            answer = await reply.json()
        assert answer["accepted"] == 1
        assert answer["refused"][0]["reason"] == "bad_coordinates"
        assert len(written(scene)) == 1


async def test_a_post_does_not_mix_with_an_open_socket() -> None:
    async with gateway_scene() as scene:
        phone = await scene.phone(7)
        headers = scene.bearer("7", Role.DRIVER) | {"Content-Type": "application/octet-stream"}
        body = pings_of(7).tobytes()
        async with scene.client.post("/v1/drivers/7/pings", data=body, headers=headers) as reply:
            assert (reply.status, (await reply.json())["code"]) == (409, "driver_connected")
        await phone.close()


async def test_a_failed_log_is_told_as_503() -> None:
    async with gateway_scene() as scene, asyncio.TaskGroup() as tasks:
        scene.hold_log()
        headers = scene.bearer("7", Role.DRIVER) | {"Content-Type": "application/octet-stream"}
        body = pings_of(7).tobytes()
        asked = tasks.create_task(
            scene.client.post("/v1/drivers/7/pings", data=body, headers=headers).__aenter__()
        )
        await scene.fail_log()
        reply = await asked
        assert (reply.status, (await reply.json())["code"]) == (503, "log_unavailable")
        reply.release()


async def test_owntracks_speaks_with_its_token_as_password() -> None:
    async with gateway_scene() as scene:
        token = scene.token("7", Role.DRIVER)
        message = {"_type": "location", "lat": 57.7, "lon": 11.9, "tst": _now_s(scene), "vel": 36}
        headers = {"Authorization": encode_basic_auth("phone", token)}
        for body in (message, {"_type": "lwt"}):
            async with scene.client.post("/v1/owntracks", json=body, headers=headers) as reply:
                assert (reply.status, await reply.json()) == (200, [])
        (ping,) = written(scene)
        assert (ping["driver"], ping["speed_cm_s"]) == (7, 1000)


async def test_osmand_and_traccar_are_understood() -> None:
    async with gateway_scene() as scene:
        token = scene.token("7", Role.DRIVER)
        query = {"id": "7", "lat": "57.7", "lon": "11.9", "speed": "10", "token": token}
        query["timestamp"] = str(_now_s(scene))
        async with scene.client.get("/v1/osmand", params=query) as reply:
            assert await reply.json() == {"accepted": 1}
        location = {
            "timestamp": "2020-01-01T00:00:00Z",
            "coords": {"latitude": 57.7, "longitude": 11.9, "speed": -1, "heading": 10},
        }
        body = {"location": location, "device_id": 7}
        async with scene.client.post("/v1/osmand", params={"token": token}, json=body) as reply:
            answer = await reply.json()
        assert answer["refused"][0]["reason"] == "ancient_fix"
        (ping,) = written(scene)
        assert (ping["driver"], ping["speed_cm_s"]) == (7, 514)


@pytest.mark.parametrize("change", [{"lat": "north"}, {"lat": "nan"}, {"timestamp": "soon"}])
async def test_a_tracker_with_a_bad_parameter_hears_which(change: dict[str, str]) -> None:
    async with gateway_scene() as scene:
        query = {"lat": "1", "lon": "2", "token": scene.token("7", Role.DRIVER)} | change
        async with scene.client.get("/v1/osmand", params=query) as reply:
            assert reply.status == 422
            assert json.loads(await reply.text())["field"] == next(iter(change))


async def test_without_a_token_nobody_writes() -> None:
    async with gateway_scene() as scene:
        async with scene.client.post("/v1/drivers/7/pings", json=[]) as reply:
            assert (reply.status, (await reply.json())["code"]) == (401, "no_token")
        headers = scene.bearer("8", Role.DRIVER)
        async with scene.client.post("/v1/drivers/7/pings", json=[], headers=headers) as reply:
            assert (reply.status, (await reply.json())["code"]) == (403, "forbidden")
