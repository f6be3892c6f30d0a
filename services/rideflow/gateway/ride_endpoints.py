"""Rides by HTTP: ask, look, cancel, and what drivers do."""

from typing import Final

import msgspec
from aiohttp import web

from groundwork.seams import Clock
from rideflow.contracts.driver_socket import DriverAction
from rideflow.contracts.ids import RideId, RiderId
from rideflow.contracts.replies import RideAsk, RideReply
from rideflow.contracts.rides import CommandKind
from rideflow.contracts.tokens import Claims, Role
from rideflow.gateway.command_desk import CommandDesk
from rideflow.gateway.refusal import Doorman, Refusal, forbid, read_body
from rideflow.gateway.ride_requests import RideRequests, unknown_ride
from rideflow.gateway.ride_view import RideView
from rideflow.running import json_reply

_ASKED: Final = "asked"


class ActionAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/rides/{id}/{action}; may be empty for riders and drivers."""

    driver: int | None = None  # a fleet says which
    offer: int | None = None  # None: the one that is open
    reason: str | None = None


class RideEndpoints:
    """Handlers of /v1/rides."""

    def __init__(
        self,
        *,
        clock: Clock,
        doorman: Doorman,
        requests: RideRequests,
        desk: CommandDesk,
        view: RideView,
    ) -> None:
        self._clock, self._doorman = clock, doorman
        self._requests, self._desk, self._view = requests, desk, view

    async def post_ride(self, request: web.Request) -> web.Response:
        """POST /v1/rides: 202 once the wish is in the log."""
        claims = self._doorman.claims_of(request, Role.RIDER)
        ask = await read_body(request, RideAsk)
        rider = RiderId(claims.sub)
        command = self._requests.request(ask, rider)
        if self._view.rider_of(command.ride) is None:
            await self._desk.write(command)
            if self._view.fact(command.ride) is None:
                self._view.note_asked(command.ride, rider)
        return self._reply(command.ride, status=202)

    async def get_ride(self, request: web.Request) -> web.Response:
        """GET /v1/rides/{id}, for its rider, its driver and operators."""
        claims = self._doorman.claims_of(request)
        ride = RideId(request.match_info["id"])
        self._check_may_see(ride, claims)
        return self._reply(ride, status=200)

    async def post_action(self, request: web.Request) -> web.Response:
        """POST /v1/rides/{id}/cancel|accept|decline|arrive|board|drop."""
        claims = self._doorman.claims_of(request)
        ride, kind = RideId(request.match_info["id"]), request.match_info["action"]
        ask = await read_body(request, ActionAsk) if request.can_read_body else ActionAsk()
        if claims.role in (Role.DRIVER, Role.FLEET):
            command = self._requests.action(
                DriverAction(
                    kind=kind,
                    driver=_acting_driver(claims, ask),
                    ride=ride,
                    offer=ask.offer,
                    reason=ask.reason,
                )
            )
        elif kind == CommandKind.CANCEL:
            command = self._requests.cancel(ride, claims, ask.reason)
        else:
            forbid(f"a {claims.role} cannot {kind}")
        await self._desk.write(command)
        return self._reply(ride, status=202)

    def _check_may_see(self, ride: RideId, claims: Claims) -> None:
        rider, fact = self._view.rider_of(ride), self._view.fact(ride)
        if rider is None:
            unknown_ride(ride)
        drives = fact is not None and fact.driver is not None and claims.may_speak_for(fact.driver)
        owns = claims.role is Role.RIDER and claims.sub == rider
        if not (drives or owns or claims.role is Role.OPERATOR):
            forbid(f"{ride} is none of yours")

    def _reply(self, ride: RideId, *, status: int) -> web.Response:
        fact = self._view.fact(ride)
        age_ms = max(0, self._clock.now_ms() - self._view.heard_ms)
        state = _ASKED if fact is None else fact.state
        return json_reply(
            RideReply(ride=ride, state=state, fact=fact, view_age_ms=age_ms), status=status
        )


def _acting_driver(claims: Claims, ask: ActionAsk) -> int:
    driver = ask.driver
    if driver is None:
        if claims.role is not Role.DRIVER:
            raise Refusal(422, "no_driver", "a fleet must say which driver acts", field="driver")
        driver = int(claims.sub) if claims.sub.isdecimal() else 0
    if not claims.may_speak_for(driver):
        forbid(f"the token does not speak for driver {driver}")
    return driver
