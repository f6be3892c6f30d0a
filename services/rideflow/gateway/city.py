"""What the gateway tells of the city: its facts, its base map, and where the services are."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec
from aiohttp import web

from rideflow.contracts.ports import ETA_PORT_OFFSET, FANOUT_PORT_OFFSET, OPS_PORT_OFFSET
from rideflow.contracts.replies import ConfigReply
from rideflow.gateway.pages import Page, read_page
from rideflow.gateway.refusal import Refusal
from rideflow.gateway.settings import GatewaySettings
from rideflow.roads.pack import BASEMAP_FILE, FACTS_FILE, CityFacts
from rideflow.running import json_reply

BASEMAP_PATH = "/city/basemap.geojson"


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """The parts of a city pack that the gateway shows; roads are others' business."""

    facts: CityFacts
    basemap: Page

    @classmethod
    def load(cls, folder: Path) -> "City":
        """Raises `OSError` that names the file which is missing or broken."""
        path = folder / FACTS_FILE
        try:
            facts = msgspec.json.decode(path.read_bytes(), type=CityFacts)
        except msgspec.DecodeError as error:
            raise OSError(f"{path} is not a city pack's facts: {error}") from None
        return cls(facts=facts, basemap=read_page(folder / BASEMAP_FILE))


def eta_url(settings: GatewaySettings) -> str:
    """Where the eta service answers, seen from here."""
    return settings.eta_url or f"http://127.0.0.1:{settings.port + ETA_PORT_OFFSET}"


class CityEndpoints:
    """Handlers of /v1/config and the base map."""

    def __init__(self, settings: GatewaySettings, city: City | None) -> None:
        self._settings, self._city = settings, city

    async def get_config(self, request: web.Request) -> web.Response:
        """GET /v1/config. Addresses are on the host that the page itself came from."""
        city, settings = self._have_city(), self._settings
        host, box = request.url.host, city.facts.bounds
        fanout = settings.fanout_url or f"ws://{host}:{settings.port + FANOUT_PORT_OFFSET}/v1/watch"
        return json_reply(
            ConfigReply(
                city=city.facts.name,
                bounds=(box.south, box.west, box.north, box.east),
                centre=(city.facts.centre_lat, city.facts.centre_lon),
                attribution=city.facts.attribution,
                basemap_url=BASEMAP_PATH,
                fanout_url=fanout,
                ops_url=settings.ops_url or f"http://{host}:{settings.port + OPS_PORT_OFFSET}",
                demo=settings.demo,
                version=our_version(),
            )
        )

    async def get_basemap(self, request: web.Request) -> web.Response:
        """GET /city/basemap.geojson"""
        return self._have_city().basemap.reply(request)

    def _have_city(self) -> City:
        if self._city is None:
            raise Refusal(503, "no_city", "the gateway was started without --city-dir")
        return self._city


def our_version() -> str:
    try:
        return version("hailstream")
    except PackageNotFoundError:
        return "unknown"
