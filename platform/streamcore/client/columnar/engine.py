"""The columnar engine's `Log`: one view of the cluster, and the clients made from it."""

from groundwork.seams import Clock, Rng
from streamcore.client.api import LogSettings, Subscription
from streamcore.client.columnar.admin import ColumnarAdmin
from streamcore.client.columnar.cluster import Cluster
from streamcore.client.columnar.consumer import ColumnarConsumer
from streamcore.client.columnar.group_member import GroupMember
from streamcore.client.columnar.producer import ColumnarProducer
from streamcore.client.owned_tasks import OwnedTasks

TICK_MS = 100  # how late a time-out may be noticed


class ColumnarLog:
    """Implements `api.Log`. `start` connects; one task watches all deadlines."""

    def __init__(self, settings: LogSettings, clock: Clock, rng: Rng) -> None:
        self._cluster = Cluster(settings, clock, rng)
        self._clock = clock
        self._admin = ColumnarAdmin(self._cluster)
        self._producers: list[ColumnarProducer] = []
        self._consumers: list[ColumnarConsumer] = []
        self._tasks = OwnedTasks()

    @property
    def admin(self) -> ColumnarAdmin:
        return self._admin

    async def start(self) -> None:
        """Raises `LogError` naming the broker when none answers in time."""
        self._tasks.start(self._watch_deadlines(), name="log client deadlines")
        try:
            await self._cluster.connect()
        except BaseException:
            await self.close()
            raise

    def producer(self) -> ColumnarProducer:
        producer = ColumnarProducer(self._cluster)
        self._producers.append(producer)
        return producer

    async def consumer(self, subscription: Subscription) -> ColumnarConsumer:
        member = GroupMember(self._cluster, subscription) if subscription.group else None
        consumer = ColumnarConsumer(self._cluster, subscription, member)
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
        await self._tasks.close()
        self._cluster.control.close()

    async def _watch_deadlines(self) -> None:
        while True:
            now_ms = self._clock.monotonic_ms()
            self._producers = [each for each in self._producers if not each.is_closed]
            self._consumers = [each for each in self._consumers if not each.is_closed]
            self._cluster.control.check_deadlines(now_ms)
            for producer in self._producers:
                producer.on_tick(now_ms)
            for consumer in self._consumers:
                consumer.on_tick(now_ms)
            await self._clock.sleep_until(now_ms + TICK_MS)
