"""The columnar consumer: one fetch a broker is always under way, answers are decoded in `poll`.

The next fetch goes out before `poll` returns, so that the broker gathers while the caller
works. Whatever hinders reading (no leader, a lost connection, no offset yet) one repair task
puts right, while `poll` goes on giving what the other brokers have.
"""

import asyncio
import struct
from collections.abc import Mapping, Sequence

from groundwork.backoff import Backoff
from streamcore.client.api import (
    Batch,
    LogError,
    Offset,
    PartitionId,
    StartAt,
    Subscription,
    TopicName,
)
from streamcore.client.columnar.batches import (
    Arrived,
    Unreadable,
    make_batches,
    open_partition,
)
from streamcore.client.columnar.calls import is_retriable, refused
from streamcore.client.columnar.cluster import Cluster, Place
from streamcore.client.columnar.fetch_codec import FetchedPartition, decode_fetch
from streamcore.client.columnar.fetcher import Answer, Fetcher
from streamcore.client.columnar.group_member import GroupMember
from streamcore.client.columnar.offset_lookup import look_up_offsets
from streamcore.client.columnar.positions import ReadPositions
from streamcore.client.columnar.retrying import retried
from streamcore.client.owned_tasks import OwnedTasks, journal
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.list_offsets import EARLIEST_TIMESTAMP, LATEST_TIMESTAMP

TRAVEL_MS = 5  # an answer is due after `wait_ms_max` at the broker; then it has to travel


class ColumnarConsumer:
    """Implements `api.LogConsumer`. `on_tick` must be called some times a second."""

    def __init__(
        self, cluster: Cluster, subscription: Subscription, member: GroupMember | None
    ) -> None:
        self._cluster = cluster
        self._clock = cluster.clock
        self._subscription = subscription
        self._member = member
        self._fetcher = Fetcher(cluster, subscription, self._wake)
        self._positions = ReadPositions()
        self._is_stale = False  # some broker said that it leads a partition no more
        self._failure: LogError | None = None  # raised by the next poll
        self._tasks = OwnedTasks()
        self._repair: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.is_closed = False

    async def start(self) -> None:
        """Place every partition, or join the group. Raises `LogError` for a missing topic."""
        topics = list(self._subscription.topics)
        await self._cluster.require_topics(topics)
        if self._member is not None:
            self._member.start(self._wake)
            return
        given = self._subscription.offsets
        self._positions.assign({place: given.get(place) for place in self._cluster.places(topics)})
        await retried(self._cluster, self._settle)

    async def poll(self) -> Sequence[Batch]:
        deadline_ms = self._clock.monotonic_ms() + self._subscription.wait_ms_max + TRAVEL_MS
        while True:
            self._raise_failure()
            self._follow_group()
            batches = self._take_batches()
            self._fetch()
            if batches:
                return batches
            left_ms = deadline_ms - self._clock.monotonic_ms()
            if left_ms <= 0:
                return []
            await self._wait(left_ms)

    def positions(self) -> Mapping[Place, Offset]:
        return self._positions.known

    def lag(self) -> Mapping[Place, int]:
        return self._positions.lag()

    def seek(self, topic: TopicName, partition: PartitionId, offset: Offset) -> None:
        if not self._positions.has((topic, partition)):
            raise LogError(f"{topic}/{partition} is not assigned to us", retriable=False)
        self._positions.place((topic, partition), offset)

    async def commit(self) -> None:
        if self._member is None:
            raise LogError("only a member of a group can commit", retriable=False)
        await self._member.commit(self._positions.known)

    async def close(self) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        self._wake()
        await self._tasks.close()
        self._fetcher.close()
        if self._member is not None:
            await self._member.close()

    def on_tick(self, now_ms: int) -> None:
        """Give up requests that have waited too long."""
        self._fetcher.connections.check_deadlines(now_ms)
        if self._member is not None:
            self._member.on_tick(now_ms)

    def _raise_failure(self) -> None:
        if self.is_closed:
            raise LogError("the consumer is closed", retriable=False)
        failure = self._failure or (self._member.failure if self._member else None)
        if failure is not None:
            self._failure = None
            raise failure

    def _follow_group(self) -> None:
        if self._member is None:
            return
        if self._member.must_rejoin:
            # What the caller wanted to commit, it has committed under the old generation.
            self._positions.assign({})
            self._member.rejoin()
        assignment = self._member.take_assignment()
        if assignment is not None:
            self._positions.assign(assignment)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self, wait_ms: int) -> None:
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(wait_ms / 1000, self._wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _fetch(self) -> None:
        wanted, is_stuck = self._positions.by_leader(self._cluster.leader)
        all_live = self._fetcher.fetch(wanted)
        if is_stuck or not all_live or self._is_stale or self._fetcher.has_lost_one:
            self._start_repair()

    def _take_batches(self) -> Sequence[Batch]:
        arrived: list[Arrived] = []
        for answer in self._fetcher.take_answers():
            arrived += self._open(answer)
        if not arrived:
            return ()
        batches, faults = make_batches(arrived, self._subscription.topics)
        for fault in faults:
            self._on_unreadable(fault)
        unread = {fault.place for fault in faults}
        for each in arrived:
            if each.place not in unread:
                self._positions.advance(each.place, each.next_offset)
        return batches

    def _open(self, answer: Answer) -> list[Arrived]:
        try:
            code, partitions = decode_fetch(answer.body)
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise LogError(f"{answer.leader}: Fetch answer: {error}", retriable=True) from None
        if code != ErrorCode.NONE:
            self._is_stale = True
            return []
        arrived: list[Arrived] = []
        for fetched in partitions:
            asked = answer.asked.get(fetched.place)
            if asked is None or not self._positions.is_at(fetched.place, asked):
                continue  # the caller has sought, or the partition is not ours any more
            if (opened := self._open_fetched(fetched, asked)) is not None:
                arrived.append(opened)
        return arrived

    def _open_fetched(self, fetched: FetchedPartition, asked: Offset) -> Arrived | None:
        if fetched.error_code != ErrorCode.NONE:
            self._on_refused(fetched, asked)
            return None
        self._positions.set_high_watermark(fetched.place, fetched.high_watermark)
        if not fetched.data:
            return None
        try:
            return open_partition(fetched.place, asked, fetched.data)
        except Unreadable as fault:
            self._on_unreadable(fault)
            return None

    def _on_refused(self, fetched: FetchedPartition, asked: Offset) -> None:
        topic, partition = fetched.place
        if fetched.error_code == ErrorCode.OFFSET_OUT_OF_RANGE:
            journal.warning(
                "%s/%d: offset %d does not exist; reading on from the %s",
                topic,
                partition,
                asked,
                self._subscription.start.value,
            )
            self._positions.displace(fetched.place)
        elif is_retriable(fetched.error_code):
            self._is_stale = True
        else:
            self._positions.set_broken(fetched.place)
            self._failure = refused(f"reading {topic}/{partition}", fetched.error_code)

    def _on_unreadable(self, fault: Unreadable) -> None:
        """Tell it once; the partition stays where it is until somebody seeks past it."""
        self._positions.set_broken(fault.place)
        self._failure = fault

    def _start_repair(self) -> None:
        if self._repair is None or self._repair.done():
            self._repair = self._tasks.start(self._repairing(), name="consumer repair")

    async def _repairing(self) -> None:
        """Try until every partition has an offset and a connection to its leader."""
        backoff = Backoff(self._cluster.rng)
        while True:
            try:
                await self._settle()
            except (LogError, TimeoutError) as error:
                journal.debug("consumer waits: %s", error)
                delay_ms = backoff.next_delay_ms()
                await self._clock.sleep_until(self._clock.monotonic_ms() + delay_ms)
            else:
                break
        self._repair = None
        self._wake()

    async def _settle(self) -> None:
        """Learn who leads, and place and connect what has to be."""
        self._is_stale = self._fetcher.has_lost_one = False
        try:
            await self._cluster.refresh(self._subscription.topics)
            await self._place_all()
        except BaseException:
            self._is_stale = True
            raise

    async def _place_all(self) -> None:
        unplaced = self._positions.unplaced
        if unplaced:
            for place, offset in (await self._start_offsets(unplaced)).items():
                if not self._positions.is_placed(place):
                    self._positions.place(place, offset)
        for place in list(self._positions.places()):
            leader = self._cluster.leader(place)
            if leader is None:
                raise LogError(f"{place[0]}/{place[1]} has no leader", retriable=True)
            await self._fetcher.connections.open(leader)

    async def _start_offsets(self, places: Sequence[Place]) -> dict[Place, Offset]:
        wanted = self._subscription
        if wanted.start_ms is not None:
            timestamp = wanted.start_ms
        elif wanted.start is StartAt.EARLIEST:
            timestamp = EARLIEST_TIMESTAMP
        else:
            timestamp = LATEST_TIMESTAMP
        found = await look_up_offsets(self._cluster, dict.fromkeys(places, timestamp))
        too_young = [place for place, offset in found.items() if offset < 0]
        if too_young:  # no record is so young: the next one to come is the first
            found |= await look_up_offsets(
                self._cluster, dict.fromkeys(too_young, LATEST_TIMESTAMP)
            )
        return found
