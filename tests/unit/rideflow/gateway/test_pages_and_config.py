"""Everything that is not about pings or rides: pages, configuration, tokens, description."""

import json
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from rideflow.contracts.tokens import Role
from tests.support.gateway_scene import gateway_scene


@pytest.fixture
def web_dir(tmp_path: Path) -> str:
    """A folder like the built web."""
    folder = tmp_path / "web"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<h1>Hailstream</h1>")
    (folder / "rider.html").write_text("<h1>Rider</h1>")
    (folder / "assets" / "app-1234.js").write_text("console.log(1)" * 100)
    (tmp_path / "secret.txt").write_text("not yours")
    return str(folder)


@pytest.fixture
def city_dir(tmp_path: Path) -> str:
    """What the gateway needs of a city pack."""
    folder = tmp_path / "city"
    folder.mkdir()
    facts = {
        "name": "Göteborg",
        "slug": "goteborg",
        "bounds": {"west": 11.8, "south": 57.6, "east": 12.1, "north": 57.8},
        "centre_lon": 11.97,
        "centre_lat": 57.7,
        "attribution": "© OpenStreetMap contributors",
        "counts": {},
        "source": {},
        "pack_version": 1,
    }
    (folder / "city.json").write_text(json.dumps(facts))
    (folder / "basemap.geojson").write_text('{"type":"FeatureCollection","features":[]}')
    return str(folder)


async def test_pages_have_short_names_and_built_files_never_change(web_dir: str) -> None:
    async with gateway_scene(web_dir=web_dir) as scene:
        async with scene.client.get("/rider") as reply:
            assert await reply.text() == "<h1>Rider</h1>"
            assert reply.headers["Cache-Control"] == "no-cache"
            etag = reply.headers["ETag"]
        async with scene.client.get("/rider", headers={"If-None-Match": etag}) as reply:
            assert reply.status == 304
        async with scene.client.get("/assets/app-1234.js") as reply:
            assert "immutable" in reply.headers["Cache-Control"]
            assert reply.headers["Content-Encoding"] == "gzip"
            assert await reply.text() == "console.log(1)" * 100


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/nothing", "/v1/no"])
async def test_what_is_not_there_is_a_plain_404(web_dir: str, path: str) -> None:
    async with gateway_scene(web_dir=web_dir) as scene, scene.client.get(path) as reply:
        assert (reply.status, (await reply.json())["code"]) == (404, "not_found")


async def test_pages_that_are_not_built_say_how_to() -> None:
    async with gateway_scene() as scene, scene.client.get("/rider") as reply:
        assert reply.status == 503
        assert "make setup" in await reply.text()


async def test_config_names_the_city_and_the_services_on_the_pages_own_host(city_dir: str) -> None:
    async with gateway_scene(city_dir=city_dir, port=8080) as scene:
        async with scene.client.get("/v1/config") as reply:
            config = await reply.json()
        assert config["city"] == "Göteborg"
        assert config["bounds"] == [57.6, 11.8, 57.8, 12.1]
        assert config["fanout_url"] == "ws://127.0.0.1:8081/v1/watch"
        async with scene.client.get(config["basemap_url"]) as reply:
            assert (await reply.json(content_type="application/geo+json"))["features"] == []


async def test_a_missing_city_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with gateway_scene(city_dir=str(tmp_path / "nowhere")):
            pass
    assert "nowhere/city.json" in str(caught.value.exceptions[0])


async def test_a_pickup_outside_the_city_is_refused(city_dir: str) -> None:
    async with gateway_scene(city_dir=city_dir) as scene:
        place = {"lat": 57.7, "lon": 11.9}
        body = {"pickup": {"lat": 59.3, "lon": 18.0}, "destination": place}
        headers = scene.bearer("anna", Role.RIDER)
        async with scene.client.post("/v1/rides", json=body, headers=headers) as reply:
            assert (reply.status, (await reply.json())["code"]) == (422, "outside_city")


async def test_demo_tokens_open_doors_and_without_demo_there_are_none() -> None:
    async with gateway_scene() as scene:
        async with scene.client.post("/v1/tokens", json={"role": "driver"}) as reply:
            given = await reply.json()
        headers = {"Authorization": f"Bearer {given['token']}"}
        path = f"/v1/drivers/{given['sub']}/stream"
        socket = await scene.client.ws_connect(path, headers=headers)
        assert (await socket.receive_json())["type"] == "welcome"
        await socket.close()
    asked = {"role": "driver"}
    async with (
        gateway_scene(demo=False) as scene,
        scene.client.post("/v1/tokens", json=asked) as reply,
    ):
        assert reply.status == 403


async def test_without_a_secret_only_a_demo_starts() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with gateway_scene(token_secret="", demo=False):
            pass
    assert "token_secret" in str(caught.value.exceptions[0])


async def test_questions_about_roads_are_passed_on_as_they_are() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"asked": request.path_qs}, status=418)

    eta = web.Application()
    eta.router.add_get("/v1/eta", answer)
    asked = "/v1/eta?from=1,2&to=3,4"
    async with (
        TestServer(eta) as server,
        gateway_scene(eta_url=str(server.make_url(""))) as scene,
        scene.client.get(asked) as reply,
    ):
        assert (reply.status, await reply.json()) == (418, {"asked": asked})


async def test_an_eta_service_that_is_away_is_told_as_503() -> None:
    async with (
        gateway_scene(eta_url="http://127.0.0.1:1") as scene,
        scene.client.get("/v1/eta?from=1,2&to=3,4") as reply,
    ):
        assert (reply.status, (await reply.json())["code"]) == (503, "eta_unavailable")


async def test_the_description_lists_every_route_and_resolves() -> None:
    async with gateway_scene() as scene, scene.client.get("/v1/openapi.json") as reply:
        text = await reply.text()
    described = json.loads(text)
    assert "/v1/drivers/{id}/pings" in described["paths"]
    for part in text.split('"#/components/schemas/')[1:]:
        assert part.partition('"')[0] in described["components"]["schemas"]
