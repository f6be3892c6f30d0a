"""Holds a broker that was opened after a crash to what was promised before it."""

import re
from collections.abc import Sequence

from streamcore.broker.services import BrokerServices
from streamcore.broker.settings import FlushAcks
from streamcore.broker.topics import Topic
from streamcore.groups.ids import GroupId
from streamcore.groups.offsets import TopicPartition
from streamcore.partition.replica import Replica
from streamcore.wire.scram_keys import ScramMechanism
from tests.support.writepoints.promises import (
    Batch,
    Crash,
    PartitionLife,
    TopicLife,
    TopicState,
    Transaction,
)
from tests.support.writepoints.reading import batches_of, committed_records, has_gaps
from tests.support.writepoints.recording import CrashKind, RecordingDisk
from tests.support.writepoints.script import RETENTION_MS, Script

# What may lie in a data directory while no broker is at work on it.
LASTING = re.compile(
    r"topics\.json|checkpoint\.json|producer_ids|credentials\.json|clean_end"
    r"|logs/[^/]+@[0-9a-f]{32}/\d+/(cleaned\.json|\d{20}\.(log|index|txnindex)|.+\.corrupt)"
)


class Verdict:
    """One crash, and what is left of the life before it."""

    def __init__(self, life: Script, crash: Crash, services: BrokerServices) -> None:
        self.life = life
        self.crash = crash
        self.services = services
        self.now_ms = services.clock.now_ms()
        self._seen: dict[TopicLife, set[bytes | None]] = {}

    def check(self) -> None:
        self.check_topics()
        for topic in self.life.topics:
            found = self._found(topic)
            for number, partition in topic.partitions.items():
                replica = found.replica(number) if found else None
                if replica is not None:
                    self.check_partition(topic, partition, replica)
        self.check_transactions()
        self.check_users()
        self.check_groups()

    def _found(self, topic: TopicLife) -> Topic | None:
        found = self.services.topics.find(topic.name)
        return found if found and found.topic_id.hex == topic.topic_id else None

    # The catalogue

    def check_topics(self) -> None:
        for topic in self.life.topics:
            found = self._found(topic)
            state = None
            if found is not None:
                state = TopicState(len(found.replicas), tuple(sorted(found.configs.items())))
            possible = topic.states.possible(self.crash)
            assert state in possible, f"{topic.name} is {state}, and should be one of {possible}"
        known = {topic.topic_id for topic in self.life.topics}
        for each in self.services.topics.all():
            assert each.is_internal or each.topic_id.hex in known, f"nobody made {each.name}"

    # Records

    def check_partition(self, topic: TopicLife, life: PartitionLife, replica: Replica) -> None:
        asked = [batch for batch in life.batches if self.crash.may_know(batch)]
        if topic.name == "table":
            self._check_table(asked, replica)
            return
        assert not has_gaps(replica), f"{replica.log.folder} has gaps"
        seen = [record.value for record in committed_records(replica)]
        self._seen.setdefault(topic, set()).update(seen)
        there = set(seen)
        expected = [value for batch in asked for value in batch.values if value in there]
        assert seen == expected, f"{topic.name}: foreign records, some twice, or out of order"
        if topic.name != "old":
            starts = life.starts.possible(self.crash)
            assert min(starts) <= replica.start_offset <= max(starts), "another log start"
        is_over = False
        for batch in asked:
            if batch.transaction is None:
                is_over = self._check_batch(topic, batch, replica, there, is_over=is_over)

    def _check_batch(
        self,
        topic: TopicLife,
        batch: Batch,
        replica: Replica,
        there: set[bytes | None],
        *,
        is_over: bool,
    ) -> bool:
        """Return whether the log has ended before this batch."""
        left = [value in there for value in batch.values]
        cut = min(max(replica.start_offset - batch.base, 0), len(left))
        if topic.name == "old" and cut and batch.timestamp + RETENTION_MS > self.now_ms:
            raise AssertionError("records have expired before their time")
        assert not any(left[:cut]), "deleted records are there"
        left = left[cut:]
        assert all(left) or not any(left), f"half a batch: {batch.values}"
        if not left:
            return is_over
        if all(left):
            assert not is_over, "a batch is missing in the middle"
            return False
        assert not self.crash.must_know(batch), f"a promised batch is gone: {batch.values}"
        return True

    def _check_table(self, asked: Sequence[Batch], replica: Replica) -> None:
        writes = [row for batch in asked for row in batch.rows]
        end = replica.high_watermark
        promised = sum(len(batch.rows) for batch in asked if self.crash.must_know(batch))
        assert promised <= end <= len(writes), "promised records of the table are gone"
        assert any(end == size for size in _sizes(asked)), "half a batch of the table"
        table: dict[bytes | None, bytes | None] = {}
        for record in committed_records(replica):
            assert (record.key, record.value) == writes[record.offset], "another record"
            table[record.key] = record.value
        wanted = dict(writes[:end])
        assert _without_none(table) == _without_none(wanted), "the table is another one"

    # Transactions

    def check_transactions(self) -> None:
        for transaction in self.life.transactions:
            if not self._may_be_torn(transaction):
                self._check_transaction(transaction)

    def _may_be_torn(self, transaction: Transaction) -> bool:
        """Its end was not synced by then: the decision or a marker may be lost alone."""
        end = transaction.end
        return (
            self.crash.kind is CrashKind.POWER
            and self.life.flush_acks is FlushAcks.WRITTEN
            and end is not None
            and self.crash.may_know(end)
            and not self.crash.must_know(end)
        )

    def _check_transaction(self, transaction: Transaction) -> None:
        seen = self._seen.get(self.life.topic("tx"), set())
        fates = transaction.fates(self.crash)
        values = [
            value in seen
            for batch in transaction.batches
            if self.crash.may_know(batch)
            for value in batch.values
        ]
        if values:
            assert len(set(values)) == 1, f"half a transaction: {values}"
            is_seen = "seen" if values[0] else "not seen"
            assert values[0] in fates, f"a transaction is {is_seen}: {transaction}"

    def check_stable(self) -> None:
        """When every time-out has passed, nothing is open any more."""
        for replica in self.services.topics.replicas():
            assert replica.last_stable_offset == replica.high_watermark, (
                f"{replica.log.folder} has an open transaction for ever"
            )

    # Users, groups, producer ids

    def check_users(self) -> None:
        for user, history in self.life.users.items():
            found = self.services.guard.users.find(user, ScramMechanism.SHA_256)
            iterations = found.iterations if found else None
            assert iterations in history.possible(self.crash), f"{user}: another credential"

    def check_groups(self) -> None:
        coordinator = self.services.groups.coordinator
        for (group, topic), offsets in self.life.offsets.items():
            place = TopicPartition(topic, 0)
            committed = coordinator.offsets.of_group(GroupId(group)).get(place)
            offset = committed.offset if committed else -1
            possible = [*offsets.possible(self.crash), *self._torn_offsets()]
            assert offset in possible, f"{group}: offset {offset}, not one of {possible}"
        for group, generations in self.life.generations.items():
            found = coordinator.find(GroupId(group))
            generation = found.generation if found else 0
            assert generation in generations.possible(self.crash), f"{group}: another generation"

    def _torn_offsets(self) -> list[int]:
        return [
            offset
            for transaction, offset in self.life.aborted_offsets
            if self._may_be_torn(transaction)
        ]

    def check_new_producer_id(self, producer_id: int) -> None:
        known = {each for moment, each in self.life.producer_ids if moment <= self.crash.moment}
        assert producer_id not in known, "a producer id was handed out twice"


def _sizes(batches: Sequence[Batch]) -> list[int]:
    sizes = [0]
    for batch in batches:
        sizes.append(sizes[-1] + len(batch.rows))
    return sizes


def _without_none(table: dict[bytes | None, bytes | None]) -> dict[bytes | None, bytes | None]:
    return {key: value for key, value in table.items() if value is not None}


def check_leftovers(disk: RecordingDisk, services: BrokerServices) -> None:
    """Nothing lies around that no start would ever take away."""
    folders = {replica.log.folder for replica in services.topics.replicas()}
    names = disk.all_names()
    for name in names:
        assert LASTING.fullmatch(name), f"{name} is left over"
        folder, _, file = name.rpartition("/")
        assert not folder or folder in folders, f"{name} belongs to no partition"
        if file.endswith((".index", ".txnindex")):
            assert f"{folder}/{file.partition('.')[0]}.log" in names, f"{name} has no segment"


def state_of(services: BrokerServices) -> dict[str, object]:
    """All that a clean end and a new start must not change."""
    state: dict[str, object] = {
        "users": {name: services.guard.users.of(name) for name in services.guard.users.names()},
        "transactions": {
            each.transactional_id: each for each in services.transactions.coordinator.all()
        },
        "offsets": {
            group: dict(services.groups.coordinator.offsets.of_group(group))
            for group in services.groups.coordinator.offsets.group_ids()
        },
    }
    for replica in services.topics.replicas():
        state[replica.log.folder] = (
            replica.start_offset,
            replica.high_watermark,
            replica.last_stable_offset,
            replica.leader_epoch,
            sorted(replica.producers.snapshot()),
            replica.history.epochs.rows(),
            [batch for _, batch in batches_of(replica)],
        )
    for topic in services.topics.all():
        state[topic.folder] = (topic.configs, len(topic.replicas))
    return state
