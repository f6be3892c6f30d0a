"""The librdkafka consumer: its queue is emptied from the loop, its group calls run in `poll`.

librdkafka fetches ahead in its own threads, at most `bytes_max`; `poll` looks every two
milliseconds at what has come. Only what waits for a broker (committing, closing, starting)
runs in a thread.
"""

from collections.abc import Mapping, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from groundwork.seams import Clock
from streamcore.client.api import (
    Batch,
    LogError,
    LogSettings,
    Offset,
    PartitionId,
    StartAt,
    Subscription,
    TopicName,
)
from streamcore.client.librdkafka.admin import LibrdkafkaAdmin, Place
from streamcore.client.librdkafka.assembling import assemble
from streamcore.client.librdkafka.faults import in_thread, log_error
from streamcore.client.owned_tasks import journal
from streamcore.client.security import read_security
from streamcore.wire.messages.list_offsets import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP

LOOK_MS = 2
MESSAGES_MAX = 20_000  # in one poll: bounds how long the loop is held
PLACING_TIMEOUT_S = 5.0
_SESSION_TIMEOUT_MS = 10_000


class LibrdkafkaConsumer:
    """Implements `api.LogConsumer`."""

    def __init__(
        self,
        settings: LogSettings,
        clock: Clock,
        admin: LibrdkafkaAdmin,
        subscription: Subscription,
    ) -> None:
        self._clock = clock
        self._admin = admin
        self._subscription = subscription
        self._positions: dict[Place, Offset] = {}
        self._misplaced: set[Place] = set()  # their offset does not exist: to be placed anew
        self._failure: LogError | None = None
        self._is_closed = False
        self._client = Consumer(_config(settings, subscription))

    async def start(self) -> None:
        """Place every partition, or join the group. Raises `LogError` for a missing topic."""
        topics = list(self._subscription.topics)
        places = await self._admin.places(topics)
        if self._subscription.group is not None:
            self._client.subscribe(
                [*map(str, topics)], on_assign=self._on_assign, on_revoke=self._on_revoke
            )
            return
        given = self._subscription.offsets
        self._positions = {place: given[place] for place in places if place in given}
        unplaced = [place for place in places if place not in given]
        self._positions |= await self._start_offsets(unplaced)
        self._assign()

    async def _start_offsets(self, places: Sequence[Place]) -> dict[Place, Offset]:
        wanted = self._subscription
        if wanted.start_ms is not None:
            timestamp = wanted.start_ms
        elif wanted.start is StartAt.EARLIEST:
            timestamp = EARLIEST_TIMESTAMP
        else:
            timestamp = LATEST_TIMESTAMP
        found = await self._admin.look_up(dict.fromkeys(places, timestamp))
        too_young = [place for place, offset in found.items() if offset < 0]
        return found | await self._admin.look_up(dict.fromkeys(too_young, LATEST_TIMESTAMP))

    async def poll(self) -> Sequence[Batch]:
        deadline_ms = self._clock.monotonic_ms() + self._subscription.wait_ms_max
        while True:
            if self._is_closed:
                raise LogError("the consumer is closed", retriable=False)
            batches = self._take()
            if self._misplaced:
                await self._place_anew()
            now_ms = self._clock.monotonic_ms()
            if batches or now_ms >= deadline_ms:
                return batches
            await self._clock.sleep_until(min(deadline_ms, now_ms + LOOK_MS))

    async def _place_anew(self) -> None:
        misplaced, self._misplaced = self._misplaced, set()
        found = await self._start_offsets(sorted(misplaced))
        for place, offset in found.items():
            if place in self._positions:
                self._positions[place] = offset
        self._assign()

    def positions(self) -> Mapping[Place, Offset]:
        return dict(self._positions)

    def lag(self) -> Mapping[Place, int]:
        lags: dict[Place, int] = {}
        for place, offset in self._positions.items():
            watermarks = self._client.get_watermark_offsets(TopicPartition(*place), cached=True)
            if watermarks[1] >= 0:
                lags[place] = max(0, watermarks[1] - offset)
        return lags

    def seek(self, topic: TopicName, partition: PartitionId, offset: Offset) -> None:
        if (topic, partition) not in self._positions:
            raise LogError(f"{topic}/{partition} is not assigned to us", retriable=False)
        self._positions[topic, partition] = offset
        # A seek of librdkafka's fails on partitions that it has not begun to fetch; assigning
        # all anew, each at its place, does not.
        self._assign()

    async def commit(self) -> None:
        if self._subscription.group is None:
            raise LogError("only a member of a group can commit", retriable=False)
        offsets = _partitions(self._positions)
        if offsets:
            await in_thread(
                f"group {self._subscription.group!r}: committing",
                lambda: self._client.commit(offsets=offsets, asynchronous=False),
            )

    async def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            await in_thread("closing", self._client.close)

    def _assign(self) -> None:
        self._client.assign(_partitions(self._positions))

    def _on_assign(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        """Take new partitions at their committed offsets; runs inside `consume`.

        Blocks for as long as the coordinator takes to answer: rare, and some milliseconds.
        """
        try:
            committed = client.committed(partitions, timeout=PLACING_TIMEOUT_S)
            unplaced = [each for each in committed if each.offset < 0]
            if unplaced:
                committed = [each for each in committed if each.offset >= 0]
                committed += self._placed(client, unplaced)
        except KafkaException as failure:
            self._failure = log_error("placing partitions", failure.args[0])
            return
        self._positions = {
            (TopicName(each.topic), PartitionId(each.partition)): Offset(each.offset)
            for each in committed
        }
        self._assign()

    def _placed(
        self, client: Consumer, partitions: Sequence[TopicPartition]
    ) -> list[TopicPartition]:
        start_ms = self._subscription.start_ms
        placed: list[TopicPartition] = []
        for each in partitions:
            low, high = client.get_watermark_offsets(each, timeout=PLACING_TIMEOUT_S)
            at = low if self._subscription.start is StartAt.EARLIEST else high
            if start_ms is not None:
                at = self._offset_at(client, each, start_ms, high)
            placed.append(TopicPartition(each.topic, each.partition, at))
        return placed

    def _offset_at(
        self, client: Consumer, partition: TopicPartition, start_ms: int, end: int
    ) -> int:
        wanted = TopicPartition(partition.topic, partition.partition, start_ms)
        [found] = client.offsets_for_times([wanted], timeout=PLACING_TIMEOUT_S)
        offset: int = found.offset
        return offset if offset >= 0 else end

    def _on_revoke(self, client: Consumer, partitions: list[TopicPartition]) -> None:
        self._positions = {}

    def _take(self) -> list[Batch]:
        messages: list[Message] = []
        for message in self._client.consume(MESSAGES_MAX, timeout=0):
            error = message.error()
            if error is None:
                messages.append(message)
            else:
                self._on_error(error, message)
        batches = assemble(messages, self._positions, self._subscription.topics)
        for batch in batches:
            self._positions[batch.topic, batch.partition] = batch.next_offset
        if self._failure is not None and not batches:
            failure, self._failure = self._failure, None
            raise failure
        return batches

    def _on_error(self, error: KafkaError, message: Message) -> None:
        where = f"{message.topic()}/{message.partition()}"
        if error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 -- so spelled by librdkafka
            start = self._subscription.start.value
            journal.warning("%s: %s; reading on from the %s", where, error.str(), start)
            topic, partition = message.topic() or "", message.partition() or 0
            self._misplaced.add((TopicName(topic), PartitionId(partition)))
        elif error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 -- as above
            self._failure = log_error("reading", error)  # shut out of the group
        elif error.retriable() or error.code() < 0:
            journal.debug("%s: %s", where, error.str())  # librdkafka goes on by itself
        else:
            self._failure = log_error(f"reading {where}", error)


def _partitions(offsets: Mapping[Place, Offset]) -> list[TopicPartition]:
    return [TopicPartition(*place, offset) for place, offset in offsets.items()]


def _config(settings: LogSettings, subscription: Subscription) -> dict[str, object]:
    static = {} if subscription.instance is None else {"group.instance.id": subscription.instance}
    return static | {
        **read_security(settings).for_librdkafka(),
        "bootstrap.servers": settings.bootstrap_servers,
        "client.id": settings.client_id,
        # Without a group librdkafka still wants a name; nothing is ever committed under it.
        "group.id": subscription.group or f"{settings.client_id}-alone",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # An offset that does not exist comes as an error: we place the partition anew, for
        # records before a position are dropped.
        "auto.offset.reset": "error",
        "partition.assignment.strategy": "range,roundrobin",
        "session.timeout.ms": _SESSION_TIMEOUT_MS,
        "heartbeat.interval.ms": 1_000,
        "allow.auto.create.topics": False,
        "check.crcs": True,
        "fetch.min.bytes": subscription.bytes_min,
        "fetch.wait.max.ms": subscription.wait_ms_max,
        "fetch.max.bytes": subscription.bytes_max,
        "message.max.bytes": min(1_000_000, subscription.bytes_max),
        # The default, a second, lets a consumer idle whenever its queue was full for a moment.
        "fetch.queue.backoff.ms": 5,
        "queued.max.messages.kbytes": max(1_024, subscription.bytes_max >> 10),
        "reconnect.backoff.max.ms": 1_000,
        "logger": journal,
    }
