"""What one group asks of its coordinator: finding it, joining, heartbeats, offsets, leaving."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from streamcore.client.api import LogError, Offset, PartitionId, TopicName
from streamcore.client.columnar.assigning import PROTOCOL_TYPE
from streamcore.client.columnar.calls import call, refused
from streamcore.client.columnar.cluster import Cluster, Place
from streamcore.client.columnar.connection import Address
from streamcore.client.columnar.membership import Membership
from streamcore.client.columnar.nodes import NodeConnections
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import Message
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.find_coordinator import (
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
from streamcore.wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from streamcore.wire.messages.join_group import (
    JoinGroupProtocol,
    JoinGroupRequest,
    JoinGroupResponse,
)
from streamcore.wire.messages.leave_group import (
    LeaveGroupRequest,
    LeaveGroupResponse,
    LeavingMember,
)
from streamcore.wire.messages.offset_commit import (
    OffsetCommitPartition,
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetCommitTopic,
)
from streamcore.wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchResponse,
    OffsetFetchTopic,
)
from streamcore.wire.messages.sync_group import (
    MemberAssignment,
    SyncGroupRequest,
    SyncGroupResponse,
)

SESSION_TIMEOUT_MS: Final = 10_000
REBALANCE_TIMEOUT_MS: Final = 60_000
Answer = TypeVar("Answer", bound=Message)


class GroupCoordinator:
    """The broker that runs a group, over a connection of its own: a join may wait for a minute."""

    def __init__(self, cluster: Cluster, group: str, instance: str | None = None) -> None:
        self.group = group
        self._instance = instance
        self._cluster = cluster
        self._connections = NodeConnections(cluster.settings, cluster.clock)
        self._address: Address | None = None

    def forget(self) -> None:
        """Look for it again before the next request."""
        self._address = None

    def check_deadlines(self, now_ms: int) -> None:
        self._connections.check_deadlines(now_ms)

    def close(self) -> None:
        self._connections.close()

    async def join(
        self, membership: Membership, protocols: Sequence[tuple[str, bytes]]
    ) -> JoinGroupResponse:
        return await self._ask(
            ApiKey.JOIN_GROUP,
            JoinGroupRequest(
                group_id=self.group,
                session_timeout_ms=SESSION_TIMEOUT_MS,
                rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
                member_id=membership.member_id,
                group_instance_id=self._instance,
                protocol_type=PROTOCOL_TYPE,
                protocols=tuple(
                    JoinGroupProtocol(name=name, metadata=metadata) for name, metadata in protocols
                ),
            ),
            JoinGroupResponse,
            wait_ms_max=REBALANCE_TIMEOUT_MS,
        )

    async def sync(
        self, membership: Membership, protocol: str, assignments: Mapping[str, bytes]
    ) -> SyncGroupResponse:
        return await self._ask(
            ApiKey.SYNC_GROUP,
            SyncGroupRequest(
                group_id=self.group,
                generation_id=membership.generation_id,
                member_id=membership.member_id,
                group_instance_id=self._instance,
                protocol_type=PROTOCOL_TYPE,
                protocol_name=protocol,
                assignments=tuple(
                    MemberAssignment(member_id=member, assignment=assignment)
                    for member, assignment in assignments.items()
                ),
            ),
            SyncGroupResponse,
            wait_ms_max=REBALANCE_TIMEOUT_MS,
        )

    async def heartbeat(self, membership: Membership) -> int:
        """Return the error code: nought, or what happens to us."""
        answer = await self._ask(
            ApiKey.HEARTBEAT,
            HeartbeatRequest(
                group_id=self.group,
                generation_id=membership.generation_id,
                member_id=membership.member_id,
                group_instance_id=self._instance,
            ),
            HeartbeatResponse,
        )
        return answer.error_code

    async def leave(self, membership: Membership) -> None:
        await self._ask(
            ApiKey.LEAVE_GROUP,
            LeaveGroupRequest(
                group_id=self.group,
                member_id=membership.member_id,
                members=(LeavingMember(member_id=membership.member_id),),
            ),
            LeaveGroupResponse,
        )

    async def commit(self, membership: Membership, offsets: Mapping[Place, Offset]) -> None:
        """Raises `LogError` with the first partition that was refused."""
        answer = await self._ask(
            ApiKey.OFFSET_COMMIT,
            OffsetCommitRequest(
                group_id=self.group,
                generation_id=membership.generation_id,
                member_id=membership.member_id,
                group_instance_id=self._instance,
                topics=tuple(
                    OffsetCommitTopic(
                        name=name,
                        partitions=tuple(
                            OffsetCommitPartition(partition_index=index, committed_offset=offset)
                            for (topic, index), offset in offsets.items()
                            if topic == name
                        ),
                    )
                    for name in sorted({topic for topic, _ in offsets})
                ),
            ),
            OffsetCommitResponse,
        )
        for topic in answer.topics:
            for partition in topic.partitions:
                self._raise_refused(
                    f"committing {topic.name}/{partition.partition_index}", partition.error_code
                )

    async def committed(self, places: Sequence[Place]) -> dict[Place, Offset]:
        """Return the group's committed offsets; places without one are left out."""
        answer = await self._ask(
            ApiKey.OFFSET_FETCH,
            OffsetFetchRequest(
                group_id=self.group,
                topics=tuple(
                    OffsetFetchTopic(
                        name=name,
                        partition_indexes=tuple(index for topic, index in places if topic == name),
                    )
                    for name in sorted({topic for topic, _ in places})
                ),
            ),
            OffsetFetchResponse,
        )
        self._raise_refused("committed offsets", answer.error_code)
        found: dict[Place, Offset] = {}
        for topic in answer.topics:
            for partition in topic.partitions:
                self._raise_refused(
                    f"committed offset of {topic.name}/{partition.partition_index}",
                    partition.error_code,
                )
                if partition.committed_offset >= 0:
                    place = (TopicName(topic.name), PartitionId(partition.partition_index))
                    found[place] = Offset(partition.committed_offset)
        return found

    def _raise_refused(self, what: str, code: int) -> None:
        if code == ErrorCode.NONE:
            return
        error = refused(f"group {self.group!r}: {what}", code)
        if error.retriable:
            self.forget()
        raise error

    async def _ask(
        self, key: ApiKey, request: Message, answer: type[Answer], *, wait_ms_max: int = 0
    ) -> Answer:
        if self._address is None:
            self._address = await self._find()
        try:
            connection = await self._connections.open(self._address)
            deadline_ms = self._cluster.deadline_ms() + wait_ms_max
            return await call(connection, key, request, answer, deadline_ms=deadline_ms)
        except LogError:
            self.forget()
            raise

    async def _find(self) -> Address:
        answer = await self._cluster.ask_any(
            ApiKey.FIND_COORDINATOR,
            FindCoordinatorRequest(key=self.group),
            FindCoordinatorResponse,
        )
        if answer.error_code:
            raise refused(f"group {self.group!r}: finding its coordinator", answer.error_code)
        return Address(f"{answer.host}:{answer.port}")
