"""Requests about groups in every version, and what Kafka answers to odd ones."""

from uuid import UUID

import pytest

from streamcore.wire.api_keys import ApiKey
from streamcore.wire.authorized_operations import NOT_ASKED
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.delete_groups import DeleteGroupsRequest, DeleteGroupsResponse
from streamcore.wire.messages.describe_groups import DescribeGroupsRequest, DescribeGroupsResponse
from streamcore.wire.messages.find_coordinator import (
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
from streamcore.wire.messages.heartbeat import HeartbeatRequest, HeartbeatResponse
from streamcore.wire.messages.leave_group import (
    LeaveGroupRequest,
    LeaveGroupResponse,
    LeavingMember,
)
from streamcore.wire.messages.list_groups import ListGroupsRequest, ListGroupsResponse
from streamcore.wire.messages.offset_commit import (
    OffsetCommitPartition,
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetCommitTopic,
)
from streamcore.wire.messages.offset_delete import (
    OffsetDeletePartition,
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetDeleteTopic,
)
from streamcore.wire.messages.offset_fetch import (
    OffsetFetchGroup,
    OffsetFetchRequest,
    OffsetFetchResponse,
    OffsetFetchTopic,
)
from streamcore.wire.messages.sync_group import (
    SyncGroupRequest,
    SyncGroupResponse,
)
from tests.support.broker_questions import versions_of
from tests.support.group_questions import (
    commit,
    committed,
    committing,
    enter,
    make_topic,
)
from tests.support.simulated_broker import call, simulated_broker


@pytest.mark.parametrize("key_type", [0, 1], ids=["group", "transactional-id"])
@pytest.mark.parametrize("version", versions_of(ApiKey.FIND_COORDINATOR))
async def test_the_coordinator_of_everything_is_this_broker(version: int, key_type: int) -> None:
    async with simulated_broker() as services:
        request = FindCoordinatorRequest(key="g", coordinator_keys=("g",), key_type=key_type)
        answer = await call(
            services, ApiKey.FIND_COORDINATOR, version, request, FindCoordinatorResponse
        )
    found = answer.coordinators[0] if version >= 4 else answer
    assert (found.error_code, found.node_id, found.host, found.port) == (0, 1, "127.0.0.1", 9092)


@pytest.mark.parametrize("version", [1, 3, 4, 6])
async def test_coordinators_of_share_groups_and_of_what_nobody_knows_are_refused(
    version: int,
) -> None:
    async with simulated_broker() as services:
        for key_type in (2, 9, -1):
            request = FindCoordinatorRequest(
                key="g", coordinator_keys=("g", "h"), key_type=key_type
            )
            answer = await call(
                services, ApiKey.FIND_COORDINATOR, version, request, FindCoordinatorResponse
            )
            told = answer.coordinators if version >= 4 else (answer,)
            assert {(one.error_code, one.node_id) for one in told} == {
                (ErrorCode.INVALID_REQUEST, -1)
            }


async def test_offsets_are_committed_and_fetched_by_topic_id() -> None:
    async with simulated_broker() as services:
        make_topic(services)
        topic = services.topics.find("pings")
        assert topic is not None
        ids = (UUID(int=9), topic.topic_id)
        partitions = (
            OffsetCommitPartition(partition_index=0, committed_offset=5),
            OffsetCommitPartition(partition_index=9, committed_offset=5),
        )
        commit = OffsetCommitRequest(
            group_id="g",
            topics=tuple(OffsetCommitTopic(topic_id=one, partitions=partitions) for one in ids),
        )
        answer = await call(services, ApiKey.OFFSET_COMMIT, 10, commit, OffsetCommitResponse)
        assert [t.topic_id for t in answer.topics] == list(ids)
        assert [[p.error_code for p in t.partitions] for t in answer.topics] == [
            [ErrorCode.UNKNOWN_TOPIC_ID] * 2,
            [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
        ]
        asked = tuple(OffsetFetchTopic(topic_id=one, partition_indexes=(0,)) for one in ids)
        fetch = OffsetFetchRequest(
            groups=(
                OffsetFetchGroup(group_id="g", topics=asked),
                OffsetFetchGroup(group_id="g", topics=None),
            )
        )
        fetched = await call(services, ApiKey.OFFSET_FETCH, 10, fetch, OffsetFetchResponse)
        told = [
            [
                (t.topic_id, t.partitions[0].committed_offset, t.partitions[0].error_code)
                for t in group.topics
            ]
            for group in fetched.groups
        ]
        known = (topic.topic_id, 5, ErrorCode.NONE)
        assert told == [[(ids[0], -1, ErrorCode.UNKNOWN_TOPIC_ID), known], [known]]


@pytest.mark.parametrize(
    ("version", "error"),
    [(8, ErrorCode.ILLEGAL_GENERATION), (9, ErrorCode.GROUP_ID_NOT_FOUND)],
)
async def test_a_member_of_an_unknown_group_commits_nothing(version: int, error: ErrorCode) -> None:
    async with simulated_broker() as services:
        make_topic(services)
        request = OffsetCommitRequest(
            group_id="g",
            generation_id=3,
            member_id="m",
            topics=committing(1).topics,
        )
        answer = await call(services, ApiKey.OFFSET_COMMIT, version, request, OffsetCommitResponse)
        assert answer.topics[0].partitions[0].error_code == error
        assert answer.topics[0].name == "pings"


@pytest.mark.parametrize("epoch", [-1, 0, 99])
async def test_a_classic_group_answers_whatever_member_epoch_is_told(epoch: int) -> None:
    async with simulated_broker() as services:
        make_topic(services)
        await commit(services, 10)
        group = OffsetFetchGroup(group_id="g", member_id="m", member_epoch=epoch, topics=None)
        request = OffsetFetchRequest(groups=(group,))
        answer = await call(services, ApiKey.OFFSET_FETCH, 9, request, OffsetFetchResponse)
    assert answer.groups[0].topics[0].partitions[0].committed_offset == 10


async def test_groups_are_listed_described_and_deleted() -> None:
    async with simulated_broker() as services:
        make_topic(services)
        member_id = await enter(services)
        await commit(services, 1, group="simple")
        listed = await call(
            services, ApiKey.LIST_GROUPS, 4, ListGroupsRequest(), ListGroupsResponse
        )
        assert [(g.group_id, g.group_state) for g in listed.groups] == [
            ("g", "Stable"),
            ("simple", "Empty"),
        ]
        stable = await call(
            services,
            ApiKey.LIST_GROUPS,
            4,
            ListGroupsRequest(states_filter=("stable",)),
            ListGroupsResponse,
        )
        assert [group.group_id for group in stable.groups] == ["g"]
        described = await call(
            services,
            ApiKey.DESCRIBE_GROUPS,
            5,
            DescribeGroupsRequest(groups=("g", "none")),
            DescribeGroupsResponse,
        )
        known, unknown = described.groups
        assert known.members[0].member_assignment == b"all"
        assert (known.protocol_type, known.protocol_data) == ("consumer", "range")
        assert unknown.group_state == "Dead"
        deleted = await call(
            services,
            ApiKey.DELETE_GROUPS,
            3,
            DeleteGroupsRequest(groups_names=("g", "simple", "none", "none")),
            DeleteGroupsResponse,
        )
        assert [(result.error_code, result.error_message) for result in deleted.results] == [
            (ErrorCode.NON_EMPTY_GROUP, "Group g has members."),
            (ErrorCode.NONE, None),
            (ErrorCode.GROUP_ID_NOT_FOUND, "Group none not found."),
        ]
        leave = LeaveGroupRequest(group_id="g", member_id=member_id)
        left = await call(services, ApiKey.LEAVE_GROUP, 1, leave, LeaveGroupResponse)
        assert left.error_code == ErrorCode.NONE


@pytest.mark.parametrize(
    ("protocol_type", "error", "partition_error"),
    [
        ("consumer", ErrorCode.NONE, ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC),
        ("connect", ErrorCode.NON_EMPTY_GROUP, None),
        (None, ErrorCode.NONE, ErrorCode.NONE),
        ("nobody", ErrorCode.GROUP_ID_NOT_FOUND, None),
    ],
)
async def test_single_offsets_are_deleted_where_nobody_reads(
    protocol_type: str | None, error: ErrorCode, partition_error: ErrorCode | None
) -> None:
    async with simulated_broker() as services:
        make_topic(services)
        if protocol_type != "nobody":
            await commit(services, 1)
        if protocol_type in ("consumer", "connect"):
            await enter(services, protocol_type=protocol_type)
        topic = OffsetDeleteTopic(
            name="pings", partitions=(OffsetDeletePartition(partition_index=0),)
        )
        request = OffsetDeleteRequest(group_id="g", topics=(topic,))
        answer = await call(services, ApiKey.OFFSET_DELETE, 0, request, OffsetDeleteResponse)
        told = [p.error_code for t in answer.topics for p in t.partitions]
        assert answer.error_code == error
        assert told == ([] if partition_error is None else [partition_error])
        if partition_error is ErrorCode.NONE:
            assert await committed(services) == {}


@pytest.mark.parametrize("version", versions_of(ApiKey.DESCRIBE_GROUPS))
async def test_what_may_be_done_to_a_group_is_told_where_that_is_asked(version: int) -> None:
    everything = sum(1 << operation for operation in (3, 6, 8, 10, 11))
    async with simulated_broker() as services:
        make_topic(services)
        await commit(services, 1)
        for asks in (False, True):
            request = DescribeGroupsRequest(groups=("g",), include_authorized_operations=asks)
            answer = await call(
                services, ApiKey.DESCRIBE_GROUPS, version, request, DescribeGroupsResponse
            )
            told = everything if asks and version >= 3 else NOT_ASKED
            assert answer.groups[0].authorized_operations == told


async def test_a_group_that_nobody_knows_is_an_error_since_version_6() -> None:
    async with simulated_broker() as services:
        request = DescribeGroupsRequest(groups=("none",), include_authorized_operations=True)
        for version in versions_of(ApiKey.DESCRIBE_GROUPS):
            answer = await call(
                services, ApiKey.DESCRIBE_GROUPS, version, request, DescribeGroupsResponse
            )
            (group,) = answer.groups
            is_error = version >= 6
            assert group.group_state == "Dead"
            assert group.error_code == (ErrorCode.GROUP_ID_NOT_FOUND if is_error else 0)
            assert group.error_message == ("Group none not found." if is_error else None)


@pytest.mark.parametrize(
    ("states", "types", "expected"),
    [
        ((), (), ["g", "simple"]),
        (("stable",), (), ["g"]),
        (("EMPTY", "Dead"), (), ["simple"]),
        (("nonsense",), (), []),
        ((), ("classic",), ["g", "simple"]),
        ((), ("Classic", "share"), ["g", "simple"]),
        ((), ("consumer",), []),
        (("Stable",), ("consumer",), []),
        (("Stable",), ("classic",), ["g"]),
    ],
)
async def test_groups_are_listed_by_state_and_type(
    states: tuple[str, ...], types: tuple[str, ...], expected: list[str]
) -> None:
    async with simulated_broker() as services:
        make_topic(services)
        await enter(services)
        await commit(services, 1, group="simple")
        request = ListGroupsRequest(states_filter=states, types_filter=types)
        answer = await call(services, ApiKey.LIST_GROUPS, 5, request, ListGroupsResponse)
        assert [group.group_id for group in answer.groups] == expected
        assert {group.group_type for group in answer.groups} <= {"classic"}


async def test_a_group_without_a_name_has_no_members() -> None:
    async with simulated_broker() as services:
        heartbeat = HeartbeatRequest(group_id="", generation_id=1, member_id="m")
        beat = await call(services, ApiKey.HEARTBEAT, 4, heartbeat, HeartbeatResponse)
        sync = SyncGroupRequest(group_id="", generation_id=1, member_id="m")
        synced = await call(services, ApiKey.SYNC_GROUP, 3, sync, SyncGroupResponse)
        leave = LeaveGroupRequest(group_id="", members=(LeavingMember(member_id="m"),))
        left = await call(services, ApiKey.LEAVE_GROUP, 5, leave, LeaveGroupResponse)
        codes = {beat.error_code, synced.error_code, left.error_code}
        assert codes == {ErrorCode.INVALID_GROUP_ID}
        assert left.members == ()


@pytest.mark.parametrize(
    ("version", "protocol_type", "protocol_name", "error"),
    [
        (4, None, None, ErrorCode.NONE),
        (5, "consumer", "range", ErrorCode.NONE),
        (5, None, "range", ErrorCode.INCONSISTENT_GROUP_PROTOCOL),
        (5, "consumer", None, ErrorCode.INCONSISTENT_GROUP_PROTOCOL),
        (5, "consumer", "other", ErrorCode.INCONSISTENT_GROUP_PROTOCOL),
    ],
)
async def test_a_member_says_what_the_group_has_agreed_on(
    version: int, protocol_type: str | None, protocol_name: str | None, error: ErrorCode
) -> None:
    async with simulated_broker() as services:
        member_id = await enter(services)
        sync = SyncGroupRequest(
            group_id="g",
            generation_id=1,
            member_id=member_id,
            protocol_type=protocol_type,
            protocol_name=protocol_name,
        )
        answer = await call(services, ApiKey.SYNC_GROUP, version, sync, SyncGroupResponse)
        assert answer.error_code == error


@pytest.mark.parametrize("version", range(2, 10))
async def test_offsets_are_committed_by_name(version: int) -> None:
    async with simulated_broker() as services:
        make_topic(services)
        assert await commit(services, 10, 20, version=version) == {0}
        assert await committed(services) == {0: (10, "m10"), 1: (20, "m20")}


@pytest.mark.parametrize("version", range(1, 10))
async def test_offsets_are_fetched_by_name(version: int) -> None:
    async with simulated_broker() as services:
        make_topic(services)
        await commit(services, 10)
        asked = (OffsetFetchTopic(name="pings", partition_indexes=(0, 3)),)
        request = OffsetFetchRequest(
            group_id="g", topics=asked, groups=(OffsetFetchGroup(group_id="g", topics=asked),)
        )
        answer = await call(services, ApiKey.OFFSET_FETCH, version, request, OffsetFetchResponse)
    topics = answer.groups[0].topics if version >= 8 else answer.topics
    offsets = [partition.committed_offset for partition in topics[0].partitions]
    assert offsets == [10, -1]
