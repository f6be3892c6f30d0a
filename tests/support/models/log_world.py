"""A whole broker with one topic, beside a model of each of its partitions: whatever is asked of
the one is worked out from the other, and has to be the same."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.settings import FlushAcks
from streamcore.storage.paths import LOG_SUFFIX
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code
from tests.support.models.partition_model import PartitionModel
from tests.support.models.topic_rules import TopicRules, rules_of
from tests.support.whole_broker import Asked, WholeBroker

TOPIC = "t"
PARTITIONS = (0, 1, 2)
OUR_PRODUCERS_FROM = 1 << 40  # the broker gives out smaller ids, to transactional ones
RETENTION_CHECK_MS = 5_000
CHECKPOINT_MS = 5_000
FLUSH_MS = 50
LATEST, EARLIEST = -1, -2


@dataclass(slots=True, kw_only=True)
class Waiting:
    """A request that is not answered yet, and what is to be made of its answer."""

    asked: Asked
    may_wait: Callable[[], bool]
    must_wait: Callable[[], bool] = lambda: False
    check: Callable[[Any], None]
    only_reads: bool = False

    def is_right_already(self) -> bool:
        """Whether it reads, and was told what holds just now."""
        if not (self.only_reads and self.asked.is_answered):
            return False
        try:
            self.check(self.asked.answer)
        except AssertionError:
            return False
        return True


@dataclass
class LogWorld:
    """The broker, the models, and what both have to agree on."""

    seed: int = 7
    flush_acks: FlushAcks = FlushAcks.WRITTEN
    producers_max: int = 1000
    configs: dict[str, str] = field(default_factory=dict)
    waiting: list[Waiting] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.broker = WholeBroker(
            self.seed,
            flush_acks=self.flush_acks,
            producer_ids_max=self.producers_max,
            retention_check_interval_ms=RETENTION_CHECK_MS,
            checkpoint_interval_ms=CHECKPOINT_MS,
            flush_interval_ms=FLUSH_MS,
            tail_cache_bytes=2_000,
        )
        self._make_topic()
        self.models = {
            number: PartitionModel(self.now_ms, producers_max=self.producers_max)
            for number in PARTITIONS
        }
        self._retention_due_ms = self.now_ms + RETENTION_CHECK_MS

    def _make_topic(self) -> None:
        topic = {
            "name": TOPIC,
            "num_partitions": len(PARTITIONS),
            "replication_factor": 1,
            "assignments": [],
            "configs": [{"name": name, "value": value} for name, value in self.configs.items()],
        }
        answer = self.broker.ask(ApiKey.CREATE_TOPICS, 7, topics=[topic])
        assert code(answer.topics[0]) == NONE

    @property
    def now_ms(self) -> int:
        return self.broker.clock.now_ms()

    @property
    def disk(self) -> SimulatedDirectory:
        return self.broker.disk

    @property
    def rules(self) -> TopicRules:
        return rules_of(self.configs)

    @property
    def is_held(self) -> bool:
        return self.broker.thread.is_held

    # Answers

    def take_answers(self) -> None:
        """Check what was answered by now, and that the rest has a reason to wait."""
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            if each.asked.is_answered:
                assert not each.must_wait(), f"{each.asked.api.name} is answered too early"
                each.check(each.asked.answer)
            else:
                assert each.may_wait(), f"{each.asked.api.name} is not answered"
                self.waiting.append(each)

    # Time

    def pass_time(self, ms: int) -> None:
        """Let time pass: what is due happens once, at its end."""
        ends = {number: model.end for number, model in self.models.items()}
        starts = {number: model.start for number, model in self.models.items()}
        is_healthy = not self.is_held and self.disk.room_bytes is None
        self.broker.pass_time(ms)
        # Of all that falls to one moment a reader may be first: it is told what was before.
        self.waiting = [each for each in self.waiting if not each.is_right_already()]
        if self.now_ms >= self._retention_due_ms:
            self._retention_due_ms = self.now_ms + RETENTION_CHECK_MS
            for model in self.models.values():
                model.drop_expired(self.rules.keeping, self.now_ms)
        self.on_time_passed(ms)
        for number, model in self.models.items():
            if is_healthy and ms >= FLUSH_MS:
                model.promised_end = max(model.promised_end, ends[number])
            if is_healthy and ms >= 2 * CHECKPOINT_MS + FLUSH_MS:
                model.promised_start = max(model.promised_start, starts[number])
        self.take_answers()

    def on_time_passed(self, ms: int) -> None:
        """What else time does, behind retention."""

    def hold_disk(self) -> None:
        self.broker.hold_disk()

    def release_disk(self) -> None:
        self.broker.release_disk()
        self.take_answers()

    # Restarts

    def end(self) -> None:
        """Stop in order: everything that was asked is answered, and nothing is lost."""
        self.disk.room_bytes = None
        self.release_disk()
        self.broker.end()
        for each in self.waiting:
            assert each.asked.is_answered, f"{each.asked.api.name} was left without an answer"
            each.check(each.asked.answer)
        for model in self.models.values():
            model.promised_end, model.promised_start = model.end, model.start
        self._open(is_new_term=False)

    def kill(self) -> None:
        """Kill the process: what was written is in the operating system's hands."""
        self.broker.kill()
        ends = {number: model.end for number, model in self.models.items()}
        self._open(is_new_term=True)
        left = {number: model.end for number, model in self.models.items()}
        assert left == ends, "what was written is gone with the process"

    def lose_power(self) -> None:
        self.broker.lose_power()
        self._open(is_new_term=True)

    def _open(self, *, is_new_term: bool) -> None:
        self.waiting.clear()
        self.disk.room_bytes = None
        self.broker.open()
        self._retention_due_ms = self.now_ms + RETENTION_CHECK_MS
        for number, model in self.models.items():
            epoch = model.leader_epoch + is_new_term
            start, end = self._listed(number, EARLIEST), self._listed(number, LATEST)
            model.cut(end, start)
            if is_new_term and self._listed(number, LATEST, isolation_level=1) != model.stable_end:
                model.open_known_from = start
            model.reopen(self.now_ms, leader_epoch=epoch, bases=self._segment_bases(number))
            model.producers.adopt(self.described_producers(number), from_offset=start)

    def _listed(self, number: int, timestamp: int, *, isolation_level: int = 0) -> int:
        part = {"partition_index": number, "timestamp": timestamp}
        answer = self.broker.ask(
            ApiKey.LIST_OFFSETS,
            5,
            replica_id=-1,
            isolation_level=isolation_level,
            topics=[{"name": TOPIC, "partitions": [part]}],
        )
        return int(answer.topics[0].partitions[0].offset)

    def _segment_bases(self, number: int) -> list[int]:
        """Which segments there are: nobody but the disk can say that after a crash."""
        topic = self.broker.services.topics.find(TOPIC)
        assert topic is not None
        names = self.disk.names(f"{topic.folder}/{number}")
        return [int(name.removesuffix(LOG_SUFFIX)) for name in names if name.endswith(LOG_SUFFIX)]

    def described_producers(self, number: int) -> dict[int, tuple[int, int]]:
        answer = self.broker.ask(
            ApiKey.DESCRIBE_PRODUCERS, 0, topics=[{"name": TOPIC, "partition_indexes": [number]}]
        )
        (found,) = answer.topics[0].partitions
        assert code(found) == NONE
        return {
            each.producer_id: (each.producer_epoch, each.last_sequence)
            for each in found.active_producers
            if each.producer_id >= OUR_PRODUCERS_FROM
        }
