"""Who may see drivers and rides: operators, by their token."""

from rideflow.contracts.tokens import Role
from rideflow.running.tokens import BadToken, TokenKey


class NotAllowed(Exception):
    """No token, not one of ours, or not an operator's. The message says which."""


class Guard:
    """Checks tokens."""

    def __init__(self, token_key: TokenKey) -> None:
        self._token_key = token_key

    def check_header(self, authorization: str) -> None:
        """Check an `Authorization` header. Raises `NotAllowed`."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise NotAllowed("an operator's token is needed: Authorization: Bearer TOKEN")
        self.check_token(token)

    def check_token(self, token: str) -> None:
        """Raises `NotAllowed`."""
        try:
            claims = self._token_key.read(token)
        except BadToken as error:
            raise NotAllowed(str(error)) from None
        if claims.role is not Role.OPERATOR:
            raise NotAllowed(f"the token is of a {claims.role}, not of an operator")
