"""A whole broker with one topic, beside a model of each of its partitions: whatever is asked of
the one is worked out from the other, and has to be the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.settings import FlushAcks
from streamcore.storage.paths import LOG_SUFFIX
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code, topic_parts
from tests.support.models.partition_model import PartitionModel
from tests.support.models.producer_model import OUT_OF_ORDER
from tests.support.models.sendings import Sending
from tests.support.models.topic_rules import TopicRules, rules_of
from tests.support.whole_broker import Asked, WholeBroker

TOPIC = "t"
PARTITIONS = (0, 1, 2)
RETENTION_CHECK_MS = 5_000
CHECKPOINT_MS = 5_000
FLUSH_MS = 50
DISK_REFUSED = "kafka_storage_error"
SET, DELETE = 0, 1
TOPIC_RESOURCE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Produce:
    """A request to write."""

    version: int
    acks: int
    sendings: tuple[Sending, ...]


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a sending has to come to: an error, or a place in its partition."""

    sending: Sending
    error: str
    base: int = -1
    append_time_ms: int | None = -1  # None: it depends on what nobody may rely on
    is_doubtful: bool = False  # a crash may have made its first sending be forgotten


@dataclass(slots=True, kw_only=True)
class Waiting:
    """A request that is not answered yet, and what is to be made of its answer."""

    asked: Asked
    may_wait: Callable[[], bool]
    must_wait: Callable[[], bool] = lambda: False
    check: Callable[[Any], None]


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

    # Writing

    def send(self, requests: Sequence[Produce]) -> None:
        """Hand in some requests, all within one tick of the loop."""
        expected = [
            [self._staged(sending, request.version) for sending in request.sendings]
            for request in requests
        ]
        fields = [(ApiKey.PRODUCE, each.version, self._fields(each)) for each in requests]
        room = self.disk.room_bytes
        sent = self.broker.post_all(fields)
        self._commit(room, [outcome for outcomes in expected for outcome in outcomes])
        for request, asked, outcomes in zip(requests, sent, expected, strict=True):
            if request.acks == 0:
                assert asked.is_silent, "acks=0 is not answered"
                continue
            check = self._produce_check(request.version, outcomes)
            self.waiting.append(
                Waiting(asked=asked, may_wait=lambda: self.is_held, check=check)
            )
        self.broker.settle()
        self.take_answers()

    def _staged(self, sending: Sending, version: int) -> Outcome:
        model, rules = self.models.get(sending.partition), self.rules
        if model is None:
            return Outcome(sending=sending, error="unknown_topic_or_partition")
        error = rules.refusal(sending, sending.data(), version, self.now_ms)
        if error:
            return Outcome(sending=sending, error=error)
        is_doubtful = False
        if sending.identity is not None:
            verdicts = model.producers.judge(sending.identity, len(sending.records))
            is_doubtful = len(verdicts) > 1
            verdict = next(each for each in verdicts if each != OUT_OF_ORDER or not is_doubtful)
            if isinstance(verdict, int):
                return self._duplicate(model, sending, verdict, is_doubtful=is_doubtful)
            if verdict:
                return Outcome(sending=sending, error=verdict)
        batch = rules.placed(sending, model.staged_end, self.now_ms)
        model.stage(batch)
        append_time_ms = self.now_ms if rules.is_stamped else -1
        return Outcome(
            sending=sending, error=NONE, base=batch.base, append_time_ms=append_time_ms
        )

    def _duplicate(
        self, model: PartitionModel, sending: Sending, base: int, *, is_doubtful: bool
    ) -> Outcome:
        """It was written before, perhaps in this very tick: and is told when."""
        append_time_ms: int | None = -1
        if self.rules.is_stamped:
            known = [batch for batch in model.batches_from(base) if batch.base == base]
            is_there = bool(known) and known[0].is_stamped and base >= model.start
            append_time_ms = known[0].newest if is_there else None
        return Outcome(
            sending=sending,
            error=NONE,
            base=base,
            append_time_ms=append_time_ms,
            is_doubtful=is_doubtful,
        )

    def _fields(self, request: Produce) -> dict[str, Any]:
        parts = [
            {"index": sending.partition, "records": sending.data()} for sending in request.sendings
        ]
        return {
            "acks": request.acks,
            "topic_data": [topic_parts(self.broker.services, parts)],
        }

    def _commit(self, room: int | None, outcomes: Sequence[Outcome]) -> None:
        """The tick is over: partition by partition it was written, or there was no room."""
        touched = dict.fromkeys(outcome.sending.partition for outcome in outcomes)
        for number in touched:
            model = self.models.get(number)
            if model is None or not model.staged:
                continue
            size = model.staged_bytes
            is_written = room is None or size <= room
            if room is not None and is_written:
                room -= size
            model.commit(self.rules.keeping, self.now_ms, is_written=is_written)
            for outcome in outcomes:
                if outcome.sending.partition == number and not is_written:
                    outcome.error = DISK_REFUSED if outcome.error == NONE else outcome.error

    def _produce_check(self, version: int, outcomes: Sequence[Outcome]) -> Callable[[Any], None]:
        starts = {number: model.start for number, model in self.models.items()}
        has_room = self.disk.room_bytes is None
        unsynced_max = 0 if self.flush_acks is FlushAcks.WAIT else self.rules.flush_messages - 1

        def check(answer: Any) -> None:
            (topic,) = answer.responses
            for found, outcome in zip(topic.partition_responses, outcomes, strict=True):
                assert found.index == outcome.sending.partition
                allowed = {outcome.error}
                if outcome.error == NONE and not has_room:
                    allowed.add(DISK_REFUSED)  # it is written, and could not be synced
                if outcome.is_doubtful:
                    allowed.add(OUT_OF_ORDER)
                assert code(found) in allowed, (
                    f"a batch was answered with {code(found)}, not {outcome.error}"
                )
                if code(found) != NONE:
                    continue
                assert found.base_offset == outcome.base, "at another offset"
                if outcome.append_time_ms is not None:
                    told_ms = _unix_ms(found.log_append_time)
                    assert told_ms == outcome.append_time_ms, "another append time"
                if version >= 5:
                    assert found.log_start_offset == starts[found.index], "another log start"
                model = self.models[found.index]
                end = outcome.base + len(outcome.sending.records)
                model.promised_end = max(model.promised_end, end - unsynced_max)

        return check

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

    # Settings and deletions

    def alter(self, version: int, changes: Mapping[str, str | None]) -> None:
        """Set some of the topic's settings, or with None let them be as by default."""
        entries = [
            {"name": name, "config_operation": DELETE if value is None else SET, "value": value}
            for name, value in changes.items()
        ]
        resource = {"resource_type": TOPIC_RESOURCE, "resource_name": TOPIC, "configs": entries}
        answer = self.broker.ask(
            ApiKey.INCREMENTAL_ALTER_CONFIGS, version, resources=[resource], validate_only=False
        )
        after = {**self.configs, **{k: v for k, v in changes.items() if v is not None}}
        after = {name: after[name] for name in after if changes.get(name, "") is not None}
        (found,) = answer.responses
        if code(found) == NONE:
            self.configs = after
        else:
            assert self.disk.room_bytes is not None, "settings were refused"
            assert code(found) == DISK_REFUSED
        self.take_answers()

    def delete_records(self, version: int, wanted: Mapping[int, int]) -> None:
        """Delete what lies before some offsets, by partition; -1 is the end."""
        parts = [{"partition_index": number, "offset": at} for number, at in wanted.items()]
        answer = self.broker.ask(
            ApiKey.DELETE_RECORDS, version, topics=[{"name": TOPIC, "partitions": parts}]
        )
        for found in answer.topics[0].partitions:
            at = wanted[found.partition_index]
            model = self.models.get(found.partition_index)
            if model is None:
                assert code(found) == "unknown_topic_or_partition"
            elif not -1 <= at <= model.end:
                assert code(found) == "offset_out_of_range"
            else:
                assert code(found) == NONE
                model.delete_before(model.end if at == -1 else at)
                assert found.low_watermark == model.start, "another low watermark"
        self.take_answers()

    # Time

    def pass_time(self, ms: int) -> None:
        """Let time pass: what is due happens once, at its end."""
        ends = {number: model.end for number, model in self.models.items()}
        starts = {number: model.start for number, model in self.models.items()}
        is_healthy = not self.is_held and self.disk.room_bytes is None
        self.broker.pass_time(ms)
        if self.now_ms >= self._retention_due_ms:
            self._retention_due_ms = self.now_ms + RETENTION_CHECK_MS
            for model in self.models.values():
                model.drop_expired(self.rules.keeping, self.now_ms)
        for number, model in self.models.items():
            if is_healthy and ms >= FLUSH_MS:
                model.promised_end = max(model.promised_end, ends[number])
            if is_healthy and ms >= 2 * CHECKPOINT_MS + FLUSH_MS:
                model.promised_start = max(model.promised_start, starts[number])
        self.take_answers()

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
        for model in self.models.values():
            model.promised_end = model.end
        self._open(is_new_term=True)

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
            start, end = self._bounds(number)
            model.cut(end, start)
            model.reopen(self.now_ms, leader_epoch=epoch, bases=self._segment_bases(number))
            model.producers.adopt(self.described_producers(number), from_offset=start)

    def _bounds(self, number: int) -> tuple[int, int]:
        found = []
        for timestamp in (-2, -1):
            part = {"partition_index": number, "timestamp": timestamp}
            topics = [{"name": TOPIC, "partitions": [part]}]
            answer = self.broker.ask(ApiKey.LIST_OFFSETS, 5, replica_id=-1, topics=topics)
            found.append(int(answer.topics[0].partitions[0].offset))
        return found[0], found[1]

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
        }


def _unix_ms(told: datetime | None) -> int:
    return -1 if told is None else round(told.timestamp() * 1000)
