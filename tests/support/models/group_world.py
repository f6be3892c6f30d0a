"""A whole broker with some groups in it, and what is known of each."""

from dataclasses import dataclass, field
from typing import Any

from streamcore.broker.internal_log import TOPIC_CONFIGS
from streamcore.broker.settings import FlushAcks
from streamcore.groups.log_records import OFFSETS_TOPIC
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code
from tests.support.models.group_facts import (
    DEAD,
    GroupFacts,
)
from tests.support.models.group_log import Place
from tests.support.whole_broker import WholeBroker

TOPICS = {"a": 3, "b": 1}
GROUPS = ("g", "h")
TICK_MS = 100  # nothing happens between two of them
RETENTION_MS = 60_000
EXPIRY_CHECK_MS = 10_000


@dataclass
class GroupWorld:
    """The broker, and what is known of each group."""

    seed: int = 7
    flush_acks: FlushAcks = FlushAcks.WRITTEN
    initial_delay_ms: int = 0
    members_max: int = 4
    facts: dict[str, GroupFacts] = field(default_factory=dict)
    turn: int = 0

    def __post_init__(self) -> None:
        self.broker = WholeBroker(
            self.seed,
            flush_acks=self.flush_acks,
            group_initial_rebalance_delay_ms=self.initial_delay_ms,
            group_max_size=self.members_max,
            offset_metadata_max_bytes=20,
            offsets_retention_minutes=RETENTION_MS // 60_000,
            offsets_retention_check_interval_ms=EXPIRY_CHECK_MS,
            transaction_state_log_num_partitions=1,
            log_cleaner_max_compaction_lag_ms=2_000,
            log_cleaner_backoff_ms=1_000,
            log_cleaner_delete_retention_ms=0,
        )
        self.broker.loop.call(self._make_small_segments)
        for name, partitions in TOPICS.items():
            self._make_topic(name, partitions)
        self.facts = {name: GroupFacts(name) for name in GROUPS}
        self.begin_term()

    def _make_small_segments(self) -> None:
        """So that there is something to compact."""
        configs = {**TOPIC_CONFIGS, "segment.bytes": "300"}
        self.broker.services.topics.create(OFFSETS_TOPIC, partition_count=2, configs=configs)

    def _make_topic(self, name: str, partitions: int) -> None:
        topic = {
            "name": name,
            "num_partitions": partitions,
            "replication_factor": 1,
            "assignments": [],
            "configs": [],
        }
        answer = self.broker.ask(ApiKey.CREATE_TOPICS, 5, topics=[topic])
        assert code(answer.topics[0]) == NONE

    @property
    def now_ms(self) -> int:
        return self.broker.clock.now_ms()

    def begin_term(self) -> None:
        self.expiry_due_ms = self.now_ms + EXPIRY_CHECK_MS

    # Asking

    def described(self, name: str) -> Any:
        self.turn += 1
        version = self.turn % 7
        answer = self.broker.ask(ApiKey.DESCRIBE_GROUPS, version, groups=[name])
        (found,) = answer.groups
        is_unknown = version == 6 and found.group_state == DEAD
        assert code(found) == ("group_id_not_found" if is_unknown else NONE)
        return found

    def fetched(self, name: str) -> dict[Place, tuple[int, int, str]]:
        """All that a group has committed, as it is told."""
        answer = self.broker.ask(ApiKey.OFFSET_FETCH, 7, group_id=name, topics=None)
        assert code(answer) == NONE
        return {
            Place(topic.name, each.partition_index): (
                each.committed_offset,
                each.committed_leader_epoch,
                each.metadata,
            )
            for topic in answer.topics
            for each in topic.partitions
        }
