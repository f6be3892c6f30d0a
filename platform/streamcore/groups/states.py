"""The life of a group, as one table (Kafka's classic rebalance protocol)."""

from enum import StrEnum


class GroupState(StrEnum):
    """In Kafka's spelling: ListGroups and DescribeGroups send these words."""

    EMPTY = "Empty"
    PREPARING_REBALANCE = "PreparingRebalance"
    COMPLETING_REBALANCE = "CompletingRebalance"
    STABLE = "Stable"
    DEAD = "Dead"


class GroupEvent(StrEnum):
    REBALANCE_NEEDED = "rebalance_needed"  # a member came, went, or changed what it wants
    MEMBERS_JOINED = "members_joined"  # all are here, or the time for joining is over
    LAST_MEMBER_LEFT = "last_member_left"
    ASSIGNED = "assigned"  # the leader has handed in the assignment
    FORGOTTEN = "forgotten"  # deleted, or expired with its last offset


GROUP_TRANSITIONS: dict[tuple[GroupState, GroupEvent], GroupState] = {
    (GroupState.EMPTY, GroupEvent.REBALANCE_NEEDED): GroupState.PREPARING_REBALANCE,
    (GroupState.EMPTY, GroupEvent.FORGOTTEN): GroupState.DEAD,
    (GroupState.PREPARING_REBALANCE, GroupEvent.MEMBERS_JOINED): GroupState.COMPLETING_REBALANCE,
    (GroupState.PREPARING_REBALANCE, GroupEvent.LAST_MEMBER_LEFT): GroupState.EMPTY,
    (GroupState.COMPLETING_REBALANCE, GroupEvent.ASSIGNED): GroupState.STABLE,
    (GroupState.COMPLETING_REBALANCE, GroupEvent.REBALANCE_NEEDED): GroupState.PREPARING_REBALANCE,
    (GroupState.STABLE, GroupEvent.REBALANCE_NEEDED): GroupState.PREPARING_REBALANCE,
}


class IllegalGroupTransition(Exception):
    """The event cannot happen to a group in this state."""


def advance(state: GroupState, event: GroupEvent) -> GroupState:
    try:
        return GROUP_TRANSITIONS[state, event]
    except KeyError:
        raise IllegalGroupTransition(f"{event} while {state}") from None
