"""The librdkafka engine's `Log`."""

from typing import Any

from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient

from groundwork.seams import Clock, Rng
from streamcore.client.api import LogSettings, Subscription
from streamcore.client.columnar.nodes import parse_addresses
from streamcore.client.librdkafka.admin import LibrdkafkaAdmin
from streamcore.client.librdkafka.consumer import LibrdkafkaConsumer
from streamcore.client.librdkafka.faults import note_refusal
from streamcore.client.librdkafka.producer import LibrdkafkaProducer
from streamcore.client.owned_tasks import journal
from streamcore.client.security import read_security


class LibrdkafkaLog:
    """Implements `api.Log`."""

    def __init__(self, settings: LogSettings, clock: Clock, rng: Rng) -> None:
        parse_addresses(settings.bootstrap_servers)  # say what is wrong before librdkafka does
        self._settings = settings
        self._clock = clock
        refusals: list[KafkaError] = []
        config: dict[str, Any] = {
            **read_security(settings).for_librdkafka(),
            "bootstrap.servers": settings.bootstrap_servers,
            "client.id": settings.client_id,
            "reconnect.backoff.max.ms": 1_000,
            "error_cb": lambda error: note_refusal(error, refusals),
        }
        client = AdminClient(config, logger=journal)
        self._admin = LibrdkafkaAdmin(client, settings, clock, rng, refusals)
        self._producers: list[LibrdkafkaProducer] = []
        self._consumers: list[LibrdkafkaConsumer] = []

    @property
    def admin(self) -> LibrdkafkaAdmin:
        return self._admin

    async def start(self) -> None:
        """Raises `LogError` naming the broker when none answers in time."""
        give_up_ms = self._clock.monotonic_ms() + self._settings.connect_timeout_ms
        await self._admin.describe(give_up_ms=give_up_ms)

    def producer(self) -> LibrdkafkaProducer:
        producer = LibrdkafkaProducer(self._settings, self._clock)
        self._producers.append(producer)
        return producer

    async def consumer(self, subscription: Subscription) -> LibrdkafkaConsumer:
        consumer = LibrdkafkaConsumer(self._settings, self._clock, self._admin, subscription)
        self._consumers.append(consumer)
        try:
            await consumer.start()
        except BaseException:
            await consumer.close()
            raise
        return consumer

    async def close(self) -> None:
        for producer in self._producers:
            await producer.close()
        for consumer in self._consumers:
            await consumer.close()
