"""Connections to the brokers of a cluster: one per node and owner, opened when first needed.

Every producer and consumer owns a set: a fetch that waits for data must not hold up the
acknowledgement of a send, and answers of one connection come in the order of asking.
"""

import asyncio
import ssl

from groundwork.seams import Clock
from streamcore.client.api import LogError, LogSettings
from streamcore.client.columnar.calls import call, refused
from streamcore.client.columnar.connection import Address, BrokerConnection, ConnectionLost
from streamcore.client.columnar.log_in import log_in
from streamcore.client.security import read_security
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.messages.api_versions import ApiVersionsRequest, ApiVersionsResponse

CONNECT_TIMEOUT_MS = 5_000  # for one attempt; attempts repeat until the caller's deadline


class NodeConnections:
    """Live connections by address. `check_deadlines` must be called some times a second.

    Raises `LogError` for a client config or certificates that cannot be used.
    """

    def __init__(self, settings: LogSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._security = read_security(settings)
        self._ssl = self._security.ssl_context()
        self._connections: dict[Address, BrokerConnection] = {}

    def live(self, address: Address) -> BrokerConnection | None:
        """Return the connection to `address` if one is open."""
        connection = self._connections.get(address)
        return connection if connection is not None and connection.is_live else None

    async def open(self, address: Address) -> BrokerConnection:
        """Return a live connection. Raises `ConnectionLost` naming the address."""
        connection = self.live(address)
        if connection is None:
            made = await self._connect(address)
            connection = self.live(address)
            if connection is None:
                self._connections[address] = connection = made
            else:
                made.abort("another task was faster")
        return connection

    async def _connect(self, address: Address) -> BrokerConnection:
        host, _, port = address.rpartition(":")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_MS / 1000):
                _, connection = await loop.create_connection(
                    lambda: BrokerConnection(address=address, client_id=self._settings.client_id),
                    host.strip("[]"),
                    int(port),
                    ssl=self._ssl,
                )
        except TimeoutError:
            raise ConnectionLost(
                f"no broker answers at {address} within {CONNECT_TIMEOUT_MS} ms"
            ) from None
        except ssl.SSLError as error:
            why = getattr(error, "verify_message", "") or error.reason or error
            raise LogError(f"TLS with {address} failed: {why}", retriable=False) from None
        except OSError as error:
            raise ConnectionLost(f"no broker at {address}: {error.strerror or error}") from None
        try:
            await self._learn_versions(connection)
            if self._security.has_sasl:
                deadline_ms = self._clock.monotonic_ms() + CONNECT_TIMEOUT_MS
                async with asyncio.timeout(CONNECT_TIMEOUT_MS / 1000):
                    await log_in(connection, self._security, deadline_ms=deadline_ms)
        except BaseException:
            connection.abort("not usable")
            raise
        return connection

    async def _learn_versions(self, connection: BrokerConnection) -> None:
        async with asyncio.timeout(CONNECT_TIMEOUT_MS / 1000):
            answer = await call(
                connection,
                ApiKey.API_VERSIONS,
                ApiVersionsRequest(),
                ApiVersionsResponse,
                deadline_ms=self._clock.monotonic_ms() + CONNECT_TIMEOUT_MS,
            )
        if answer.error_code:
            raise refused(f"{connection.address}: ApiVersions", answer.error_code)
        connection.versions = {
            entry.api_key: (entry.min_version, entry.max_version) for entry in answer.apis
        }

    def check_deadlines(self, now_ms: int) -> None:
        for connection in self._connections.values():
            connection.check_deadline(now_ms)

    def close(self) -> None:
        connections, self._connections = self._connections, {}
        for connection in connections.values():
            connection.abort("closed by us")


def parse_addresses(bootstrap_servers: str) -> list[Address]:
    """Split `HOST:PORT[,HOST:PORT ...]`. Raises `LogError` naming the part that is neither."""
    addresses = []
    for part in bootstrap_servers.split(","):
        host, _, port = part.strip().rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65_536:
            raise LogError(f"bootstrap server {part.strip()!r} is not HOST:PORT", retriable=False)
        addresses.append(Address(f"{host}:{port}"))
    return addresses
