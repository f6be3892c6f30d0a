"""Questions over HTTP get answers by road; bad ones hear what was wrong, and where."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from groundwork.metrics import Registry
from groundwork.simulated.clocks import VirtualClock
from rideflow.contracts.metrics import ETA_METRICS
from rideflow.contracts.pings import DriverState
from rideflow.contracts.replies import (
    ErrorReply,
    EtaReply,
    NearbyReply,
    PlacesReply,
    RouteReply,
)
from rideflow.eta.endpoints import Desk
from rideflow.eta.estimator import Estimator
from rideflow.eta.nearby import Nearby
from rideflow.eta.street_names import StreetNames
from rideflow.geo.driver_view import DriverView
from rideflow.roads.city_roads import CityRoads
from tests.support.frames import at, position_frame
from tests.support.tiny_city import junction, tiny_city

Client = TestClient[web.Request, web.Application]


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> CityRoads:
    return CityRoads(tiny_city(tmp_path_factory.mktemp("city")))


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def view() -> DriverView:
    return DriverView()


@pytest.fixture
async def client(roads: CityRoads, clock: VirtualClock, view: DriverView) -> AsyncIterator[Client]:
    desk = Desk(
        clock=clock,
        metrics=Registry(ETA_METRICS),
        view=view,
        estimator=Estimator(roads, view),
        nearby=Nearby(view, roads, privacy_key=1),
        streets=StreetNames(roads.pack),
    )
    async with TestClient(TestServer(desk.application())) as made:
        yield made


def lat_lon(column: int, row: int) -> str:
    lon, lat = junction(column, row)
    return f"{lat},{lon}"


async def test_an_eta_is_by_road(client: Client) -> None:
    asked = {"from": lat_lon(1, 1), "to": lat_lon(4, 1)}
    reply = await client.get("/v1/eta", params=asked)
    told = msgspec.json.decode(await reply.read(), type=EtaReply)
    assert told.metres == pytest.approx(300, abs=15)
    assert told.seconds == pytest.approx(300 / (30 / 3.6) * 1.3, rel=0.1)
    assert told.p90_s > told.seconds
    assert (told.model, told.speeds_age_ms) == ("cch-live-1", 0)


async def test_a_route_is_told_street_by_street(client: Client) -> None:
    asked = {"from": lat_lon(1, 0), "to": lat_lon(4, 3)}
    reply = await client.get("/v1/route", params=asked)
    told = msgspec.json.decode(await reply.read(), type=RouteReply)
    assert told.metres == pytest.approx(600, abs=20)
    assert sum(step.metres for step in told.steps) == pytest.approx(told.metres, abs=1)
    assert sum(step.seconds for step in told.steps) == pytest.approx(told.seconds, abs=1)
    assert all(a.name != b.name for a, b in zip(told.steps, told.steps[1:], strict=False))
    lon, lat = junction(1, 0)
    assert told.line[0] == pytest.approx((lon, lat), abs=1e-4)


async def test_the_nearest_cars_come_soonest_first_and_are_strangers(
    client: Client, view: DriverView, clock: VirtualClock
) -> None:
    rows = [at(junction(column, 1)) | {"bearing_cdeg": 27_000} for column in (6, 3, 2, 4)]
    rows[3] |= {"state": int(DriverState.ON_TRIP)}
    view.take_frames([position_frame(*rows, fix_ms=clock.now_ms() - 400)])
    lon, lat = junction(1, 1)
    reply = await client.get("/v1/drivers/nearby", params={"lat": lat, "lon": lon, "k": 2})
    told = msgspec.json.decode(await reply.read(), type=NearbyReply)
    assert told.open_drivers == 3
    assert [round(car.eta_s / 15.6) for car in told.cars] == [1, 2]
    assert all(car.car not in (1, 2, 3, 4) for car in told.cars)
    assert (told.view_age_ms, told.cars[0].age_ms) == (400, 400)


async def test_cars_that_fell_silent_are_no_longer_near(
    client: Client, view: DriverView, clock: VirtualClock
) -> None:
    view.take_frames([position_frame(at(junction(2, 1)), fix_ms=clock.now_ms())])
    clock.advance(10_001)
    lon, lat = junction(1, 1)
    reply = await client.get("/v1/drivers/nearby", params={"lat": lat, "lon": lon})
    told = msgspec.json.decode(await reply.read(), type=NearbyReply)
    assert (told.cars, told.view_age_ms) == ([], 10_001)


async def test_streets_are_found_by_name(client: Client) -> None:
    reply = await client.get("/v1/places", params={"q": "COLUMN 2"})
    told = msgspec.json.decode(await reply.read(), type=PlacesReply)
    assert [place.name for place in told.places] == ["Column 2"]


@pytest.mark.parametrize(
    ("path", "query", "status", "code", "field"),
    [
        ("/v1/eta", {"from": "57.7,11.95"}, 400, "bad_request", "to"),
        ("/v1/eta", {"from": "57.7", "to": "57.7,11.95"}, 400, "bad_request", "from"),
        ("/v1/eta", {"from": "nan,11.95", "to": "57.7,11.95"}, 400, "bad_request", "from"),
        ("/v1/eta", {"from": "91,11.95", "to": "57.7,11.95"}, 400, "bad_request", "from"),
        ("/v1/route", {"from": "57.7,11.95", "to": "1,1"}, 422, "no_road", "to"),
        ("/v1/drivers/nearby", {"lat": "57.7", "lon": "inf"}, 400, "bad_request", "lon"),
        ("/v1/drivers/nearby", {"lat": "57.7", "lon": "11.95", "k": "0"}, 400, "bad_request", "k"),
        ("/v1/drivers/nearby", {"lat": "57.7", "lon": "11.95", "k": "²"}, 400, "bad_request", "k"),
        ("/v1/drivers/nearby", {"lat": "0", "lon": "0"}, 422, "no_road", "lat"),
        ("/v1/places", {}, 400, "bad_request", "q"),
        ("/v1/places", {"q": "x" * 101}, 400, "bad_request", "q"),
        ("/v1/nothing", {}, 404, "not_found", None),
    ],
)
async def test_a_bad_question_hears_what_was_wrong(
    client: Client, path: str, query: dict[str, str], status: int, code: str, field: str | None
) -> None:
    reply = await client.get(path, params=query)
    told = msgspec.json.decode(await reply.read(), type=ErrorReply)
    assert (reply.status, told.code, told.field) == (status, code, field)
    assert told.message
