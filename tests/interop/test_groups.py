"""Groups: who reads what, and where each goes on."""

from collections.abc import Callable, Sequence
from itertools import chain

import pytest

from tests.interop.scene import becomes_true, contents, numbered, poll_until, read_all
from tests.support.clients.protocol import GroupView, Refused
from tests.support.clients.remote import RemoteClient, RemoteMember

pytestmark = pytest.mark.interop

PARTITIONS = 4
ALL = list(range(PARTITIONS))
LONG_MS = 30_000  # a session that outlives the test


def share(members: Sequence[RemoteMember]) -> bool:
    """Whether the members have all partitions among them, the same number each, none twice."""
    assigned = [member.assigned() for member in members]
    counts = {len(partitions) for partitions in assigned}
    return sorted(chain.from_iterable(assigned)) == ALL and counts == {PARTITIONS // len(members)}


@pytest.mark.feature("group")
def test_a_group_reads_every_record_once_and_goes_on_where_it_has_committed(
    client: RemoteClient, client_name: str, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name, partitions=PARTITIONS)
    client.produce(name, numbered(500))
    first = client.member(name, name)
    read = read_all([first], 500)
    assert contents((one.sent for one in read), client_name) == contents(numbered(500), client_name)
    assert len({(one.partition, one.offset) for one in read}) == 500
    first.commit()
    first.close()
    client.produce(name, numbered(50, first=500))
    more = read_all([client.member(name, name)], 50)
    assert contents((one.sent for one in more), client_name) == contents(
        numbered(50, first=500), client_name
    )


@pytest.mark.feature("rebalance")
def test_partitions_are_shared_when_a_member_joins_and_taken_back_when_it_leaves(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name, partitions=PARTITIONS)
    first = client.member(name, name)
    poll_until([first], lambda _: first.assigned() == ALL)
    second = client.member(name, name)
    poll_until([first, second], lambda _: share([first, second]))
    second.close()
    poll_until([first], lambda _: first.assigned() == ALL)


@pytest.mark.feature("killed-member")
def test_partitions_of_a_killed_member_go_to_the_other(
    client: RemoteClient, fresh: Callable[[], RemoteClient], helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name, partitions=PARTITIONS)
    doomed = fresh()
    first, second = doomed.member(name, name), client.member(name, name)
    poll_until([first, second], lambda _: share([first, second]))
    doomed.process.kill()
    poll_until([second], lambda _: second.assigned() == ALL)


@pytest.mark.feature("static-member")
def test_a_static_member_that_comes_back_finds_its_partitions_and_no_rebalance(
    client: RemoteClient, fresh: Callable[[], RemoteClient], helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name, partitions=PARTITIONS)
    doomed = fresh()
    leader = client.member(name, name, instance_id="a", session_timeout_ms=LONG_MS)
    poll_until([leader], lambda _: leader.assigned() == ALL)
    follower = doomed.member(name, name, instance_id="b", session_timeout_ms=LONG_MS)
    poll_until([leader, follower], lambda _: share([leader, follower]))
    had = follower.assigned()
    doomed.process.kill()
    again = fresh().member(name, name, instance_id="b", session_timeout_ms=LONG_MS)
    poll_until([again], lambda _: again.assigned() == had)
    assert helper.group(name).members == 2
    assert share([leader, again])


@pytest.mark.feature("cooperative")
def test_partitions_move_one_by_one_with_cooperative_sticky(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name, partitions=PARTITIONS)
    first = client.member(name, name, assignor="cooperative-sticky")
    poll_until([first], lambda _: first.assigned() == ALL)
    second = client.member(name, name, assignor="cooperative-sticky")
    held: list[list[int]] = []

    def shared(_: object) -> bool:
        held.append(first.assigned())
        return share([first, second])

    poll_until([first, second], shared)
    assert all(len(partitions) >= PARTITIONS // 2 for partitions in held), held
    second.close()
    poll_until([first], lambda _: first.assigned() == ALL)


@pytest.mark.feature("commit-metadata")
def test_a_text_beside_an_offset_comes_back(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name)
    helper.produce(name, numbered(10))
    member = client.member(name, name)
    read_all([member], 10)
    member.commit_at(0, 7, "as far as seven")
    committed = helper.committed(name, name)[0]
    # confluent-kafka sends the end of the C string along.
    assert (committed.offset, committed.metadata.rstrip("\0")) == (7, "as far as seven")


@pytest.mark.feature("groups")
def test_groups_are_listed_and_described(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name)
    member = helper.member(name, name)
    poll_until([member], lambda _: member.assigned() == [0])
    assert name in client.groups()
    assert client.group(name) == GroupView(state="Stable", members=1)
    member.close()
    becomes_true(
        lambda: client.group(name) == GroupView(state="Empty", members=0), "an empty group"
    )


@pytest.mark.feature("delete-groups")
def test_a_group_is_deleted_once_it_is_empty(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name)
    helper.produce(name, numbered(5))
    member = helper.member(name, name)
    read_all([member], 5)
    member.commit()
    with pytest.raises(Refused, match="NON_EMPTY_GROUP"):
        client.delete_group(name)
    member.close()
    client.delete_group(name)
    assert name not in helper.groups()
    assert len(read_all([helper.member(name, name)], 5)) == 5


@pytest.mark.feature("alter-offsets")
def test_an_empty_group_is_set_back(client: RemoteClient, helper: RemoteClient, name: str) -> None:
    helper.create_topic(name)
    helper.produce(name, numbered(20))
    member = helper.member(name, name)
    read_all([member], 20)
    member.commit()
    member.close()
    client.alter_offsets(name, name, {0: 15})
    assert client.committed(name, name)[0].offset == 15
    assert len(read_all([helper.member(name, name)], 5)) == 5


@pytest.mark.feature("delete-offsets")
def test_a_groups_offsets_of_a_topic_are_forgotten(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name)
    helper.produce(name, numbered(20))
    member = helper.member(name, name)
    read_all([member], 20)
    member.commit()
    with pytest.raises(Refused, match="GROUP_SUBSCRIBED_TO_TOPIC"):
        client.delete_offsets(name, name, [0])
    member.close()
    client.delete_offsets(name, name, [0])
    assert helper.committed(name, name) == {}
