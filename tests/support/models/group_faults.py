"""Small faults of a broker in what it does with groups: each of them must be seen."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from streamcore.broker.group_log import GroupLog
from streamcore.broker.group_service import GroupService
from streamcore.groups import commits, coordinator, group
from streamcore.groups.answers import Answers
from streamcore.groups.coordinator import GroupCoordinator
from streamcore.groups.group import Group
from streamcore.groups.log_records import OffsetKey
from streamcore.groups.member import Member
from streamcore.groups.offsets import OffsetTable
from streamcore.groups.pending import PendingOffsets
from streamcore.groups.protocols import common_protocols
from streamcore.groups.roster import Roster
from tests.support.models.faults import Fault, before, instead, nothing, told_otherwise


def _remain_in_generation(of: Group, _: int) -> None:
    of.generation = type(of.generation)(of.generation - 1)


def _elect_anew(roster: Roster) -> None:
    roster.leader = None


def _give_nothing(_: Answers, member: Member, *__: Any) -> None:
    member.assignment = b""


def _least_liked(members: Any) -> str:
    liked: dict[str, int] = dict.fromkeys(common_protocols(members), 0)
    for member in members:
        liked[next(each.name for each in member.protocols if each.name in liked)] += 1
    return min(liked, key=lambda name: liked[name])


def _restore_no_offsets(patch: pytest.MonkeyPatch) -> None:
    usual = GroupCoordinator.restore

    def restore(self: GroupCoordinator, entry: Any, **named: Any) -> None:
        if not isinstance(entry[0], OffsetKey):
            usual(self, entry, **named)

    patch.setattr(GroupCoordinator, "restore", restore)


def _write_no_tombstones(patch: pytest.MonkeyPatch) -> None:
    usual = GroupLog.append

    def append(self: GroupLog, entries: Any, *given: Any, **named: Any) -> None:
        usual(self, [entry for entry in entries if entry[1] is not None], *given, **named)

    patch.setattr(GroupLog, "append", append)


def _expire_early(patch: pytest.MonkeyPatch) -> None:
    usual = OffsetTable.expired

    def expired(self: OffsetTable, group_id: Any, *, empty_since_ms: int, **named: Any) -> Any:
        return usual(self, group_id, empty_since_ms=0, **named)

    patch.setattr(OffsetTable, "expired", expired)


def _commit_aborted(patch: pytest.MonkeyPatch) -> None:
    usual = GroupCoordinator.end_transaction

    def end_transaction(self: GroupCoordinator, part: Any, *, is_commit: bool) -> None:
        usual(self, part, is_commit=True)

    patch.setattr(GroupCoordinator, "end_transaction", end_transaction)


def _twice_as_long(roster: Roster) -> int:
    return 2 * max((member.rebalance_timeout_ms for member in roster), default=0)


def _put_whatever(table: OffsetTable, group_id: Any, place: Any, committed: Any) -> None:
    table._groups.setdefault(group_id, {})[place] = committed


GROUP_FAULTS: Final[Mapping[str, Fault]] = {
    "a new generation has the number of the old one": before(
        Group, "_begin_generation", _remain_in_generation
    ),
    "a dead member is kept": instead(Member, "has_lapsed", lambda *_: False),
    "a heartbeat is no sign of life": nothing(Group, "_prolong"),
    "nobody is fenced": told_otherwise(
        Roster, "fault", lambda roster, member_id, _: (roster, member_id, None)
    ),
    "a generation is not checked": told_otherwise(
        Group, "fault", lambda of, who, instance, _: (of, who, instance, of.generation)
    ),
    "the leader changes each time": before(Roster, "elect", _elect_anew),
    "the protocol is what fewest like": instead(group, "chosen_protocol", _least_liked),
    "nobody gets what the leader gave": before(Answers, "end_sync", _give_nothing),
    "a group is never full": instead(Roster, "places_taken", property(lambda _: 0)),
    "new metadata begins no rebalance": instead(Group, "_needs_rebalance", lambda *_: False),
    "a lost answer begins a rebalance": instead(Group, "_needs_rebalance", lambda *_: True),
    "an older wait goes on": nothing(Group, "_supersede"),
    "a rebalance takes too long": instead(Roster, "rebalance_timeout_ms", property(_twice_as_long)),
    "whoever leaves is not missed": nothing(Group, "_rebalance"),
    "commits are forgotten at a restart": _restore_no_offsets,
    "members are forgotten at a restart": nothing(coordinator, "resume"),
    "an offset counts before its transaction": told_otherwise(
        GroupService,
        "_committed",
        lambda service, group_id, offsets, _: (service, group_id, offsets, None),
    ),
    "an aborted offset counts": _commit_aborted,
    "a marker wins over a later commit": instead(OffsetTable, "put", _put_whatever),
    "a marker brings back what was deleted": nothing(PendingOffsets, "forget"),
    "no offset is unstable": instead(PendingOffsets, "places_of", lambda *_: set()),
    "deletions are not written": _write_no_tombstones,
    "offsets expire although the group was in use": _expire_early,
    "offsets never expire": instead(OffsetTable, "expired", lambda *_, **__: []),
    "metadata may be a byte too long": told_otherwise(
        commits,
        "_partition_fault",
        lambda asked, count, fault, most: (asked, count, fault, most + 1),
    ),
}
