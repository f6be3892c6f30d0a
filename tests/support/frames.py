"""Frames of driver.positions for tests of whatever reads them."""

from collections.abc import Mapping

import numpy as np

from rideflow.columns.position_frames import make_frames
from rideflow.contracts.pings import DriverState
from rideflow.contracts.positions import POSITION

REGION = 0x861F25607FFFFFF


def position_frame(*rows: Mapping[str, int], fix_ms: int, produced_ms: int | None = None) -> bytes:
    """One frame of one region; a row names only the fields in which it is special."""
    positions = np.zeros(len(rows), POSITION)
    for place, row in enumerate(rows):
        usual = {"driver": place + 1, "fix_ms": fix_ms, "state": int(DriverState.OPEN)}
        for name, value in (usual | dict(row)).items():
            positions[name][place] = value
    ((_, packed),) = make_frames(
        positions,
        np.full(len(rows), REGION, np.uint64),
        positions["fix_ms"].astype(np.int64),
        produced_ms=fix_ms if produced_ms is None else produced_ms,
    )
    return packed


def at(lon_lat: tuple[float, float]) -> dict[str, int]:
    """The place fields of a row."""
    lon, lat = lon_lat
    return {"lat_e7": round(lat * 1e7), "lon_e7": round(lon * 1e7)}
