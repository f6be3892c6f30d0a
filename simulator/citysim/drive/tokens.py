"""Tokens of the simulated fleets and riders: signed with the shared secret, or asked for."""

from dataclasses import dataclass

import aiohttp
import jwt
import msgspec

from groundwork.seams import Clock
from rideflow.contracts.replies import TokenAsk, TokenReply
from rideflow.contracts.tokens import Claims, Role

_VALID_S = 7 * 24 * 3600


class TokenRefused(Exception):
    """The gateway gave no token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSource:
    """Without a secret the gateway is asked, which it answers in demo mode only."""

    secret: str
    gateway_url: str
    session: aiohttp.ClientSession
    clock: Clock

    async def token(self, sub: str, role: Role, drivers: list[tuple[int, int]]) -> str:
        """Return a token for `sub`. Raises `TokenRefused`."""
        if self.secret:
            expires_s = self.clock.now_ms() // 1000 + _VALID_S
            claims = Claims(sub=sub, role=role, exp=expires_s, drivers=drivers)
            return jwt.encode(msgspec.to_builtins(claims), self.secret, algorithm="HS256")
        wish = msgspec.json.encode(TokenAsk(role=role, sub=sub, drivers=drivers))
        url = f"{self.gateway_url}/v1/tokens"
        try:
            async with self.session.post(url, data=wish) as reply:
                body = await reply.read()
                if reply.status != 200:
                    said = body[:300].decode("utf-8", "replace")
                    raise TokenRefused(f"{url}: {reply.status} {said}; give --token-secret")
                return msgspec.json.decode(body, type=TokenReply).token
        except (aiohttp.ClientError, TimeoutError, msgspec.MsgspecError) as error:
            raise TokenRefused(f"{url}: {error}; give --token-secret") from error
