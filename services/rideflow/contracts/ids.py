"""Identities and units as types: a driver is never passed where a ride is meant."""

from typing import NewType

DriverId = NewType("DriverId", int)  # 1 .. 9_999_999_999: ten digits are the width of the log key
RideId = NewType("RideId", str)  # "r" and 20 characters of base 32, or a simulator's own
RiderId = NewType("RiderId", str)
FleetId = NewType("FleetId", str)
Slot = NewType("Slot", int)  # dense number of a driver within one process; never leaves it
RegionCell = NewType("RegionCell", int)  # an H3 cell at REGION_RESOLUTION
AreaCell = NewType("AreaCell", int)  # an H3 cell at AREA_RESOLUTION

DRIVER_ID_MAX = 9_999_999_999
DRIVER_KEY_WIDTH = 10

# A region (about 36 km2) is the key of position frames and the unit that one matcher owns.
REGION_RESOLUTION = 6
# An area cell (about 0.74 km2) is what a rider watches and supply is counted in.
AREA_RESOLUTION = 8


def driver_key(driver: DriverId) -> bytes:
    """The log key of a driver: ten decimal digits, so that every ping record has one width."""
    assert 0 < driver <= DRIVER_ID_MAX
    return b"%010d" % driver
