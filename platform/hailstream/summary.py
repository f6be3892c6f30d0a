"""What ops says of the city, read over HTTP; None while it cannot be had."""

from types import TracebackType

import aiohttp
import msgspec

from hailstream.processes import CityPlan
from rideflow.contracts.operations import Summary
from rideflow.contracts.ports import OPS_PORT_OFFSET

_TIMEOUT = aiohttp.ClientTimeout(total=2.0)


class SummaryReader:
    """An HTTP session to ops."""

    def __init__(self, plan: CityPlan) -> None:
        self._url = f"http://{plan.host}:{plan.port + OPS_PORT_OFFSET}/v1/summary"
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "SummaryReader":
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def read(self) -> Summary | None:
        assert self._session is not None
        try:
            async with self._session.get(self._url) as reply:
                return msgspec.json.decode(await reply.read(), type=Summary)
        except (TimeoutError, aiohttp.ClientError, msgspec.MsgspecError):
            return None
