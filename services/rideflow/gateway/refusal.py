"""A request that cannot be done, as the one shape of errors; and who it came from."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn, TypeVar

import msgspec
from aiohttp import web

from rideflow.contracts.tokens import Claims, Role
from rideflow.running import error_reply
from rideflow.running.tokens import BadToken, TokenKey

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refusal(Exception):
    """Answered as `ErrorReply`: `code` for programs, `message` for people, `field` where."""

    def __init__(self, status: int, code: str, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field


@web.middleware
async def refusals_as_replies(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refusal as refusal:
        return error_reply(refusal.status, refusal.code, refusal.message, field=refusal.field)


async def read_body(request: web.Request, shape: type[T]) -> T:
    """The JSON body as `shape`. Raises `Refusal` that names the field."""
    return decoded(await request.read(), shape)


def decoded(body: bytes | str, shape: type[T]) -> T:
    """JSON as `shape`. Raises `Refusal` that names the field."""
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `")
        raise Refusal(422, "bad_field", what, field=where.rstrip("`") or None) from None
    except msgspec.DecodeError as error:
        raise Refusal(400, "bad_json", str(error)) from None


class Doorman:
    """Reads who a request is from: `Authorization: Bearer TOKEN`, or Basic with it as password."""

    def __init__(self, key: TokenKey) -> None:
        self._key: Final = key

    def claims_of(self, request: web.Request, *roles: Role) -> Claims:
        """Raises `Refusal` 401 without a good token, 403 where it is of none of `roles`."""
        token = token_of(request)
        if token is None:
            raise Refusal(401, "no_token", "send Authorization: Bearer TOKEN")
        return self.claims_in(token, *roles)

    def claims_in(self, token: str, *roles: Role) -> Claims:
        try:
            claims = self._key.read(token)
        except BadToken as error:
            raise Refusal(401, "bad_token", str(error)) from None
        if roles and claims.role not in roles:
            allowed = " or ".join(roles)
            raise Refusal(403, "wrong_role", f"this is for {allowed}, the token is {claims.role}'s")
        return claims


def token_of(request: web.Request) -> str | None:
    """The token of a request, wherever a client could put it; None without one."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        return _basic_password(value)
    # Tracker apps let their user set an address and nothing else.
    return request.query.get("token")


def _basic_password(value: str) -> str | None:
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None


def forbid(message: str) -> NoReturn:
    raise Refusal(403, "forbidden", message)
