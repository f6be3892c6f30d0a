"""Tokens for whoever asks: only in demo mode, where there is nobody to protect."""

from typing import Final

from aiohttp import web

from groundwork.seams import Clock, Rng
from rideflow.contracts.replies import TokenAsk, TokenReply
from rideflow.contracts.tokens import Claims, Role
from rideflow.gateway.refusal import Refusal, forbid, read_body
from rideflow.running import json_reply
from rideflow.running.tokens import TokenKey

_EXPIRES_S: Final = 24 * 3600
_SUB_LENGTH_MAX: Final = 64
# Drivers of the simulator are numbered from 1: those made up here do not meet them.
_MADE_UP_DRIVERS: Final = (9_000_000_000, 9_899_999_999)


class TokenDesk:
    """Handler of POST /v1/tokens."""

    def __init__(self, *, clock: Clock, rng: Rng, key: TokenKey, is_open: bool) -> None:
        self._clock, self._rng, self._key, self._is_open = clock, rng, key, is_open

    async def post_token(self, request: web.Request) -> web.Response:
        """A token of a day. 403 outside demo mode."""
        if not self._is_open:
            forbid("tokens are given out in demo mode only")
        ask = await read_body(request, TokenAsk)
        sub = self._made_up(ask.role) if ask.sub is None else _checked(ask.sub, ask.role)
        exp = self._clock.now_ms() // 1000 + _EXPIRES_S
        claims = Claims(sub=sub, role=ask.role, exp=exp, drivers=ask.drivers)
        return json_reply(
            TokenReply(token=self._key.sign(claims), sub=sub, role=ask.role, expires_s=_EXPIRES_S)
        )

    def _made_up(self, role: Role) -> str:
        if role is Role.DRIVER:
            return str(self._rng.randint(*_MADE_UP_DRIVERS))
        return f"{role}-{self._rng.randbytes(6).hex()}"


def _checked(sub: str, role: Role) -> str:
    if not 0 < len(sub) <= _SUB_LENGTH_MAX:
        message = f"sub must have 1 to {_SUB_LENGTH_MAX} characters"
        raise Refusal(422, "bad_field", message, field="$.sub")
    if role is Role.DRIVER and not sub.isdecimal():
        raise Refusal(422, "bad_field", "a driver's sub is its id, digits only", field="$.sub")
    return sub
