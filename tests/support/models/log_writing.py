"""Writes to a modelled topic, alters it and deletes from it: what that must come to is worked out
first."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from streamcore.broker.settings import FlushAcks
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code, topic_parts
from tests.support.models.log_world import FLUSH_MS, TOPIC, LogWorld, Waiting
from tests.support.models.partition_model import PartitionModel
from tests.support.models.producer_model import OUT_OF_ORDER
from tests.support.models.sendings import Sending
from tests.support.models.topic_rules import ANY_MS
from tests.support.whole_broker import Asked

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


class LogWriters(LogWorld):
    """The world, and who writes in it."""

    def send(self, requests: Sequence[Produce]) -> None:
        """Hand in some requests, all within one tick of the loop."""
        expected = [
            [self._staged(sending, request.version) for sending in request.sendings]
            for request in requests
        ]
        fields = [(ApiKey.PRODUCE, each.version, self._fields(each)) for each in requests]
        room, due_ms = self.disk.room_bytes, self.now_ms + FLUSH_MS
        must_sync = self.flush_acks is FlushAcks.WAIT or self.rules.flush_messages < ANY_MS

        def may_wait() -> bool:
            return must_sync and (self.is_held or self.now_ms < due_ms)

        sent = self.broker.post_all(fields)
        for request, asked, outcomes in zip(requests, sent, expected, strict=True):
            if request.acks == 0:
                _check_silence(asked, outcomes)
        self._commit(room, [outcome for outcomes in expected for outcome in outcomes])
        for request, asked, outcomes in zip(requests, sent, expected, strict=True):
            if request.acks != 0:
                check = self._produce_check(request.version, outcomes)
                self.waiting.append(Waiting(asked=asked, may_wait=may_wait, check=check))
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
        return Outcome(sending=sending, error=NONE, base=batch.base, append_time_ms=append_time_ms)

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
        had_room = self.disk.room_bytes is None
        unsynced_max = 0 if self.flush_acks is FlushAcks.WAIT else self.rules.flush_messages - 1

        def check(answer: Any) -> None:
            (topic,) = answer.responses
            for found, outcome in zip(topic.partition_responses, outcomes, strict=True):
                assert found.index == outcome.sending.partition
                allowed = {outcome.error}
                has_room = had_room and self.disk.room_bytes is None
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


def _check_silence(asked: Asked, outcomes: Sequence[Outcome]) -> None:
    """With acks=0 nothing is answered; what is refused before it is written ends the connection."""
    may_be_cut = any(each.error != NONE or each.is_doubtful for each in outcomes)
    must_be_cut = any(each.error != NONE and not each.is_doubtful for each in outcomes)
    assert asked.is_silent or (asked.is_cut and may_be_cut), "acks=0 is not answered"
    assert asked.is_cut or not must_be_cut, "nobody is told that a batch with acks=0 is refused"


def _unix_ms(told: datetime | None) -> int:
    return -1 if told is None else round(told.timestamp() * 1000)
