"""Questions about roads and nearby cars, passed on to the eta service."""

from typing import Final

import aiohttp
from aiohttp import web

from rideflow.gateway.refusal import Refusal

_ANSWER_WAIT_S: Final = 3.0


class EtaProxy:
    """Passes a request's path and query on, and the answer back as it is."""

    def __init__(self, url: str) -> None:
        self._url: Final = url.rstrip("/")
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=_ANSWER_WAIT_S),
            connector=aiohttp.TCPConnector(limit=64),
        )

    async def get(self, request: web.Request) -> web.Response:
        """Raises `Refusal` 503 where the eta service is away, 504 where it takes too long."""
        try:
            async with self._session.get(self._url + request.path_qs) as answer:
                body = await answer.read()
                return web.Response(
                    body=body, status=answer.status, content_type=answer.content_type
                )
        except TimeoutError:
            message = f"the eta service did not answer within {_ANSWER_WAIT_S:.0f} s"
            raise Refusal(504, "eta_slow", message) from None
        except aiohttp.ClientError:
            raise Refusal(503, "eta_unavailable", "the eta service is away") from None

    async def close(self) -> None:
        await self._session.close()
