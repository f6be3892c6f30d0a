"""What is told of a modelled group's offsets, and how they are forgotten."""

from collections.abc import Mapping, Sequence
from typing import Any

from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code, id_of
from tests.support.models.group_commits import GroupCommits, is_there
from tests.support.models.group_facts import DEAD, EMPTY, GroupFacts
from tests.support.models.group_log import THE_GROUP, Place
from tests.support.models.group_world import TOPICS

EPOCHS_TOLD_FROM, STABLE_FROM, SEVERAL_FROM = 5, 7, 8  # of OffsetFetch
STATES_FROM, TYPES_FROM = 4, 5  # of ListGroups


class GroupOffsets(GroupCommits):
    """The world, and what its groups have committed."""

    # Asking

    def fetch(
        self, version: int, wanted: Mapping[str, Sequence[Place] | None], *, is_stable: bool
    ) -> None:
        """What is committed; below version 8 of the first of the groups. None: for all."""
        is_stable = is_stable and version >= STABLE_FROM
        if version < SEVERAL_FROM:
            name = next(iter(wanted))
            wanted = {name: wanted[name]}
        asked = {name: self._wanted(version, places) for name, places in wanted.items()}
        answer = self.broker.ask(
            ApiKey.OFFSET_FETCH,
            version,
            group_id=name if version < SEVERAL_FROM else "",
            topics=asked[name] if version < SEVERAL_FROM else None,
            groups=[
                {"group_id": n, "topics": topics, "member_epoch": -1} for n, topics in asked.items()
            ],
            require_stable=is_stable,
        )
        found = [answer] if version < SEVERAL_FROM else answer.groups
        assert len(found) == len(wanted)
        for (group_name, places), each in zip(wanted.items(), found, strict=True):
            self._check_fetched(self.facts[group_name], version, places, each, is_stable=is_stable)

    def _wanted(self, version: int, places: Sequence[Place] | None) -> list[Any] | None:
        if places is None and version >= 2:
            return None
        return [
            {
                "name": place.topic,
                "topic_id": id_of(self.broker.services, place.topic),
                "partition_indexes": [place.partition],
            }
            for place in places or ()
        ]

    def _check_fetched(
        self,
        group: GroupFacts,
        version: int,
        places: Sequence[Place] | None,
        found: Any,
        *,
        is_stable: bool,
    ) -> None:
        told = group.log.told()
        unstable = told.unstable if is_stable else set()
        names = {id_of(self.broker.services, name): name for name in TOPICS}
        rows = [
            (topic.name if hasattr(topic, "name") else names.get(topic.topic_id), each)
            for topic in found.topics
            for each in topic.partitions
        ]
        if places is None and version >= 2:
            there = {Place(name or "", each.partition_index) for name, each in rows}
            assert there == told.offsets.keys() | unstable, "other partitions"
        for name, each in rows:
            place = Place(name or "", each.partition_index)
            word = None if place in unstable else told.offsets.get(place)
            error = "unstable_offset_commit" if place in unstable else NONE
            assert code(each) == ("unknown_topic_id" if not name else error)
            assert each.committed_offset == (-1 if word is None else word.offset), "another offset"
            assert each.metadata == ("" if word is None else word.metadata), "other metadata"
            if version >= EPOCHS_TOLD_FROM:
                assert each.committed_leader_epoch == (-1 if word is None else word.leader_epoch)

    def list_groups(self, version: int, states: Sequence[str], types: Sequence[str]) -> None:
        answer = self.broker.ask(
            ApiKey.LIST_GROUPS, version, states_filter=states, types_filter=types
        )
        assert code(answer) == NONE
        wanted = states if version >= STATES_FROM else ()
        is_type = version < TYPES_FROM or not types or "classic" in types
        there = {
            group.name: group
            for group in self.facts.values()
            if is_type and group.state != DEAD and (not wanted or group.state in wanted)
        }
        assert [each.group_id for each in answer.groups] == sorted(there), "other groups"
        for each in answer.groups:
            group = there[each.group_id]
            assert each.protocol_type == group.protocol_type
            assert version < STATES_FROM or each.group_state == group.state
            assert version < TYPES_FROM or each.group_type == "classic"

    # Forgetting

    def delete_groups(self, version: int, names: Sequence[str]) -> None:
        errors = []
        groups = [self.facts[name] for name in names]
        had = [len(group.log.entries) for group in groups]
        asked = self.broker.post(ApiKey.DELETE_GROUPS, version, groups_names=list(names))
        for group in groups:
            if group.state not in (EMPTY, DEAD):
                errors.append("non_empty_group")
                continue
            errors.append(NONE if group.state == EMPTY else "group_id_not_found")
            if group.state == EMPTY:
                told = group.log.told()
                for place in (*told.offsets, *told.unstable):
                    group.log.write(place, None)
                group.log.write(THE_GROUP, None)
        for group, entries in zip(groups, had, strict=True):
            self.has_answer(group, asked, entries)
        told_codes = [code(each) for each in asked.answer.results]
        assert told_codes == errors, f"was told {told_codes}, not {errors}"
        for group, error in zip(groups, errors, strict=True):
            self.look(group, may_change=False)
            is_gone = group.state == DEAD or bool(group.expected)
            assert is_gone or error != NONE, "a deleted group is still there"

    def delete_offsets(self, group: GroupFacts, places: Sequence[Place]) -> None:
        in_use = self._subscribed(group)
        has_members = group.state not in (EMPTY, DEAD)
        refusal = "group_id_not_found" if group.state == DEAD else ""
        if has_members and group.protocol_type != "consumer":
            refusal = "non_empty_group"
        asked = self.broker.post(
            ApiKey.OFFSET_DELETE,
            0,
            group_id=group.name,
            topics=[
                {"name": place.topic, "partitions": [{"partition_index": place.partition}]}
                for place in places
            ],
        )
        had = len(group.log.entries)
        errors = [self._deletion_error(place, in_use) for place in places]
        for place, error in zip(places, errors, strict=True):
            if error == NONE and not refusal:
                group.log.write(place, None)
        self.has_answer(group, asked, had)
        answer = asked.answer
        assert code(answer) == (refusal or NONE)
        told = [code(each) for topic in answer.topics for each in topic.partitions]
        assert told == ([] if refusal else errors), f"was told {told}, not {errors}"
        self.look(group, may_change=False)

    def _subscribed(self, group: GroupFacts) -> set[str]:
        said = [data for m in group.members.values() for _, data in m.protocols]
        return {name for name in TOPICS for data in said if data == subscription_of(name)}

    def _deletion_error(self, place: Place, in_use: set[str]) -> str:
        if not is_there(place):
            return "unknown_topic_or_partition"
        return "group_subscribed_to_topic" if place.topic in in_use else NONE


def subscription_of(topic: str) -> bytes:
    """What a consumer says that wants to read one topic (ConsumerProtocolSubscription)."""
    return b"\0\0\0\0\0\1" + len(topic).to_bytes(2) + topic.encode() + b"\xff" * 4
