"""The librdkafka producer: a callback a record counts a send down, completions keep order.

A callback a record costs nothing that could be measured, and it is the only acknowledgement
that librdkafka states without conditions. Records are produced one by one, because
`produce_batch` ignores the partition it is given. No thread: the loop polls every two
milliseconds while something is in flight.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from groundwork.seams import Clock
from streamcore.client.api import (
    Backpressure,
    Delivered,
    DeliveryFailed,
    FixedColumns,
    LogError,
    LogSettings,
    OutRecord,
    TopicName,
)
from streamcore.client.owned_tasks import OwnedTasks, journal
from streamcore.client.room import Room
from streamcore.client.security import read_security

POLL_MS = 2
_ANY_PARTITION = -1
_NOW = 0  # librdkafka stamps such a record itself


@dataclass(slots=True, eq=False)
class _Send:
    """One send and how many of its records are not acknowledged yet."""

    delivered: Delivered
    left: int
    error: LogError | None = None

    def on_delivery(self, error: KafkaError | None, message: Message) -> None:
        self.left -= 1
        if error is not None and self.error is None:
            self.error = DeliveryFailed(
                f"{message.topic()}/{message.partition()}: {error.str()}",
                retriable=error.retriable(),
            )


class LibrdkafkaProducer:
    """Implements `api.LogProducer`."""

    def __init__(self, settings: LogSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._client = self._make_client()
        self._sends: deque[_Send] = deque()  # bounded by `in_flight_max`
        self._room = Room()
        self._tasks = OwnedTasks()
        self._poller: asyncio.Task[None] | None = None
        self._is_closed = False

    def _make_client(self) -> Producer:
        settings = self._settings
        return Producer(
            {
                **read_security(settings).for_librdkafka(),
                "bootstrap.servers": settings.bootstrap_servers,
                "client.id": settings.client_id,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 1,
                "batch.size": 1_000_000,
                "batch.num.messages": 100_000,
                "queue.buffering.max.messages": 10_000_000,
                "queue.buffering.max.kbytes": 2_000_000,
                "delivery.timeout.ms": settings.delivery_timeout_ms,
                "request.timeout.ms": min(
                    settings.request_timeout_ms, settings.delivery_timeout_ms
                ),
                "reconnect.backoff.max.ms": 1_000,
                "topic.metadata.propagation.max.ms": 10_000,
                "logger": journal,
            }
        )

    @property
    def has_room(self) -> bool:
        return len(self._sends) < self._settings.in_flight_max and not self._is_closed

    def send_columns(self, topic: TopicName, columns: FixedColumns, delivered: Delivered) -> None:
        send = self._begin(len(columns.keys), delivered)
        key_width, value_width = columns.keys.shape[1], columns.values.shape[1]
        keys, values = columns.keys.tobytes(), columns.values.tobytes()
        produce, on_delivery = self._client.produce, send.on_delivery
        try:
            for row, partition in enumerate(columns.partitions.tolist()):
                produce(
                    topic,
                    value=values[row * value_width : (row + 1) * value_width],
                    key=keys[row * key_width : (row + 1) * key_width],
                    partition=partition,
                    timestamp=columns.timestamp_ms,
                    on_delivery=on_delivery,
                )
        except (BufferError, KafkaException) as error:
            self._refuse(send, error)

    def send_records(
        self, topic: TopicName, records: Sequence[OutRecord], delivered: Delivered
    ) -> None:
        assert records, "a send holds at least one record"
        send = self._begin(len(records), delivered)
        try:
            for record in records:
                self._client.produce(
                    topic,
                    value=record.value,
                    key=record.key,
                    partition=_ANY_PARTITION if record.partition is None else record.partition,
                    timestamp=_NOW if record.timestamp_ms is None else record.timestamp_ms,
                    headers=list(record.headers),
                    on_delivery=send.on_delivery,
                )
        except (BufferError, KafkaException) as error:
            self._refuse(send, error)

    async def append(self, topic: TopicName, records: Sequence[OutRecord]) -> None:
        await self._room.append(self, topic, records)

    async def flush(self) -> None:
        await self._room.wait_for(lambda: not self._sends)

    async def close(self) -> None:
        """Give up what is in flight; flush first to keep it."""
        if self._is_closed:
            return
        self._is_closed = True
        self._fail_all(DeliveryFailed("the producer was closed", retriable=False))
        self._room.close()
        await self._tasks.close()

    def _begin(self, record_count: int, delivered: Delivered) -> _Send:
        if self._is_closed:
            raise LogError("the producer is closed", retriable=False)
        if not self.has_room:
            raise Backpressure(
                f"{len(self._sends)} sends are unacknowledged already", retriable=True
            )
        send = _Send(delivered, record_count)
        self._sends.append(send)
        if self._poller is None:
            self._poller = self._tasks.start(self._poll(), name="librdkafka poller")
        return send

    def _refuse(self, send: _Send, error: Exception) -> None:
        """A record could not even be queued: the send fails when its turn comes."""
        send.error = DeliveryFailed(f"not sent: {error}", retriable=isinstance(error, BufferError))

    async def _poll(self) -> None:
        while self._sends:
            self._client.poll(0)
            self._complete()
            await self._clock.sleep_until(self._clock.monotonic_ms() + POLL_MS)
        self._poller = None

    def _complete(self) -> None:
        """Complete the sends at the front: order is kept, and a failure takes all with it."""
        completed = False
        while self._sends and (self._sends[0].error is not None or self._sends[0].left == 0):
            completed = True
            send = self._sends[0]
            if send.error is not None:
                self._fail_all(send.error)
                break
            self._sends.popleft()
            send.delivered(None)
        if completed:
            self._room.changed()

    def _fail_all(self, error: LogError) -> None:
        """Give up every send, and the client: what it still holds must not be sent later."""
        failed, self._sends = self._sends, deque()
        retired = self._client
        retired.purge()
        retired.poll(0)
        if not self._is_closed:
            self._client = self._make_client()
        for send in failed:
            send.delivered(error)
        self._room.changed()
