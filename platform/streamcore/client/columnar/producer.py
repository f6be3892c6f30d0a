"""The columnar producer: the shell that takes an outbox's rounds to the leaders and back.

One Produce request a leader and round, all partitions in it. Whatever goes wrong (no identity
yet, a connection lost, a leader moved), one recovery task puts it right: it waits until all
due answers have come or are lost, learns anew who leads, connects, and opens the outbox.
"""

import asyncio
import struct
from collections.abc import Sequence

from groundwork.backoff import Backoff
from streamcore.client.api import (
    Backpressure,
    Delivered,
    DeliveryFailed,
    FixedColumns,
    LogError,
    OutRecord,
    PartitionId,
    TopicName,
)
from streamcore.client.columnar.calls import refused
from streamcore.client.columnar.cluster import Cluster
from streamcore.client.columnar.connection import Address, BrokerConnection
from streamcore.client.columnar.encoding import checked_batches, encode_fixed, record_maker
from streamcore.client.columnar.nodes import NodeConnections
from streamcore.client.columnar.outbox import (
    Completion,
    MakeBatches,
    Outbox,
    OutboxState,
    Round,
    Send,
)
from streamcore.client.columnar.produce_codec import (
    BatchToSend,
    ProducerIdentity,
    decode_produce,
    encode_produce,
)
from streamcore.client.columnar.versions import PRODUCE_VERSION
from streamcore.client.owned_tasks import OwnedTasks, journal
from streamcore.client.room import Room
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.messages.init_producer_id import (
    InitProducerIdRequest,
    InitProducerIdResponse,
)

TOPIC_MISSING_MS_MAX = 10_000  # a topic that was just made may take a moment to be known


class ColumnarProducer:
    """Implements `api.LogProducer`. `on_tick` must be called some times a second."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._settings = cluster.settings
        self._clock = cluster.clock
        self._connections = NodeConnections(cluster.settings, cluster.clock)
        self._outbox = Outbox(rounds_max=min(5, cluster.settings.in_flight_max))
        self._identity: ProducerIdentity | None = None
        self._tasks = OwnedTasks()
        self._drained = asyncio.Event()
        self._room = Room()
        self._keyless_turn = cluster.rng.randint(0, 1 << 20)
        self._recovery: asyncio.Task[None] | None = None
        self.is_closed = False
        self._recover()

    @property
    def has_room(self) -> bool:
        return len(self._outbox) < self._settings.in_flight_max and not self.is_closed

    def send_columns(self, topic: TopicName, columns: FixedColumns, delivered: Delivered) -> None:
        self._check_room()
        self._admit(topic, checked_batches(encode_fixed(columns)), delivered)

    def send_records(
        self, topic: TopicName, records: Sequence[OutRecord], delivered: Delivered
    ) -> None:
        assert records, "a send holds at least one record"
        self._check_room()
        self._keyless_turn += 1
        maker = record_maker(records, now_ms=self._clock.now_ms(), keyless_turn=self._keyless_turn)
        self._admit(topic, maker, delivered)

    async def append(self, topic: TopicName, records: Sequence[OutRecord]) -> None:
        await self._room.append(self, topic, records)

    async def flush(self) -> None:
        await self._room.wait_for(lambda: not len(self._outbox))

    async def close(self) -> None:
        """Give up what is in flight; flush first to keep it."""
        if self.is_closed:
            return
        self.is_closed = True
        self._fail(DeliveryFailed("the producer was closed", retriable=False))
        self._room.close()
        await self._tasks.close()
        self._connections.close()

    def on_tick(self, now_ms: int) -> None:
        """Give up requests and sends that have waited too long."""
        self._connections.check_deadlines(now_ms)
        deadline_ms = self._outbox.oldest_deadline_ms
        if deadline_ms is not None and now_ms >= deadline_ms:
            self._fail(
                DeliveryFailed(
                    f"not acknowledged within {self._settings.delivery_timeout_ms} ms "
                    f"by {self._settings.bootstrap_servers}",
                    retriable=True,
                )
            )

    def _check_room(self) -> None:
        if self.is_closed:
            raise LogError("the producer is closed", retriable=False)
        if not self.has_room:
            raise Backpressure(
                f"{len(self._outbox)} sends are unacknowledged already", retriable=True
            )

    def _admit(self, topic: TopicName, maker: MakeBatches, delivered: Delivered) -> None:
        deadline_ms = self._clock.monotonic_ms() + self._settings.delivery_timeout_ms
        self._outbox.admit(
            Send(topic=topic, make_batches=maker, delivered=delivered, deadline_ms=deadline_ms)
        )
        self._pump()

    def _pump(self) -> None:
        """Send all that may go now."""
        while (send := self._outbox.unprepared) is not None:
            known = self._cluster.topic(send.topic)
            if known is None:
                self._recover()
                break
            self._outbox.prepare(send, known.partition_count)
        while (due := self._outbox.next_round()) is not None:
            if not self._send_round(due):
                self._outbox.demand_resend()
        if self._outbox.state is OutboxState.DRAINING:
            self._recover()

    def _send_round(self, due: Round) -> bool:
        """Send a round to all its leaders; nothing of it where one of them is out of reach."""
        by_leader: dict[Address, list[BatchToSend]] = {}
        for batch in due.unacknowledged.values():
            leader = self._cluster.leader((due.topic, PartitionId(batch.partition)))
            if leader is None or self._connections.live(leader) is None:
                return False
            by_leader.setdefault(leader, []).append(batch)
        self._outbox.on_sent(due, requests=len(by_leader))
        for leader, batches in by_leader.items():
            connection = self._connections.live(leader)
            assert connection is not None
            assert self._identity is not None, "an open outbox has one"
            self._produce(connection, due, batches, self._identity)
        return True

    def _produce(
        self,
        connection: BrokerConnection,
        due: Round,
        batches: Sequence[BatchToSend],
        identity: ProducerIdentity,
    ) -> None:
        timeout_ms = self._settings.request_timeout_ms
        connection.ask(
            ApiKey.PRODUCE,
            PRODUCE_VERSION,
            encode_produce(due.topic, batches, identity, timeout_ms=timeout_ms),
            flexible=False,
            deadline_ms=self._cluster.deadline_ms(),
            on_answer=lambda body: self._on_answer(connection, due, body),
            on_lost=lambda _: self._on_lost(due),
        )

    def _on_answer(self, connection: BrokerConnection, due: Round, body: memoryview) -> None:
        try:
            results = decode_produce(body)
        except struct.error as error:
            self._on_lost(due)
            connection.abort(f"{connection.address}: Produce answer: {error}")
            return
        failure = self._outbox.on_answer(due, results)
        if failure is None:
            self._after_event()
        else:
            self._fail(failure)

    def _on_lost(self, due: Round) -> None:
        self._outbox.on_lost(due)
        self._after_event()

    def _after_event(self) -> None:
        if self._outbox.is_drained:
            self._drained.set()
        self._complete(self._outbox.take_completed())
        if (failure := self._outbox.failure) is not None:
            self._fail(failure)
        elif not self.is_closed:
            self._pump()

    def _complete(self, completions: Sequence[Completion]) -> None:
        for delivered, error in completions:
            delivered(error)
        if completions:
            self._room.changed()

    def _fail(self, error: LogError) -> None:
        """Give up all sends, and the identity: what is on the wire may still be appended."""
        failed = self._outbox.fail_all(error)
        self._identity = None
        self._connections.close()
        self._drained.set()
        self._complete(failed)
        if not self.is_closed:
            self._recover()

    def _recover(self) -> None:
        if (self._recovery is None or self._recovery.done()) and not self.is_closed:
            self._recovery = self._tasks.start(self._recovering(), name="producer recovery")

    async def _recovering(self) -> None:
        """Try until the outbox is open again, or there is nothing left to send."""
        backoff = Backoff(self._cluster.rng)
        while True:
            await self._wait_until_drained()
            try:
                await self._reconnect()
            except (LogError, TimeoutError) as error:
                journal.debug("producer waits: %s", error)
                if isinstance(error, LogError) and not error.retriable and len(self._outbox):
                    self._fail(DeliveryFailed(str(error), retriable=False))
                delay_ms = backoff.next_delay_ms()
                await self._clock.sleep_until(self._clock.monotonic_ms() + delay_ms)
                continue
            # While it connected, sends may have been given up, and the identity with them.
            if self._outbox.is_drained and self._identity is not None:
                break
        self._outbox.reopen()
        self._recovery = None
        self._after_event()

    async def _wait_until_drained(self) -> None:
        while not self._outbox.is_drained:
            self._drained.clear()
            await self._drained.wait()

    async def _reconnect(self) -> None:
        topics = self._outbox.topics
        await self._cluster.refresh(topics)
        if self._identity is None:
            self._identity = await self._new_identity()
        for topic in topics:
            known = self._cluster.topic(topic)
            if known is None:
                self._fail_if_missing_long(topic)
                raise LogError(f"topic {topic!r} does not exist", retriable=True)
            for place in self._cluster.places([topic]):
                leader = self._cluster.leader(place)
                if leader is None:
                    raise LogError(f"{place[0]}/{place[1]} has no leader", retriable=True)
                await self._connections.open(leader)

    async def _new_identity(self) -> ProducerIdentity:
        answer = await self._cluster.ask_any(
            ApiKey.INIT_PRODUCER_ID, InitProducerIdRequest(), InitProducerIdResponse
        )
        if answer.error_code:
            raise refused("InitProducerId", answer.error_code)
        return ProducerIdentity(
            producer_id=answer.producer_id, producer_epoch=answer.producer_epoch
        )

    def _fail_if_missing_long(self, topic: TopicName) -> None:
        deadline_ms = self._outbox.oldest_deadline_ms
        if deadline_ms is None:
            return
        waited_ms = self._clock.monotonic_ms() - deadline_ms + self._settings.delivery_timeout_ms
        if waited_ms >= TOPIC_MISSING_MS_MAX:
            self._fail(DeliveryFailed(f"topic {topic!r} does not exist", retriable=True))
