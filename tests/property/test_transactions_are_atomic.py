"""Producers of all ages, time-outs and kills in any order: a reader of committed records sees
each transaction whole or not at all, and every acknowledged record once.

A broker that is killed leaves the disk as it was before one of its writes. The next one begins
there, and the producer, which was not answered, asks again. So the model knows all: the values
by partition, in their order, each with the transaction that wrote it.
"""

import copy
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

import pytest

from groundwork.simulated.clocks import VirtualClock
from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code, create, topic_records
from tests.support.committed_reading import committed_values
from tests.support.kio_peer import converse
from tests.support.simulated_broker import assembled, batch_of
from tests.support.transactional_producer import TransactionalProducer

STEPS = 40
PARTITIONS = (0, 1, 2)
TIMEOUT_MS = 60_000
PLAIN_PRODUCER = 999
FENCED = ("producer_fenced", "invalid_producer_epoch")
Operation = Callable[[], Awaitable[str]]


class Fate(Enum):
    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"


@dataclass(eq=False)
class Attempt:
    """One transaction."""

    fate: Fate = Fate.OPEN


COMMITTED = Attempt(Fate.COMMITTED)  # what is written without a transaction


class KillingDirectory(SimulatedDirectory):
    """Remembers how it was before one of the writes that follow."""

    def __init__(self) -> None:
        super().__init__()
        self._writes_left = 0
        self.at_kill: KillingDirectory | None = None

    def kill_before_write(self, number: int) -> None:
        """0: not at all."""
        self._writes_left = number
        self.at_kill = None

    def take_room(self, wanted: int) -> int:
        if self._writes_left:
            self._writes_left -= 1
            if not self._writes_left:
                self.at_kill = copy.deepcopy(self)
        return super().take_room(wanted)


class World:
    """A broker, two transactional producers and a plain one, and what must be read."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.kills = 0
        self.clock = VirtualClock()
        self.disk = KillingDirectory()
        self.services = self._opened()
        create(self.services, partitions=len(PARTITIONS))
        self.producers = [
            TransactionalProducer(self.services, name, is_new=rng.random() < 0.5)
            for name in ("one", "two")
        ]
        self.attempts: dict[TransactionalProducer, Attempt | None] = dict.fromkeys(self.producers)
        self.written: dict[int, list[tuple[bytes, Attempt]]] = {p: [] for p in PARTITIONS}
        self.offsets: list[tuple[int, Attempt]] = []
        self.plain_sequences = dict.fromkeys(PARTITIONS, 0)
        self.count = 0

    def _opened(self) -> BrokerServices:
        services = assembled(self.disk, clock=self.clock, seed=self.kills)
        for _ in range(6):
            services.appends.flush()  # what a crash had interrupted is carried on
        return services

    async def answered(self, operation: Operation) -> str:
        """Do something, perhaps over the broker's death, until there is an answer."""
        while True:
            may_die = self.rng.random() < 0.3
            self.disk.kill_before_write(self.rng.randint(1, 6) if may_die else 0)
            known = copy.deepcopy([self._identity(producer) for producer in self.producers])
            error = await operation()
            if self.disk.at_kill is not None:
                for producer, identity in zip(self.producers, known, strict=True):
                    producer.producer_id, producer.epoch, producer.sequences = identity
                await self._restart(self.disk.at_kill)
            elif error != "concurrent_transactions":
                return error

    def _identity(
        self, producer: TransactionalProducer
    ) -> tuple[int, int, dict[tuple[str, int], int]]:
        return producer.producer_id, producer.epoch, producer.sequences

    async def _restart(self, disk: KillingDirectory) -> None:
        self.kills += 1
        await self.close()
        self.disk = disk
        self.disk.kill_before_write(0)
        self.services = self._opened()
        for producer in self.producers:
            producer.services = self.services

    async def close(self) -> None:
        self.services.fetches.on_shutdown()
        await self.services.durability.close()

    # What may happen

    async def step(self) -> None:
        producer = self.rng.choice(self.producers)
        chance = self.rng.random()
        if producer.producer_id < 0 or chance < 0.05:
            await self.init(producer)
        elif chance < 0.5:
            await self.send(producer)
        elif chance < 0.6:
            await self.commit_offset(producer)
        elif chance < 0.8:
            await self.end(producer)
        elif chance < 0.95:
            await self.send_plainly()
        else:
            await self.wait_long()

    async def init(self, producer: TransactionalProducer) -> None:
        assert await self.answered(lambda: producer.init(timeout_ms=TIMEOUT_MS)) == NONE
        self._abort(producer)

    def _abort(self, producer: TransactionalProducer) -> None:
        attempt = self.attempts[producer]
        if attempt is not None:
            attempt.fate = Fate.ABORTED
        self.attempts[producer] = None

    def _attempt_of(self, producer: TransactionalProducer) -> Attempt:
        attempt = self.attempts[producer] or Attempt()
        self.attempts[producer] = attempt
        return attempt

    async def send(self, producer: TransactionalProducer) -> None:
        partition = self.rng.choice(PARTITIONS)
        values = [self._new_value() for _ in range(self.rng.randint(1, 2))]
        error = await self.answered(lambda: producer.send(*values, partition=partition))
        if await self._is_fenced(producer, error):
            return
        attempt = self._attempt_of(producer)
        self.written[partition] += [(value, attempt) for value in values]

    def _new_value(self) -> bytes:
        self.count += 1
        return b"%d" % self.count

    async def _is_fenced(self, producer: TransactionalProducer, error: str) -> bool:
        """Its transaction took too long: it has to begin again."""
        if error in FENCED:
            assert self.attempts[producer] is None, "fenced while its transaction was open"
            await self.init(producer)
            return True
        assert error == NONE
        return False

    async def commit_offset(self, producer: TransactionalProducer) -> None:
        self.count += 1
        offset = self.count
        error = await self.answered(lambda: producer.commit_offset("g", offset))
        if not await self._is_fenced(producer, error):
            self.offsets.append((offset, self._attempt_of(producer)))

    async def end(self, producer: TransactionalProducer) -> None:
        commit = self.rng.random() < 0.6
        error = await self.answered(lambda: producer.end(commit=commit))
        attempt = self.attempts[producer]
        if attempt is None and error == "invalid_txn_state":
            return  # nothing was open
        if await self._is_fenced(producer, error) or attempt is None:
            return
        attempt.fate = Fate.COMMITTED if commit else Fate.ABORTED
        self.attempts[producer] = None

    async def send_plainly(self) -> None:
        partition, value = self.rng.choice(PARTITIONS), self._new_value()
        batch = batch_of(
            value,
            producer_id=PLAIN_PRODUCER,
            producer_epoch=0,
            base_sequence=self.plain_sequences[partition],
        )

        async def operation() -> str:
            answer = await converse(
                self.services,
                ApiKey.PRODUCE,
                9,
                acks=-1,
                topic_data=topic_records(self.services, partition, batch),
            )
            return code(answer.responses[0].partition_responses[0])

        assert await self.answered(operation) == NONE
        self.plain_sequences[partition] += 1
        self.written[partition].append((value, COMMITTED))

    async def wait_long(self) -> None:
        self.clock.advance(TIMEOUT_MS + 1)

        async def operation() -> str:
            self.services.transactions.keep_time()
            for _ in range(6):
                self.services.appends.flush()
            return NONE

        await self.answered(operation)
        for producer in self.producers:
            self._abort(producer)

    # What must be true

    async def check(self) -> None:
        for partition in PARTITIONS:
            found = await committed_values(self.services, "t", partition)
            assert found == self._readable(partition), "not what was committed"
        answer = await converse(
            self.services,
            ApiKey.OFFSET_FETCH,
            5,
            group_id="g",
            topics=[{"name": "t", "partition_indexes": [0]}],
        )
        committed = [offset for offset, attempt in self.offsets if attempt.fate is Fate.COMMITTED]
        expected = committed[-1] if committed else -1
        assert answer.topics[0].partitions[0].committed_offset == expected, "another offset"

    def _readable(self, partition: int) -> list[bytes]:
        values = []
        for value, attempt in self.written[partition]:
            if attempt.fate is Fate.OPEN:
                break
            if attempt.fate is Fate.COMMITTED:
                values.append(value)
        return values


async def live(seed: int, *, spoil: Callable[[World], None] | None = None) -> World:
    world = World(random.Random(seed))
    for _ in range(STEPS):
        await world.step()
        await world.check()
    for producer in world.producers:
        await world.init(producer)
    if spoil:
        spoil(world)
    await world.check()
    await world.close()
    return world


@pytest.mark.parametrize("seed", range(60))
async def test_transactions_are_all_or_nothing_whatever_happens(seed: int) -> None:
    await live(seed)


async def test_brokers_do_die_in_these_lives() -> None:
    assert sum([(await live(seed)).kills for seed in range(5)]) > 20


def _lose_a_value(world: World) -> None:
    world.written[0].append((b"acknowledged, they say", COMMITTED))


def _forget_an_abort(world: World) -> None:
    for written in world.written.values():
        for number, (value, attempt) in enumerate(written):
            if attempt.fate is Fate.ABORTED:
                written[number] = value, COMMITTED


def _commit_an_offset(world: World) -> None:
    world.offsets.append((77_777, COMMITTED))


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (_lose_a_value, "not what was committed"),
        (_forget_an_abort, "not what was committed"),
        (_commit_an_offset, "another offset"),
    ],
)
async def test_each_checker_sees_the_fault_that_it_is_for(
    spoil: Callable[[World], None], complaint: str
) -> None:
    with pytest.raises(AssertionError, match=complaint):
        await live(3, spoil=spoil)
