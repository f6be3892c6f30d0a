"""A member of a consumer group at work: joins, hears of rebalances, gets partitions.

One task lives the life that `membership` describes. A rebalance that begins is taken up only
when the caller polls: until then it may still commit what it has processed, so that the next
owner of a partition starts behind that. Who does not poll for a minute is left out.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from groundwork.backoff import Backoff
from streamcore.client.api import LogError, Offset, Subscription
from streamcore.client.columnar.assigning import (
    SUPPORTED,
    assign,
    decode_assignment,
    decode_subscription,
    encode_assignment,
    encode_subscription,
)
from streamcore.client.columnar.calls import refused
from streamcore.client.columnar.cluster import Cluster, Place
from streamcore.client.columnar.coordinator import GroupCoordinator
from streamcore.client.columnar.membership import MemberEvent, Membership, MemberState
from streamcore.client.columnar.retrying import retried
from streamcore.client.owned_tasks import OwnedTasks, journal
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.join_group import JoinGroupResponse
from streamcore.wire.reading import Malformed

HEARTBEAT_MS: Final = 1_000  # a tenth of the session time-out: rebalances are heard of soon
LEAVE_TIMEOUT_S: Final = 1.0  # a group gets over a member that leaves without a word

Assignment = Mapping[Place, Offset | None]
"""Partitions and their committed offsets; None where nothing is committed."""


class GroupMember:
    """One consumer's part in a group. The consumer calls from `poll`, and is woken for news."""

    def __init__(self, cluster: Cluster, subscription: Subscription) -> None:
        assert subscription.group is not None
        self.failure: LogError | None = None  # the group will not have us
        self._cluster = cluster
        self._clock = cluster.clock
        self._topics = sorted(subscription.topics)
        self._is_static = subscription.instance is not None
        self._coordinator = GroupCoordinator(cluster, subscription.group, subscription.instance)
        self._membership = Membership()
        self._assignment: Assignment | None = None
        self._may_rejoin = asyncio.Event()
        self._tasks = OwnedTasks()
        self._wake: Callable[[], None] = lambda: None

    def start(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._tasks.start(self._live(), name=f"member of {self._coordinator.group}")

    @property
    def must_rejoin(self) -> bool:
        """Whether a rebalance waits for the caller to let go of its partitions."""
        return self._membership.state is MemberState.DISTURBED and not self._may_rejoin.is_set()

    def rejoin(self) -> None:
        """The caller has let go of its partitions, those too that it has not taken yet."""
        self._assignment = None
        self._may_rejoin.set()

    def take_assignment(self) -> Assignment | None:
        """Return a new assignment once."""
        assignment, self._assignment = self._assignment, None
        return assignment

    async def commit(self, offsets: Mapping[Place, Offset]) -> None:
        """Raises `LogError`: retriable while the group is busy with itself."""
        if not offsets:
            return
        await retried(self._cluster, lambda: self._coordinator.commit(self._membership, offsets))

    async def close(self) -> None:
        await self._tasks.close()
        self._membership.on(MemberEvent.CLOSED)
        # A static member keeps its place: it comes back, or its session times out.
        if self._membership.member_id and not self._is_static:
            try:
                async with asyncio.timeout(LEAVE_TIMEOUT_S):
                    await self._coordinator.leave(self._membership)
            except (LogError, TimeoutError) as error:
                journal.debug("left %s unheard: %s", self._coordinator.group, error)
        self._coordinator.close()

    def on_tick(self, now_ms: int) -> None:
        self._coordinator.check_deadlines(now_ms)

    async def _live(self) -> None:
        backoff = Backoff(self._cluster.rng)
        while self.failure is None:
            try:
                if self._membership.state is MemberState.STABLE:
                    await self._beat()
                elif self._membership.state is MemberState.DISTURBED:
                    await self._may_rejoin.wait()
                    await self._join()
                else:
                    await self._join()
                backoff.reset()
            except (LogError, TimeoutError) as error:
                journal.debug("%s: %s", self._coordinator.group, error)
                self._membership.on(MemberEvent.COORDINATOR_LOST)
                delay_ms = backoff.next_delay_ms()
                await self._clock.sleep_until(self._clock.monotonic_ms() + delay_ms)

    async def _beat(self) -> None:
        await self._clock.sleep_until(self._clock.monotonic_ms() + HEARTBEAT_MS)
        code = await self._coordinator.heartbeat(self._membership)
        if code != ErrorCode.NONE:
            self._may_rejoin.clear()
            self._on_refused("heartbeat", code)
            self._wake()

    async def _join(self) -> None:
        self._membership.on(MemberEvent.JOIN_ASKED)
        metadata = encode_subscription(self._topics)
        joined = await self._coordinator.join(
            self._membership, [(name, metadata) for name in SUPPORTED]
        )
        if joined.error_code != ErrorCode.NONE:
            self._on_refused("joining", joined.error_code, member_id=joined.member_id)
            return
        self._membership.on_joined(member_id=joined.member_id, generation_id=joined.generation_id)
        is_leader = joined.leader == joined.member_id
        # A static leader that came back finds the assignment as it was (KIP-814).
        deals = is_leader and not joined.skip_assignment
        assignments = await self._assign(joined) if deals else {}
        await self._sync(joined.protocol_name or "", assignments)

    async def _assign(self, joined: JoinGroupResponse) -> dict[str, bytes]:
        """As the leader, deal out the partitions of everybody's topics."""
        try:
            subscriptions = {
                member.member_id: decode_subscription(member.metadata) for member in joined.members
            }
        except Malformed as error:
            raise LogError(f"a member's subscription: {error}", retriable=True) from None
        wanted = {topic for topics in subscriptions.values() for topic in topics}
        await self._cluster.refresh(wanted)
        counts = {
            topic: known.partition_count
            for topic in wanted
            if (known := self._cluster.topic(topic)) is not None
        }
        assigned = assign(joined.protocol_name or "", subscriptions, counts)
        return {member: encode_assignment(places) for member, places in assigned.items()}

    async def _sync(self, protocol: str, assignments: Mapping[str, bytes]) -> None:
        synced = await self._coordinator.sync(self._membership, protocol, assignments)
        if synced.error_code != ErrorCode.NONE:
            self._on_refused("syncing", synced.error_code)
            return
        try:
            places = decode_assignment(synced.assignment)
        except Malformed as error:
            raise LogError(f"our assignment: {error}", retriable=True) from None
        committed = await self._coordinator.committed(places) if places else {}
        await self._cluster.refresh(self._topics)
        self._membership.on(MemberEvent.ASSIGNED)
        self._assignment = {place: committed.get(place) for place in places}
        self._wake()

    def _on_refused(self, doing: str, code: int, *, member_id: str = "") -> None:
        if code in {
            ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
            ErrorCode.COORDINATOR_NOT_AVAILABLE,
            ErrorCode.NOT_COORDINATOR,
        }:
            self._coordinator.forget()
            raise refused(doing, code)
        if not self._membership.on_refused(code, member_id=member_id):
            self.failure = refused(f"group {self._coordinator.group!r}: {doing}", code)
            self._wake()
