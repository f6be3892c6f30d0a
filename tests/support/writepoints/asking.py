"""A broker that is asked: each request and each answer with its moment, and every write point."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from streamcore.broker.settings import FlushAcks
from streamcore.wire.api_keys import ApiKey
from tests.support.kio_peer import request_bytes
from tests.support.whole_broker import Asked, WholeBroker
from tests.support.writepoints.promises import Fact
from tests.support.writepoints.recording import RecordingDisk

FLUSH_MS: Final = 50
CHECKPOINT_MS: Final = 5_000
CLEANER_MS: Final = 15_000
SYNCS_MAX: Final = 4  # a transaction's end is three writes
SETTINGS: Final[dict[str, Any]] = {
    "auto_create_topics": False,
    "flush_interval_ms": FLUSH_MS,
    "checkpoint_interval_ms": CHECKPOINT_MS,
    "log_cleaner_backoff_ms": CLEANER_MS,
    "offsets_topic_num_partitions": 1,
    "transaction_state_log_num_partitions": 1,
    "tail_cache_bytes": 0,
}


@dataclass(slots=True, kw_only=True)
class _Question:
    """A request, from when it is thought of until its answer is taken."""

    api: ApiKey
    version: int
    body: bytes
    on_answer: Callable[[Any, int], None]
    asked: Asked | None = None
    answered_at: int = -1


class Asking:
    """A broker, what it was asked, and what it has promised."""

    def __init__(self, seed: int, flush_acks: FlushAcks) -> None:
        self.rng = random.Random(seed)
        self.flush_acks = flush_acks
        self.disk = RecordingDisk()
        self.disk.before_change = self._before_change
        self.times: dict[int, int] = {}  # when each change was made
        self._to_ask: list[_Question] = []
        self._under_way: list[_Question] = []
        self._kept_after_flush: list[Fact] = []
        self._kept_after_checkpoint: list[Fact] = []
        self.producer_ids: list[tuple[int, int]] = []  # when each was handed out
        self.is_recording = True
        self.broker = WholeBroker(seed, disk=self.disk, flush_acks=flush_acks, **SETTINGS)

    @property
    def now(self) -> int:
        return self.disk.changes

    @property
    def now_ms(self) -> int:
        return self.broker.clock.now_ms()

    def _before_change(self, moment: int) -> bool:
        for each in self._under_way:
            if each.answered_at < 0 and each.asked and each.asked.is_answered:
                each.answered_at = moment
        if hasattr(self, "broker"):
            self.times[moment] = self.broker.clock.monotonic_ms()
        return self.is_recording

    def post(
        self, api: ApiKey, version: int, on_answer: Callable[[Any, int], None], **fields: Any
    ) -> None:
        """Ask at the next `settle`, in one tick with all else that was posted until then."""
        body = request_bytes(api, version, **fields)
        self._to_ask.append(_Question(api=api, version=version, body=body, on_answer=on_answer))

    def _hand_in(self) -> None:
        for each in self._to_ask:
            each.asked = Asked(self.broker.services, each.api, each.version, each.body)
            if not each.asked.is_silent:
                self._under_way.append(each)
        self._to_ask.clear()

    def settle(self) -> None:
        """Let everything happen that happens now, and take the answers."""
        if self._to_ask:
            self.broker.loop.call(self._hand_in)
        self.broker.settle()
        self._take_answers()

    def _take_answers(self) -> None:
        waiting, self._under_way = self._under_way, []
        for each in waiting:
            if each.asked is not None and each.asked.is_answered:
                moment = self.now if each.answered_at < 0 else each.answered_at
                each.on_answer(each.asked.answer, moment)
            else:
                self._under_way.append(each)

    def ask(self, api: ApiKey, version: int, **fields: Any) -> tuple[Any, int]:
        """Ask, and return the answer and its moment; waits for syncs where need be."""
        got: list[tuple[Any, int]] = []
        self.post(api, version, lambda answer, moment: got.append((answer, moment)), **fields)
        self.settle()
        for _ in range(SYNCS_MAX):
            if not got:
                self.pass_time(FLUSH_MS)
        ((answer, moment),) = got
        return answer, moment

    def decided(self, api: ApiKey, version: int, fact: Fact, **fields: Any) -> Any:
        """Ask for what is on the disk before it is answered."""
        answer, moment = self.ask(api, version, **fields)
        fact.acknowledge(moment, is_kept=True)
        return answer

    def written(self, fact: Fact, moment: int, *, is_synced: bool = False) -> None:
        """Something that was appended is acknowledged."""
        is_kept = is_synced or self.flush_acks is FlushAcks.WAIT
        fact.acknowledge(moment, is_kept=is_kept)
        if not is_kept:
            self._kept_after_flush.append(fact)

    def trimmed(self, fact: Fact) -> None:
        """A log start is kept by the next checkpoint, against a kill too."""
        self._kept_after_checkpoint.append(fact)

    def pass_time(self, ms: int) -> None:
        assert not self._to_ask, "time passes when all is handed in"
        flushed: list[Fact] = []
        checked: list[Fact] = []
        if ms >= FLUSH_MS:
            flushed, self._kept_after_flush = self._kept_after_flush, []
        if ms > 2 * CHECKPOINT_MS:
            checked, self._kept_after_checkpoint = self._kept_after_checkpoint, []
        step = min(ms, CHECKPOINT_MS)
        while ms > 0:
            self.broker.clock.advance(min(ms, step))
            self.settle()
            ms -= step
        for fact in flushed:
            fact.kept = self.now
        for fact in checked:
            fact.acknowledged = fact.kept = self.now

    def kill(self) -> None:
        self.broker.kill()
        self._under_way.clear()
        self._kept_after_checkpoint.clear()  # what was not checkpointed by now need not be ever
        self.broker.open()
        self.settle()

    def restart(self) -> None:
        self.settle()
        self.broker.end()
        self._take_answers()
        for fact in self._kept_after_flush + self._kept_after_checkpoint:
            fact.acknowledged = min(fact.acknowledged, self.now)
            fact.kept = self.now
        self._kept_after_flush.clear()
        self._kept_after_checkpoint.clear()
        self._under_way.clear()
        self.broker.open()
        self.settle()
