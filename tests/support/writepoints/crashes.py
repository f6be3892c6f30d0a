"""Crashes a recorded life at a write point, opens a broker on what is left, and judges it."""

import random
from typing import Any

from groundwork.simulated.clocks import VirtualClock
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code
from tests.support.whole_broker import WholeBroker
from tests.support.writepoints.asking import FLUSH_MS, SETTINGS, SYNCS_MAX
from tests.support.writepoints.promises import Batch, Crash, TopicLife
from tests.support.writepoints.reading import committed_records
from tests.support.writepoints.recording import CrashKind, RecordingDisk, WritePoint
from tests.support.writepoints.script import Script
from tests.support.writepoints.verdict import Verdict, check_leftovers, state_of

# Longer than any transaction may take, and than expired files wait to be removed.
ALL_TIMEOUTS_MS = 120_000


class Aftermath:
    """A broker that was opened on what a crash has left."""

    def __init__(self, life: Script, disk: RecordingDisk, crash: Crash, seed: int) -> None:
        self.life = life
        self.disk = disk
        self.crash = crash
        self.clock = VirtualClock()
        self.clock.advance(life.times.get(crash.moment, 0))
        self.broker = WholeBroker(
            seed, disk=disk, clock=self.clock, flush_acks=life.flush_acks, **SETTINGS
        )

    def judge(self, *, to_the_end: bool) -> None:
        try:
            verdict = Verdict(self.life, self.crash, self.broker.services)
            verdict.check()
            check_leftovers(self.disk, self.broker.services)
            self._send_again()
            verdict.check_new_producer_id(self._new_producer_id())
            self._end_and_begin_again()
            if to_the_end:
                self.broker.pass_time(ALL_TIMEOUTS_MS)
                Verdict(self.life, self.crash, self.broker.services).check_stable()
                check_leftovers(self.disk, self.broker.services)
        finally:
            self.broker.discard()

    def _ask(self, api: ApiKey, version: int, **fields: Any) -> Any:
        asked = self.broker.post(api, version, **fields)
        self.broker.settle()
        for _ in range(SYNCS_MAX):
            if not asked.is_answered:
                self.broker.pass_time(FLUSH_MS)
        return asked.answer

    def _new_producer_id(self) -> int:
        answer = self._ask(
            ApiKey.INIT_PRODUCER_ID, 4, transactional_id=None, producer_id=-1, producer_epoch=-1
        )
        assert code(answer) == NONE
        return int(answer.producer_id)

    def _send_again(self) -> None:
        """The idempotent producer was cut off: it sends again what has no answer, and the last
        batch that has one."""
        topic = self.life.topic("ordered")
        if self.broker.services.topics.find(topic.name) is None:
            return
        asked = [each for each in topic.partitions[0].batches if self.crash.may_know(each)]
        answered = [each for each in asked if each.acknowledged <= self.crash.moment]
        if not all(self.crash.must_know(each) for each in answered):
            return  # what it was told is there may be lost: it cannot go on
        for batch in answered[-1:] + asked[len(answered) :]:
            placed = self._produce(topic, batch)
            assert code(placed) == NONE, f"{code(placed)} when sent again"
            assert placed.base_offset == batch.base, "sent again, put elsewhere"
        self._check_all_there(topic, asked)

    def _produce(self, topic: TopicLife, batch: Batch) -> Any:
        part = {"index": 0, "records": batch.data}
        answer = self._ask(
            ApiKey.PRODUCE, 9, acks=-1, topic_data=[{"name": topic.name, "partition_data": [part]}]
        )
        return answer.responses[0].partition_responses[0]

    def _check_all_there(self, topic: TopicLife, asked: list[Batch]) -> None:
        replica = self.broker.services.topics.replica(topic.name, 0)
        assert replica is not None
        values = [record.value for record in committed_records(replica)]
        expected = [value for batch in asked for value in batch.values]
        assert values == expected, "what was sent again is not there once"

    def _end_and_begin_again(self) -> None:
        for _ in range(SYNCS_MAX):
            self.broker.pass_time(FLUSH_MS)  # transactions that were to end have ended
        before = state_of(self.broker.services)
        self.broker.end()
        self.broker.open()
        after = state_of(self.broker.services)
        for key in before.keys() | after.keys():
            assert before.get(key) == after.get(key), f"{key} is another after a clean end"


def crash_at(
    life: Script, point: WritePoint, kind: CrashKind, *, to_the_end: bool, again: bool
) -> None:
    """End a life at a write point; with `again`, crash once more while the broker opens."""
    rng = random.Random(f"{point.moment} {kind}")
    crash = Crash(point.moment, kind)
    disk = point.left(kind, rng)
    if again:
        disk, crash = _crashed_again(life, disk, crash, rng)
    Aftermath(life, disk, crash, rng.getrandbits(32)).judge(to_the_end=to_the_end)


def _crashed_again(
    life: Script, disk: RecordingDisk, crash: Crash, rng: random.Random
) -> tuple[RecordingDisk, Crash]:
    disk.before_change = lambda _: True
    Aftermath(life, disk, crash, rng.getrandbits(32)).broker.discard()
    kind = rng.choice(list(CrashKind))
    if not disk.points:
        return disk, crash  # there was nothing to do
    point = rng.choice(disk.points)
    if kind is CrashKind.POWER:
        crash = Crash(crash.moment, kind)
    return point.left(kind, rng), crash
