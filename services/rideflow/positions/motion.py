"""Whether a car can have moved like that, and where it most likely is.

Distances are on a plane around each pair of places: below a teleport's length the error is
far smaller than a phone's. A step is possible when what is left of it after both accuracies
needs no more than SPEED_MAX_M_S.

Smoothing is a moving average with alpha = dt / (dt + T). Of a car at constant speed its lag is
exactly T whatever the report interval is ((1 - alpha) / alpha x dt = T), so T is chosen as the
lag that may be: 0.1 s while driving, 1.4 m at 50 km/h; 2 s when the phone says that it stands,
where a metre is the lag's bound and the scatter of fixes would let a parked car dance.
"""

from typing import Final

import numpy as np

from rideflow.columns.arrays import F64, I64, Bools, Index, Rows
from rideflow.contracts.pings import PingFlag
from rideflow.roads.plane import METRES_PER_DEGREE

SPEED_MAX_M_S: Final = 70.0
SMOOTHING_DRIVING_S: Final = 0.1
SMOOTHING_STANDING_S: Final = 2.0
STANDING_CM_S_MAX: Final = 50
ACCURACY_M_DEFAULT: Final = 5.0  # of a phone that does not tell
_M_PER_E7: Final = METRES_PER_DEGREE / 1e7
_RADIANS_PER_E7: Final = np.pi / 180 / 1e7
_SHORTEST_STEP_S: Final = 0.2
_TURN_E7: Final = 3_600_000_000


def distance_m(from_lat: I64, from_lon: I64, to_lat: I64, to_lon: I64) -> F64:
    """Metres between places in 1e-7 degrees, element by element."""
    north = (to_lat - from_lat) * _M_PER_E7
    # Across the date line the short way round is meant.
    turned = (to_lon - from_lon + _TURN_E7 // 2) % _TURN_E7 - _TURN_E7 // 2
    east = turned * _M_PER_E7 * np.cos(to_lat * _RADIANS_PER_E7)
    return np.asarray(np.hypot(north, east))


def is_possible(metres: F64, accuracies_m: F64, elapsed_s: F64) -> Bools:
    """Whether a car can have gone so far in that time, given how far off both fixes may be."""
    travelled = np.maximum(metres - accuracies_m, 0.0)
    return np.asarray(travelled <= SPEED_MAX_M_S * np.maximum(elapsed_s, _SHORTEST_STEP_S))


def accuracy_m(accuracy_dm: Index) -> F64:
    """Metres; phones that do not tell are taken to be as good as most."""
    return np.where(accuracy_dm == 0, ACCURACY_M_DEFAULT, accuracy_dm / 10.0)


def alpha_of(pings: Rows, elapsed_s: F64) -> F64:
    """How much of the step from the old place to the fix is taken."""
    tells_speed = (pings["flags"] & np.uint16(PingFlag.NO_SPEED)) == 0
    stands = tells_speed & (pings["speed_cm_s"] <= STANDING_CM_S_MAX)
    smoothing_s = np.where(stands, SMOOTHING_STANDING_S, SMOOTHING_DRIVING_S)
    return np.asarray(elapsed_s / (elapsed_s + smoothing_s))
