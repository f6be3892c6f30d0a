"""A ride's life: one table of states and events, the commands that ask for them, the facts.

Commands (`ride.commands`) are wishes, written by the gateway. Facts (`ride.events`) are what
became of them, written by matching alone, in order per ride. Every fact carries the whole
ride, so the newest one of a ride is its state.
"""

from enum import StrEnum

import msgspec

from rideflow.contracts.ids import RideId, RiderId

CONTRACT_VERSION = 1


class RideState(StrEnum):
    """Where a ride is in its life."""

    REQUESTED = "requested"
    OFFERED = "offered"
    EN_ROUTE = "en_route"
    WAITING = "waiting"
    ON_TRIP = "on_trip"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    UNMATCHED = "unmatched"


class RideEvent(StrEnum):
    """What can happen to a ride."""

    REQUEST_MADE = "request_made"
    OFFER_SENT = "offer_sent"
    OFFER_LAPSED = "offer_lapsed"
    OFFER_DECLINED = "offer_declined"
    OFFER_ACCEPTED = "offer_accepted"
    DRIVER_ARRIVED = "driver_arrived"
    RIDER_BOARDED = "rider_boarded"
    RIDER_DROPPED = "rider_dropped"
    RIDE_CANCELLED = "ride_cancelled"
    DRIVER_LOST = "driver_lost"  # the matched driver backed out or went dark: asked anew
    SEARCH_ENDED = "search_ended"  # no driver took it within the search time


_S, _E = RideState, RideEvent
RIDE_TRANSITIONS: dict[tuple[RideState | None, RideEvent], RideState] = {
    (None, _E.REQUEST_MADE): _S.REQUESTED,
    (_S.REQUESTED, _E.OFFER_SENT): _S.OFFERED,
    (_S.REQUESTED, _E.SEARCH_ENDED): _S.UNMATCHED,
    (_S.REQUESTED, _E.RIDE_CANCELLED): _S.CANCELLED,
    (_S.OFFERED, _E.OFFER_LAPSED): _S.REQUESTED,
    (_S.OFFERED, _E.OFFER_DECLINED): _S.REQUESTED,
    (_S.OFFERED, _E.OFFER_ACCEPTED): _S.EN_ROUTE,
    (_S.OFFERED, _E.RIDE_CANCELLED): _S.CANCELLED,
    (_S.EN_ROUTE, _E.DRIVER_ARRIVED): _S.WAITING,
    (_S.EN_ROUTE, _E.DRIVER_LOST): _S.REQUESTED,
    (_S.EN_ROUTE, _E.RIDE_CANCELLED): _S.CANCELLED,
    (_S.WAITING, _E.RIDER_BOARDED): _S.ON_TRIP,
    (_S.WAITING, _E.DRIVER_LOST): _S.REQUESTED,
    (_S.WAITING, _E.RIDE_CANCELLED): _S.CANCELLED,
    (_S.ON_TRIP, _E.RIDER_DROPPED): _S.COMPLETED,
}

FINAL_STATES = frozenset({_S.COMPLETED, _S.CANCELLED, _S.UNMATCHED})
# In these a driver belongs to the ride: two of them at once for one driver is a double assignment.
ASSIGNED_STATES = frozenset({_S.EN_ROUTE, _S.WAITING, _S.ON_TRIP})


class IllegalTransition(Exception):
    """The event cannot happen to a ride in this state."""

    def __init__(self, state: RideState | None, event: RideEvent) -> None:
        super().__init__(f"{event} cannot happen to a ride that is {state or 'unknown'}")
        self.state = state
        self.event = event


def next_state(state: RideState | None, event: RideEvent) -> RideState:
    """The state after `event`. Raises `IllegalTransition`."""
    try:
        return RIDE_TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(state, event) from None


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A point that a person chose."""

    lat: float
    lon: float
    name: str | None = None


class CommandKind(StrEnum):
    """What the gateway may ask matching for."""

    REQUEST = "request"
    CANCEL = "cancel"
    ACCEPT = "accept"
    DECLINE = "decline"
    ARRIVE = "arrive"
    BOARD = "board"
    DROP = "drop"


class RideCommand(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A wish about a ride. `rider`, `pickup`, `destination` come with a request; `driver` and
    `offer` with what drivers do."""

    version: int = CONTRACT_VERSION
    kind: CommandKind
    ride: RideId
    region: str  # H3 index of the pickup's region, 15 hexadecimal digits
    at_ms: int  # when the gateway took it
    rider: RiderId | None = None
    pickup: Place | None = None
    destination: Place | None = None
    driver: int | None = None
    offer: int | None = None
    reason: str | None = None


class RideFact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened to a ride, with the whole ride as it is since."""

    version: int = CONTRACT_VERSION
    ride: RideId
    number: int  # 1, 2, 3 ... within the ride: a reader sees a repeat or a gap
    event: RideEvent
    state: RideState
    at_ms: int
    region: str
    rider: RiderId
    pickup: Place
    destination: Place
    requested_ms: int
    driver: int | None = None  # asked (offered) or assigned
    offer: int | None = None  # number of the offer within the ride
    deadline_ms: int | None = None  # of the offer
    pickup_eta_s: float | None = None  # at the time of the offer, by road
    pickup_eta_p90_s: float | None = None
    trip_eta_s: float | None = None
    trip_eta_p90_s: float | None = None
    reason: str | None = None


class DriverStateFact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """driver.states: what matching holds a driver to be doing. Key: the driver's ten digits."""

    version: int = CONTRACT_VERSION
    driver: int
    state: int  # pings.DriverState
    at_ms: int
    ride: RideId | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A driver that was looked at for a ride, and what it would have cost."""

    driver: int
    eta_s: float  # by road, at live speeds
    metres: float  # straight line
    cost_s: float  # what the assignment minimised
    age_ms: int  # of the position that was used
    passed_over: str | None = None  # why not, where it was out of the question


class ShadowChoice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What another policy would have done on the same facts."""

    policy: str
    driver: int | None = None
    eta_s: float | None = None


class DispatchDecision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """dispatch.decisions: why this ride got this driver, or none. Key: ride id."""

    version: int = CONTRACT_VERSION
    ride: RideId
    window: int  # number of the batching window
    at_ms: int
    region: str
    requests: int  # in the window
    drivers: int  # open drivers in the window's matrix
    candidates: list[Candidate]
    chosen: int | None = None
    chosen_eta_s: float | None = None
    why: str = ""  # one sentence for a person
    shadow: list[ShadowChoice] = []
    solve_ms: float = 0.0


class EtaKind(StrEnum):
    """Which wait an ETA is about."""

    PICKUP = "pickup"
    TRIP = "trip"


class RideEta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """ride.etas: a prediction that was shown, and later the truth it is scored against."""

    version: int = CONTRACT_VERSION
    ride: RideId
    kind: EtaKind
    driver: int
    at_ms: int
    predicted_s: float
    p90_s: float
    model: str
    actual_s: float | None = None  # set on the scoring record, when it has happened


class SegmentSpeed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """traffic.speeds: the speed on a road segment now. Key: the edge number in decimal."""

    version: int = CONTRACT_VERSION
    edge: int  # of the city pack named
    pack: str  # digest of the city pack, since edge numbers mean nothing without it
    kmh: float
    samples: int
    at_ms: int


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """dead.letters: what was refused and why. Key: the source (`gateway/fleet/f1`)."""

    version: int = CONTRACT_VERSION
    source: str
    reason: str  # a RejectReason or a sentence
    at_ms: int
    count: int
    data: str  # base64 of (the first) rejected bytes
    driver: int | None = None
    sequence: int | None = None
