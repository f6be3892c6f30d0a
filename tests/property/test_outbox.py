"""The outbox against a made-up idempotent broker that loses connections and moves leaders."""

import random
from dataclasses import dataclass, field

import pytest

from streamcore.client.api import LogError, TopicName
from streamcore.client.columnar.outbox import Outbox, OutboxState, Round, Send
from streamcore.client.columnar.produce_codec import BatchToSend
from streamcore.wire.error_codes import ErrorCode

TOPIC = TopicName("pings")
PARTITIONS = 3
SENDS = 60


@dataclass(slots=True)
class IdempotentBroker:
    """Keeps what a broker keeps of one producer: the next sequence, and the last five batches."""

    next_sequence: dict[int, int] = field(default_factory=dict)
    recent: dict[int, list[int]] = field(default_factory=dict)
    log: dict[int, list[bytes]] = field(default_factory=dict)

    def append(self, partition: int, base_sequence: int, count: int, payload: bytes) -> ErrorCode:
        if base_sequence in self.recent.get(partition, []):
            return ErrorCode.DUPLICATE_SEQUENCE_NUMBER
        if base_sequence != self.next_sequence.get(partition, 0):
            return ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
        self.next_sequence[partition] = base_sequence + count
        self.recent[partition] = [*self.recent.get(partition, []), base_sequence][-5:]
        self.log.setdefault(partition, []).append(payload)
        return ErrorCode.NONE


@dataclass(slots=True)
class Scene:
    """One producer's outbox, the requests on the wire, and what came of each send."""

    rng: random.Random
    outbox: Outbox = field(default_factory=lambda: Outbox(rounds_max=5))
    broker: IdempotentBroker = field(default_factory=IdempotentBroker)
    wire: list[tuple[Round, list[tuple[int, int, int, bytes]]]] = field(default_factory=list)
    completed: list[int] = field(default_factory=list)
    errors: list[LogError] = field(default_factory=list)
    moved: set[int] = field(default_factory=set)  # partitions whose leader is elsewhere for now

    def admit(self, number: int) -> None:
        partitions = self.rng.sample(range(PARTITIONS), self.rng.randint(1, PARTITIONS))
        batches_each = self.rng.choice([1, 1, 1, 3])
        batches = [
            BatchToSend(
                partition=partition,
                record_count=self.rng.randint(1, 9),
                records=memoryview(b"%d.%d" % (number, part)),
                base_timestamp_ms=0,
                max_timestamp_ms=0,
            )
            for partition in partitions
            for part in range(batches_each)
        ]

        def delivered(error: LogError | None) -> None:
            self.completed.append(number)
            if error is not None:
                self.errors.append(error)

        send = Send(topic=TOPIC, make_batches=lambda _: batches, delivered=delivered, deadline_ms=1)
        self.outbox.admit(send)
        self.outbox.prepare(send, PARTITIONS)

    def transmit(self) -> None:
        while (due := self.outbox.next_round()) is not None:
            content = [
                (each.partition, each.base_sequence, each.record_count, bytes(each.records))
                for each in due.unacknowledged.values()
            ]
            self.outbox.on_sent(due, requests=1)
            self.wire.append((due, content))
            on_wire = sum(bool(each.unacknowledged) for each, _ in self.wire)
            assert on_wire <= 5, "a broker remembers five batches, no more"

    def answer_oldest(self) -> None:
        due, content = self.wire.pop(0)
        if self.rng.random() < 0.1:
            self.moved.add(self.rng.randrange(PARTITIONS))
        results = [
            (partition, ErrorCode.NOT_LEADER_OR_FOLLOWER)
            if partition in self.moved
            else (partition, self.broker.append(partition, sequence, count, payload))
            for partition, sequence, count, payload in content
        ]
        assert self.outbox.on_answer(due, results) is None
        self.complete()

    def lose_connection(self) -> None:
        """Some of what is on the wire is appended, in order; no answer arrives."""
        arrived = self.rng.randint(0, len(self.wire))
        for _, content in self.wire[:arrived]:
            for batch in content:
                self.broker.append(*batch)
        for due, _ in self.wire:
            self.outbox.on_lost(due)
        self.wire.clear()

    def recover(self) -> None:
        """What the producer does once all answers have come or are lost."""
        self.moved.clear()
        self.outbox.reopen()

    def complete(self) -> None:
        for delivered, error in self.outbox.take_completed():
            delivered(error)


@pytest.mark.parametrize("seed", range(150))
def test_every_batch_is_appended_once_and_in_order_whatever_is_lost(seed: int) -> None:
    scene = Scene(random.Random(seed))
    scene.outbox.reopen()
    admitted = 0
    while len(scene.completed) < SENDS:
        chance = scene.rng.random()
        if admitted < SENDS and len(scene.outbox) < 5 and chance < 0.5:
            scene.admit(admitted)
            admitted += 1
        elif scene.wire and chance < 0.95:
            scene.answer_oldest()
        elif scene.wire:
            scene.lose_connection()
        if scene.outbox.state is OutboxState.DRAINING and scene.outbox.is_drained:
            scene.recover()
        scene.transmit()

    assert scene.completed == list(range(SENDS)), "sends complete in the order they were made"
    assert scene.errors == []
    for payloads in scene.broker.log.values():
        places = [tuple(map(int, payload.split(b"."))) for payload in payloads]
        assert places == sorted(set(places)), "in order, and none twice"


def test_a_refusal_fails_every_send_and_starts_sequences_anew() -> None:
    scene = Scene(random.Random(1))
    scene.outbox.reopen()
    for number in range(3):
        scene.admit(number)
    scene.transmit()
    due, content = scene.wire[0]
    failure = scene.outbox.on_answer(due, [(content[0][0], ErrorCode.MESSAGE_TOO_LARGE)])
    assert failure is not None
    assert "MESSAGE_TOO_LARGE" in str(failure)
    for delivered, error in scene.outbox.fail_all(failure):
        delivered(error)
    assert scene.completed == [0, 1, 2]
    assert len(scene.errors) == 3
    scene.admit(3)
    assert scene.outbox.next_round() is None, "nothing goes out before there is a new identity"
    scene.outbox.reopen()
    due_next = scene.outbox.next_round()
    assert due_next is not None
    assert {batch.base_sequence for batch in due_next.unacknowledged.values()} == {0}
