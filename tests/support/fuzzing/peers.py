"""The other ends of a broker's connections: those that mean harm, and one that does not."""

from typing import Any, Final

from streamcore.broker.connection import Connection
from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.security.listeners import Listener
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code, topic_records
from tests.support.fake_transport import FakeTransport
from tests.support.fuzzing.requests import Case, framed, head
from tests.support.kio_peer import request_bytes, response_of
from tests.support.simulated_broker import batch_of
from tests.support.transactional_producer import TransactionalProducer
from tests.support.virtual_loop import turns

# As much as any answer needs that waits for nothing but its turn.
TURNS: Final = 12
KEPT_TOPIC: Final = "pings"  # the fuzzers do not know its name


class Peer:
    """One connection and the bytes that go to and fro."""

    def __init__(
        self,
        services: BrokerServices,
        port: int,
        *,
        kind: type[Connection] = Connection,
        listener: Listener = Listener(),  # noqa: B008  # immutable
    ) -> None:
        self.transport = FakeTransport(("10.0.0.66", port))
        self.connection = kind(services, REGISTRY, listener=listener, on_closed=lambda _: None)
        self.connection.connection_made(self.transport)
        self.name = f"10.0.0.66:{port}"
        self.unsent = b""
        self.waiting: list[Case] = []  # sent, and not over yet
        self._number = 0
        self._is_lost = False

    @property
    def is_closed(self) -> bool:
        return self.transport.closed

    def send(self, data: bytes = b"", *, piece: int = 1 << 20) -> None:
        """Send as far as the connection reads, `piece` bytes at a time; the rest stays unsent."""
        self.unsent += data
        while self.unsent and not (self.transport.is_reading_paused or self.transport.closed):
            room = self.connection.get_buffer(-1)
            size = min(len(room), len(self.unsent), piece)
            assert size, "no room, though reading is not paused"
            room[:size] = self.unsent[:size]
            self.unsent = self.unsent[size:]
            self.connection.buffer_updated(size)

    def take_answers(self) -> list[tuple[int, bytes]]:
        """Correlation id and the rest of each answer since the last call."""
        answers = self.transport.answers()
        self.transport.written = b""
        return answers

    async def converse(
        self, services: BrokerServices, api: ApiKey, version: int, **fields: Any
    ) -> Any:
        """Ask as kio would; the answer has to come within a few turns."""
        self._number += 1
        handler = REGISTRY.find(api)
        assert handler is not None
        is_flexible = handler.is_flexible(version)
        start = head(api, version, self._number, flexible=is_flexible)
        self.send(framed(start + request_bytes(api, version, **fields)))
        for _ in range(TURNS):
            for number, answer in self.take_answers():
                assert number == self._number
                return response_of(api, version, answer[is_flexible:])
            await turns(1)
        raise AssertionError(f"{self.name} waits in vain for {api.name}")

    def lose(self) -> None:
        """The connection has gone, as the loop tells it."""
        if not self._is_lost:
            self._is_lost = True
            self.transport.closed = True
            self.connection.connection_lost(None)


class Bystander:
    """Somebody who does everything right, and is to notice nothing of the others.

    It writes a record, in a transaction every other time, and commits how far it has come.
    """

    def __init__(self, services: BrokerServices) -> None:
        self._services = services
        self._peer = Peer(services, 1)
        self._producer = TransactionalProducer(
            services, "kept", is_new=True, conversation=self._peer.converse
        )
        self.kept: list[bytes] = []

    async def act(self) -> None:
        value = b"%d" % len(self.kept)
        if len(self.kept) % 2:
            assert await self._producer.init() == NONE
            assert await self._producer.send(value, topic=KEPT_TOPIC) == NONE
            assert await self._producer.end(commit=True) == NONE
        else:
            records = topic_records(self._services, 0, batch_of(value), KEPT_TOPIC)
            answer = await self._peer.converse(
                self._services, ApiKey.PRODUCE, 7, acks=-1, topic_data=records
            )
            assert code(answer.responses[0].partition_responses[0]) == NONE
        self.kept.append(value)
        partition = {"partition_index": 0, "committed_offset": len(self.kept)}
        committed = await self._peer.converse(
            self._services,
            ApiKey.OFFSET_COMMIT,
            8,
            group_id="kept",
            generation_id_or_member_epoch=-1,
            topics=[{"name": KEPT_TOPIC, "partitions": [partition]}],
        )
        assert code(committed.topics[0].partitions[0]) == NONE

    def leave(self) -> None:
        self._peer.lose()
