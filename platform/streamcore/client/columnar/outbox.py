"""Sends that are not yet acknowledged: their order, their sequences, when they may go out.

Pure: takes events, returns what to do. The unit of the window is a *round*: at most one batch
a partition, one Produce request a leader. A send is one round, or several when a partition's
records fill more than one batch. At most `rounds_max` (5) rounds are on the wire, because a
broker recognises repeats of a producer's last five batches of a partition and no more (KIP-98).

When anything has to be sent again, nothing new goes out until every answer that is still due
has come or is lost (DRAINING); then all that is unacknowledged goes again, in order, with the
same sequences. So the log never sees a partition's batches out of order, nor one twice.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from streamcore.client.api import Delivered, DeliveryFailed, LogError, TopicName
from streamcore.client.columnar.calls import error_name, is_retriable
from streamcore.client.columnar.produce_codec import BatchToSend, sequence_after
from streamcore.wire.error_codes import ErrorCode

MakeBatches = Callable[[int], Sequence[BatchToSend]]
"""Encodes a send's records for a topic of so many partitions. Raises `LogError`."""

ACKNOWLEDGED = frozenset({ErrorCode.NONE, ErrorCode.DUPLICATE_SEQUENCE_NUMBER})


class OutboxState(Enum):
    """Whether rounds may go out."""

    OPEN = "open"
    DRAINING = "draining"  # something must be sent again: first let all answers come


@dataclass(slots=True, kw_only=True, eq=False)
class Round:
    """Batches of different partitions that travel together."""

    topic: TopicName
    unacknowledged: dict[int, BatchToSend]  # by partition
    requests_due: int = 0  # requests on the wire that hold batches of this round
    is_sent: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Send:
    """What one call of the producer made. `rounds` is None until the topic is known."""

    topic: TopicName
    make_batches: MakeBatches
    delivered: Delivered
    deadline_ms: int
    rounds: list[Round] | None = None
    failure: LogError | None = None  # its records cannot be sent at all

    @property
    def is_acknowledged(self) -> bool:
        return self.rounds is not None and not any(each.unacknowledged for each in self.rounds)


Completion = tuple[Delivered, LogError | None]


@dataclass(slots=True)
class Outbox:
    """The sends of one producer in the order they were made."""

    rounds_max: int
    state: OutboxState = OutboxState.DRAINING  # until the producer has an identity
    _sends: deque[Send] = field(default_factory=deque)  # bounded by the producer's window
    _sequences: dict[tuple[TopicName, int], int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._sends)

    def admit(self, send: Send) -> None:
        self._sends.append(send)

    @property
    def topics(self) -> set[TopicName]:
        return {send.topic for send in self._sends}

    @property
    def oldest_deadline_ms(self) -> int | None:
        return self._sends[0].deadline_ms if self._sends else None

    @property
    def is_drained(self) -> bool:
        return not any(each.requests_due for each in self._rounds())

    @property
    def unprepared(self) -> Send | None:
        """The first send whose batches are not made yet."""
        return next((send for send in self._sends if send.rounds is None), None)

    def prepare(self, send: Send, partition_count: int) -> None:
        """Make a send's batches and number them. Sends must be prepared in order."""
        send.rounds = []
        try:
            batches = send.make_batches(partition_count)
        except LogError as error:
            send.failure = error
            return
        for batch in batches:
            place = (send.topic, batch.partition)
            batch.base_sequence = self._sequences.get(place, 0)
            self._sequences[place] = sequence_after(batch.base_sequence, batch.record_count)
            self._round_without(send, batch.partition).unacknowledged[batch.partition] = batch

    def _round_without(self, send: Send, partition: int) -> Round:
        """Return the send's first round that has no batch of this partition yet."""
        assert send.rounds is not None
        for each in send.rounds:
            if partition not in each.unacknowledged:
                return each
        send.rounds.append(Round(topic=send.topic, unacknowledged={}))
        return send.rounds[-1]

    def next_round(self) -> Round | None:
        """Return the round to send now, if the window has room for one."""
        if self.state is not OutboxState.OPEN:
            return None
        on_wire = 0
        for each in self._rounds():
            if not each.is_sent:
                return each if on_wire < self.rounds_max else None
            on_wire += bool(each.unacknowledged)
        return None

    def on_sent(self, sent: Round, requests: int) -> None:
        sent.is_sent = True
        sent.requests_due = requests

    def on_answer(self, sent: Round, results: Sequence[tuple[int, int]]) -> LogError | None:
        """Take (partition, error code) pairs. Returns why everything must fail, if it must."""
        sent.requests_due -= 1
        for partition, code in results:
            if code in ACKNOWLEDGED:
                sent.unacknowledged.pop(partition, None)
            elif is_retriable(code) or self._follows_a_gap(sent, partition, code):
                self.state = OutboxState.DRAINING
            else:
                return DeliveryFailed(
                    f"{sent.topic}/{partition}: {error_name(code)}", retriable=False
                )
        return None

    def on_lost(self, sent: Round) -> None:
        """The connection went before the answer came: it may or may not be in the log."""
        sent.requests_due -= 1
        self.state = OutboxState.DRAINING

    def demand_resend(self) -> None:
        """A round could not go out whole: treat it as lost."""
        self.state = OutboxState.DRAINING

    def reopen(self) -> None:
        """Everything due has come or is lost: let all that is unacknowledged go again."""
        assert self.is_drained
        for each in self._rounds():
            if each.unacknowledged:
                each.is_sent = False
        self.state = OutboxState.OPEN

    def take_completed(self) -> list[Completion]:
        """Return the sends at the front that are acknowledged: completion keeps order."""
        completed: list[Completion] = []
        while self._sends and self._sends[0].failure is None and self._sends[0].is_acknowledged:
            completed.append((self._sends.popleft().delivered, None))
        return completed

    @property
    def failure(self) -> LogError | None:
        """Why the oldest send cannot succeed; the later ones must fail with it."""
        return self._sends[0].failure if self._sends else None

    def fail_all(self, error: LogError) -> list[Completion]:
        """Give up every send. Sequences start anew: the producer must take a new identity."""
        failed: list[Completion] = [(send.delivered, error) for send in self._sends]
        self._sends.clear()
        self._sequences.clear()
        self.state = OutboxState.DRAINING
        return failed

    def _follows_a_gap(self, sent: Round, partition: int, code: int) -> bool:
        """Whether a sequence is out of order only because an earlier batch has to go again."""
        if code != ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER:
            return False
        for each in self._rounds():
            if each is sent:
                return False
            if each.topic == sent.topic and partition in each.unacknowledged:
                return True
        return True  # not ours any more: an answer to a send that was given up

    def _rounds(self) -> list[Round]:
        return [each for send in self._sends for each in send.rounds or ()]
