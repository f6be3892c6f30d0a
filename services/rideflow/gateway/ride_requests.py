"""What riders and drivers ask about rides, checked against the view and made into commands.

The gateway only says whether a wish makes sense from who it comes; whether it still can
happen is decided by matching, which alone has the order of the log.
"""

import base64
import math
from dataclasses import dataclass
from typing import Final, NoReturn

import h3.api.basic_int as h3

from groundwork.seams import Clock, Rng
from rideflow.contracts.driver_socket import DriverAction
from rideflow.contracts.ids import REGION_RESOLUTION, RideId, RiderId
from rideflow.contracts.replies import RideAsk
from rideflow.contracts.rides import CommandKind, Place, RideCommand, RideFact
from rideflow.contracts.tokens import Claims, Role
from rideflow.gateway.refusal import Refusal, forbid
from rideflow.gateway.ride_view import RideView
from rideflow.roads.pack import Bounds

_DRIVERS_ACTIONS: Final = frozenset(CommandKind) - {CommandKind.REQUEST}
_RIDE_ID_LENGTH_MAX: Final = 64


@dataclass(slots=True, kw_only=True)
class RideRequests:
    """Makes commands. Raises `Refusal` for what makes no sense."""

    view: RideView
    clock: Clock
    rng: Rng
    bounds: Bounds | None  # of the city; None: everywhere

    def request(self, ask: RideAsk, rider: RiderId) -> RideCommand:
        """A rider wants a ride."""
        self._check_place(ask.pickup, "pickup")
        self._check_place(ask.destination, "destination")
        ride = self._new_ride() if ask.ride is None else _checked(ask.ride)
        if self.view.rider_of(ride) not in (None, rider):
            raise Refusal(409, "ride_exists", f"{ride} is another rider's", field="ride")
        cell = h3.latlng_to_cell(ask.pickup.lat, ask.pickup.lon, REGION_RESOLUTION)
        return RideCommand(
            kind=CommandKind.REQUEST,
            ride=ride,
            region=f"{cell:015x}",
            at_ms=self.clock.now_ms(),
            rider=rider,
            pickup=ask.pickup,
            destination=ask.destination,
        )

    def cancel(self, ride: RideId, claims: Claims, reason: str | None) -> RideCommand:
        """The rider no longer wants it, or an operator ends it."""
        fact = self._fact(ride)
        if claims.role is Role.RIDER and fact.rider != claims.sub:
            forbid(f"{ride} is another rider's")
        return RideCommand(
            kind=CommandKind.CANCEL,
            ride=ride,
            region=fact.region,
            at_ms=self.clock.now_ms(),
            rider=fact.rider,
            reason=reason,
        )

    def action(self, action: DriverAction) -> RideCommand:
        """A driver does something about a ride that was offered to it, or is its own."""
        if action.kind not in _DRIVERS_ACTIONS:
            raise Refusal(422, "bad_action", f"a driver cannot {action.kind!r}", field="kind")
        fact = self._fact(action.ride)
        if fact.driver != action.driver:
            message = f"{action.ride} is not with driver {action.driver}"
            raise Refusal(409, "not_your_ride", message)
        return RideCommand(
            kind=CommandKind(action.kind),
            ride=action.ride,
            region=fact.region,
            at_ms=self.clock.now_ms(),
            driver=action.driver,
            offer=fact.offer if action.offer is None else action.offer,
            reason=action.reason,
        )

    def _fact(self, ride: RideId) -> RideFact:
        fact = self.view.fact(ride)
        if fact is not None:
            return fact
        if self.view.rider_of(ride) is not None:
            raise Refusal(409, "not_yet", f"{ride} was asked for just now: try again in a moment")
        return unknown_ride(ride)

    def _check_place(self, place: Place, field: str) -> None:
        if not (abs(place.lat) <= 90 and abs(place.lon) <= 180 and math.isfinite(place.lat)):
            raise Refusal(422, "bad_place", "this is nowhere on Earth", field=f"$.{field}")
        box = self.bounds
        if box is not None and not _inside(place, box):
            message = "this is outside the city"
            raise Refusal(422, "outside_city", message, field=f"$.{field}")

    def _new_ride(self) -> RideId:
        # 100 random bits are 20 characters of base 32.
        letters = base64.b32encode(self.rng.randbytes(13)).decode().lower()[:20]
        return RideId(f"r{letters}")


def unknown_ride(ride: RideId) -> NoReturn:
    raise Refusal(404, "unknown_ride", f"no ride {ride} is known here")


def _checked(ride: RideId) -> RideId:
    if not 0 < len(ride) <= _RIDE_ID_LENGTH_MAX or not ride.isprintable():
        message = f"a ride's id is 1 to {_RIDE_ID_LENGTH_MAX} printable characters"
        raise Refusal(422, "bad_ride_id", message, field="$.ride")
    return ride


def _inside(place: Place, box: Bounds) -> bool:
    return box.south <= place.lat <= box.north and box.west <= place.lon <= box.east
