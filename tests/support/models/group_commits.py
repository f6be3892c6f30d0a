"""What is committed for a modelled group, by itself and in transactions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from streamcore.broker.settings import FlushAcks
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code, id_of
from tests.support.models.group_facts import COMPLETING, DEAD, GroupFacts
from tests.support.models.group_log import Committed, Place
from tests.support.models.group_members import Claim, GroupMembers
from tests.support.models.group_world import TICK_MS, TOPICS
from tests.support.models.partition_model import Transaction
from tests.support.whole_broker import Asked

TOPIC_IDS_FROM = 10  # of OffsetCommit and OffsetFetch
UNKNOWN_GROUP_NAMED_FROM, INSTANCES_COMMIT_FROM, EPOCHS_COMMITTED_FROM = 9, 7, 6
EPOCHS_TOLD_FROM, STABLE_FROM, SEVERAL_FROM = 5, 7, 8  # of OffsetFetch
MEMBERS_COMMIT_FROM, EPOCHS_STAGED_FROM = 3, 2  # of TxnOffsetCommit
METADATA_BYTES_MAX = 20
TRANSACTION_MS: Final = 900_000
STATES_FROM, TYPES_FROM = 4, 5  # of ListGroups


@dataclass(slots=True)
class Committer:
    """A transactional producer that commits offsets, as a client of some age."""

    name: str
    is_new: bool
    producer_id: int = -1
    epoch: int = -1
    open: Transaction | None = None
    began_ms: int = 0

    @property
    def commit_versions(self) -> range:
        return range(5, 6) if self.is_new else range(5)

    @property
    def end_versions(self) -> range:
        return range(5, 6) if self.is_new else range(5)


@dataclass(frozen=True, slots=True)
class Wish:
    """An offset that somebody wants to commit."""

    place: Place
    leader_epoch: int
    metadata: str


def is_there(place: Place) -> bool:
    return 0 <= place.partition < TOPICS.get(place.topic, 0)


@dataclass
class GroupCommits(GroupMembers):
    """The world, and who commits offsets in it."""

    committers: list[Committer] = field(default_factory=list)
    commits: int = 0

    # Committing

    def commit(self, group: GroupFacts, claim: Claim, version: int, wishes: Sequence[Wish]) -> None:
        claim = claim.said_in(version, instances_from=INSTANCES_COMMIT_FROM)
        fault = self._commit_fault(group, claim)
        if group.state == DEAD and version >= UNKNOWN_GROUP_NAMED_FROM:
            fault = "group_id_not_found" if fault == "illegal_generation" else fault
        has_epoch = version >= EPOCHS_COMMITTED_FROM
        words = self._words(wishes, has_epoch=has_epoch)
        errors = {wish.place: self._error(wish, fault, version) for wish in wishes}
        asked = self.broker.post(
            ApiKey.OFFSET_COMMIT,
            version,
            group_id=group.name,
            generation_id_or_member_epoch=claim.generation,
            member_id=claim.member_id,
            group_instance_id=claim.instance,
            topics=self._topics(words),
        )
        had = len(group.log.entries)
        for place, word in words.items():
            if errors[place] == NONE:
                group.log.write(place, word)
        self.has_answer(group, asked, had)
        self._check_committed(asked.answer, errors)
        self.look(group, may_change=False)

    def _commit_fault(self, group: GroupFacts, claim: Claim) -> str:
        fault = group.commit_fault(claim.member_id, claim.instance, claim.generation)
        if fault == NONE and claim.member_id in group.members:
            group.members[claim.member_id].prolong(self.now_ms)
            if group.state == COMPLETING:
                return "rebalance_in_progress"
        return fault

    def _words(self, wishes: Sequence[Wish], *, has_epoch: bool) -> dict[Place, Committed]:
        words = {}
        for wish in wishes:
            self.commits += 1
            epoch = wish.leader_epoch if has_epoch else -1
            words[wish.place] = Committed(self.commits, epoch, wish.metadata, self.now_ms)
        return words

    def _error(self, wish: Wish, fault: str, version: int) -> str:
        if wish.place.topic not in TOPICS and version >= TOPIC_IDS_FROM:
            return "unknown_topic_id"
        if not is_there(wish.place):
            return "unknown_topic_or_partition"
        if fault != NONE:
            return fault
        is_long = len(wish.metadata.encode()) > METADATA_BYTES_MAX
        return "offset_metadata_too_large" if is_long else NONE

    def _topics(self, words: Mapping[Place, Committed]) -> list[dict[str, Any]]:
        return [
            {
                "name": place.topic,
                "topic_id": id_of(self.broker.services, place.topic),
                "partitions": [
                    {
                        "partition_index": place.partition,
                        "committed_offset": word.offset,
                        "committed_leader_epoch": word.leader_epoch,
                        "committed_metadata": word.metadata,
                    }
                ],
            }
            for place, word in words.items()
        ]

    def has_answer(self, group: GroupFacts, asked: Asked, had: int) -> None:
        """Wait for it, where it comes with the next sync. It means that nothing will be lost, if
        there is anything new: `had` are the entries before."""
        self.broker.settle()
        if not asked.is_answered:
            assert self.flush_acks is FlushAcks.WAIT, "no answer"
            self.pass_time(TICK_MS)
        assert asked.is_answered, "no answer after the sync"
        if self.flush_acks is FlushAcks.WAIT and len(group.log.entries) > had:
            group.log.promise()

    def _check_committed(self, answer: Any, errors: Mapping[Place, str]) -> None:
        told = [code(each) for topic in answer.topics for each in topic.partitions]
        expected = list(errors.values())
        assert told == expected, f"a commit was told {told}, not {expected}"

    # Transactions

    def commit_in_transaction(
        self,
        group: GroupFacts,
        committer: Committer,
        claim: Claim,
        version: int,
        wishes: Sequence[Wish],
    ) -> None:
        if version < MEMBERS_COMMIT_FROM:
            claim = Claim(member_id="")
        is_nobody = claim == Claim(member_id="")
        if committer.producer_id < 0:
            self._begin_committer(committer)
        if not committer.is_new:
            answer = self._ask(committer, ApiKey.ADD_OFFSETS_TO_TXN, 3, group_id=group.name)
            assert code(answer) == NONE
        if committer.open is None:
            committer.open, committer.began_ms = Transaction(), self.now_ms
        fault = NONE if is_nobody else self._commit_fault(group, claim)
        words = self._words(wishes, has_epoch=version >= EPOCHS_STAGED_FROM)
        errors = {wish.place: self._error(wish, fault, 0) for wish in wishes}
        answer = self._ask(
            committer,
            ApiKey.TXN_OFFSET_COMMIT,
            version,
            group_id=group.name,
            generation_id=claim.generation,
            member_id=claim.member_id,
            group_instance_id=claim.instance,
            topics=self._topics(words),
        )
        self._check_committed(answer, errors)
        for place, word in words.items():
            if errors[place] == NONE:
                group.log.write(place, word, committer.open)
        self.look(group, may_change=False)

    def _ask(self, committer: Committer, api: ApiKey, version: int, **fields: Any) -> Any:
        return self.broker.ask(
            api,
            version,
            transactional_id=committer.name,
            producer_id=committer.producer_id,
            producer_epoch=committer.epoch,
            **fields,
        )

    def _begin_committer(self, committer: Committer) -> None:
        timeout_ms = TRANSACTION_MS
        answer = self._ask(committer, ApiKey.INIT_PRODUCER_ID, 5, transaction_timeout=timeout_ms)
        assert code(answer) == NONE
        committer.producer_id, committer.epoch = answer.producer_id, answer.producer_epoch

    def end_transaction(self, committer: Committer, version: int, *, commit: bool) -> None:
        transaction, committer.open = committer.open, None
        if transaction is None:
            return
        answer = self._ask(committer, ApiKey.END_TXN, version, committed=commit)
        assert code(answer) == NONE
        if committer.is_new:
            committer.producer_id, committer.epoch = answer.producer_id, answer.producer_epoch
        transaction.end(commit=commit)
        for group in self.facts.values():
            self.look(group, may_change=False)

    def pass_time(self, ms: int) -> None:
        """None stays open for so long that it is ended by the broker: that is tested elsewhere."""
        for committer in self.committers:
            if self.now_ms + ms - committer.began_ms >= TRANSACTION_MS:
                self.end_transaction(committer, committer.end_versions[0], commit=False)
        super().pass_time(ms)
