"""Tokens: HS256 JSON web tokens of `contracts.tokens.Claims`, signed with the shared secret."""

import jwt
import msgspec

from groundwork.seams import Clock
from rideflow.contracts.tokens import Claims

_ALGORITHM = "HS256"
SECRET_BYTES_MIN = 32  # RFC 7518, 3.2: a key of at least the hash's size


class BadToken(Exception):
    """The token was not signed by us, has expired, or says nothing that we know."""


class TokenKey:
    """Signs and reads tokens. Raises `ValueError` for a secret too short to be one."""

    def __init__(self, secret: str, clock: Clock) -> None:
        if len(secret.encode()) < SECRET_BYTES_MIN:
            raise ValueError(f"token_secret must have at least {SECRET_BYTES_MIN} bytes")
        self._secret = secret
        self._clock = clock

    def sign(self, claims: Claims) -> str:
        return jwt.encode(msgspec.to_builtins(claims), self._secret, algorithm=_ALGORITHM)

    def read(self, token: str) -> Claims:
        """Return whom the token is of. Raises `BadToken`."""
        try:
            payload = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                # Expiry is held against our clock below, which a test can move.
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            claims = msgspec.convert(payload, Claims)
        except (jwt.InvalidTokenError, msgspec.ValidationError) as error:
            raise BadToken(f"the token cannot be read: {error}") from None
        if claims.exp * 1000 <= self._clock.now_ms():
            raise BadToken("the token has expired")
        return claims
