"""How a service gets its city: loaded before anything else, or a line that says why not."""

import logging
import sys
from pathlib import Path

from rideflow.roads.city_roads import CityRoads
from rideflow.roads.pack import CityPackBad


def load_roads(folder: Path, *, service: str) -> CityRoads:
    """The roads of the city pack in `folder`; without one the process ends with status 1."""
    try:
        return CityRoads.load(folder)
    except CityPackBad as error:
        logging.getLogger(f"hailstream.{service}").error("%s cannot start: %s", service, error)  # noqa: TRY400  # the line is for people
        sys.exit(1)
