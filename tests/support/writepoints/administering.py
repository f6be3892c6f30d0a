"""Topics, users and groups in the life of a broker, as they should be."""

from typing import Any

from streamcore.broker.settings import FlushAcks
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code
from tests.support.writepoints.asking import Asking
from tests.support.writepoints.promises import (
    Fact,
    History,
    PartitionLife,
    TopicLife,
    TopicState,
)


class Administering(Asking):
    """Topics, users and groups."""

    def __init__(self, seed: int, flush_acks: FlushAcks) -> None:
        super().__init__(seed, flush_acks)
        self.topics: list[TopicLife] = []
        self.users: dict[str, History[int | None]] = {}
        self.offsets: dict[tuple[str, str], History[int]] = {}
        self.generations: dict[str, History[int]] = {}

    def topic(self, name: str) -> TopicLife:
        return next(topic for topic in reversed(self.topics) if topic.name == name)

    def create(self, name: str, partitions: int = 1, **configs: str) -> None:
        named = {key.replace("_", "."): value for key, value in configs.items()}
        topic = TopicLife(name)
        self.topics.append(topic)
        fact = topic.states.change(
            Fact(self.now), TopicState(partitions, tuple(sorted(named.items())))
        )
        wanted = {
            "name": name,
            "num_partitions": partitions,
            "replication_factor": 1,
            "configs": [{"name": key, "value": value} for key, value in named.items()],
        }
        answer = self.decided(ApiKey.CREATE_TOPICS, 7, fact, topics=[wanted])
        assert code(answer.topics[0]) == NONE
        topic.topic_id = answer.topics[0].topic_id.hex
        topic.partitions = {number: PartitionLife() for number in range(partitions)}

    def _state(self, name: str) -> TopicState:
        state = self.topic(name).states.latest
        assert state is not None
        return state

    def grow(self, name: str, count: int) -> None:
        topic, state = self.topic(name), self._state(name)
        fact = topic.states.change(Fact(self.now), TopicState(count, state.configs))
        for number in range(state.partition_count, count):
            topic.partitions[number] = PartitionLife()
        wanted = {"name": name, "count": count, "assignments": None}
        answer = self.decided(ApiKey.CREATE_PARTITIONS, 2, fact, topics=[wanted])
        assert code(answer.results[0]) == NONE

    def alter(self, name: str, key: str, value: str) -> None:
        state = self._state(name)
        configs = tuple(sorted({**dict(state.configs), key: value}.items()))
        fact = self.topic(name).states.change(
            Fact(self.now), TopicState(state.partition_count, configs)
        )
        change = {"name": key, "config_operation": 0, "value": value}
        resource = {"resource_type": 2, "resource_name": name, "configs": [change]}
        answer = self.decided(ApiKey.INCREMENTAL_ALTER_CONFIGS, 1, fact, resources=[resource])
        assert code(answer.responses[0]) == NONE

    def delete(self, name: str) -> None:
        fact = self.topic(name).states.change(Fact(self.now), None)
        gone = [
            history.change(Fact(self.now), -1)
            for (_, topic), history in self.offsets.items()
            if topic == name
        ]
        answer = self.decided(ApiKey.DELETE_TOPICS, 5, fact, topic_names=[name])
        assert code(answer.responses[0]) == NONE
        for offset in gone:
            self.written(offset, fact.acknowledged)

    def set_user(self, user: str, iterations: int | None) -> None:
        history = self.users.setdefault(user, History(None))
        fact = history.change(Fact(self.now), iterations)
        upsertion = {
            "name": user,
            "mechanism": 1,
            "iterations": iterations,
            "salt": b"salt",
            "salted_password": b"p" * 32,
        }
        answer = self.decided(
            ApiKey.ALTER_USER_SCRAM_CREDENTIALS,
            0,
            fact,
            deletions=[{"name": user, "mechanism": 1}] if iterations is None else [],
            upsertions=[] if iterations is None else [upsertion],
        )
        assert code(answer.results[0]) == NONE

    def join(self, group: str) -> tuple[str, int]:
        history = self.generations.setdefault(group, History(0))
        fact = history.change(Fact(self.now), history.latest + 1)
        answer, _ = self.ask(
            ApiKey.JOIN_GROUP,
            2,
            group_id=group,
            session_timeout=1_800_000,
            rebalance_timeout=60_000,
            member_id="",
            protocol_type="consumer",
            protocols=[{"name": "range", "metadata": b"m"}],
        )
        assert code(answer) == NONE
        assert answer.generation_id == history.latest
        synced, _ = self.ask(
            ApiKey.SYNC_GROUP,
            2,
            group_id=group,
            generation_id=answer.generation_id,
            member_id=answer.member_id,
            assignments=[{"member_id": answer.member_id, "assignment": b"all"}],
        )
        assert code(synced) == NONE
        # Who is a member is written down in the same tick, but nobody waits for its sync, nor for
        # a write that fails: members come again.
        fact.acknowledge(self.now, is_kept=False)
        self._kept_after_flush.append(fact)
        return answer.member_id, answer.generation_id

    def leave(self, group: str, member_id: str) -> None:
        history = self.generations[group]
        history.change(Fact(self.now), history.latest + 1)
        answer, _ = self.ask(ApiKey.LEAVE_GROUP, 2, group_id=group, member_id=member_id)
        assert code(answer) == NONE

    def commit(
        self, group: str, topic: str, offset: int, member: tuple[str, int] = ("", -1)
    ) -> None:
        fact = self.offsets.setdefault((group, topic), History(-1)).change(Fact(self.now), offset)

        def on_answer(answer: Any, moment: int) -> None:
            assert code(answer.topics[0].partitions[0]) == NONE
            self.written(fact, moment)

        part = {"partition_index": 0, "committed_offset": offset}
        self.post(
            ApiKey.OFFSET_COMMIT,
            8,
            on_answer,
            group_id=group,
            generation_id=member[1],
            generation_id_or_member_epoch=member[1],
            member_id=member[0],
            topics=[{"name": topic, "partitions": [part]}],
        )
