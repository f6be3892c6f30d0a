"""A broker that is attacked, one that does everything right beside it, and what has to hold."""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any, Final

from groundwork.simulated.clocks import VirtualClock
from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.handlers.registry import Handler
from streamcore.broker.services import BrokerServices
from streamcore.broker.topics import Topic
from streamcore.partition.replica import Replica
from streamcore.record.batch import CONTROL_BIT, BatchHeader, checked_header
from streamcore.record.records import read_records
from streamcore.transactions.transaction import NO_EPOCH
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import create
from tests.support.fuzzing.peers import KEPT_TOPIC, TURNS, Bystander, Peer
from tests.support.fuzzing.requests import Case, framed, head, make_case, read_answer
from tests.support.fuzzing.vocabulary import Vocabulary
from tests.support.inline_executor import InlineExecutor
from tests.support.simulated_broker import assembled
from tests.support.virtual_loop import turns

# Longer than anybody may be made to wait by a number of 32 bits.
FOR_EVER_MS: Final = 2**31
# Behind each case comes a question that is always answered; its number is the case's and this,
# which no fault of a bit or a byte makes of it.
PROBE: Final = 0x55555555
PEERS: Final = 3
# Cases that one peer has sent and that are not over.
WAITING_MAX: Final = 3
BYSTANDER_EVERY: Final = 10
# A producer may pack what it likes: whoever then looks for a time in it is told that it cannot be.
OWN_FAULT: Final = "time look-up in "
SETTINGS: Final[dict[str, Any]] = {
    "partitions_per_topic_max": 8,
    "topics_max": 16,
    "offsets_topic_num_partitions": 2,
    "transaction_state_log_num_partitions": 2,
    "message_bytes_max": 20_000,
    "peer_lines_per_minute": 1_000_000,
    "offsets_retention_minutes": 100 * 366 * 24 * 60,
}


class Journal(logging.Handler):
    """What the broker says while it is attacked."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self.faults: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        self.lines.append(line)
        if record.levelno >= logging.ERROR and not line.startswith(OWN_FAULT):
            self.faults.append(line)


@contextlib.contextmanager
def journal() -> Iterator[Journal]:
    """Hear the broker's warnings, and keep them from everybody else."""
    logger, heard = logging.getLogger("streamcore"), Journal()
    was_propagating, logger.propagate = logger.propagate, False
    logger.addHandler(heard)
    try:
        yield heard
    finally:
        logger.removeHandler(heard)
        logger.propagate = was_propagating


class Scene:
    """One attack, from a seed."""

    def __init__(self, clock: VirtualClock, seed: str, heard: Journal) -> None:
        self.rng = Random(seed)
        self.clock = clock
        self.disk = SimulatedDirectory()
        self.services = self._opened(seed=1)
        kept = self._make_topics()
        self.words = Vocabulary(self.rng, taboo=[kept.topic_id])
        self._heard = heard
        self._ports = itertools.count(10_000)
        self._peers = [Peer(self.services, next(self._ports)) for _ in range(PEERS)]
        self._number = 0
        self._bystander = Bystander(self.services)

    def _opened(self, seed: int) -> BrokerServices:
        """A broker without threads, so that a seed does the same each time."""
        services = assembled(self.disk, clock=self.clock, seed=seed, **SETTINGS)
        services.durability._thread = InlineExecutor()  # type: ignore[assignment]  # has what is used
        return services

    def _make_topics(self) -> Topic:
        """Topics with few rules and with many; return the one that nobody is to touch."""
        create(self.services, "t", 2)
        create(self.services, "compacted", 1, cleanup_policy="compact")
        create(
            self.services,
            "strict",
            1,
            compression_type="zstd",
            message_timestamp_after_max_ms="60000",
            max_decompressed_message_bytes="1000",
        )
        create(self.services, KEPT_TOPIC, 1)
        kept = self.services.topics.find(KEPT_TOPIC)
        assert kept is not None
        return kept

    # -- one case --

    async def attack(self, handler: Handler, version: int) -> None:
        """Send one request, right or wrong, and see that the broker bears it."""
        self._number += 1
        case = make_case(self.words, handler, version, self._number)
        try:
            await self._send(case)
            if self._number % BYSTANDER_EVERY == 0:
                await self._bystander.act()
        except BaseException as fault:
            fault.add_note(f"{handler.name} v{version}, case {case.number}: {case.data.hex()}")
            raise

    async def _send(self, case: Case) -> None:
        peer = self.rng.choice(self._peers)
        probe = framed(head(ApiKey.API_VERSIONS, 0, case.number ^ PROBE, flexible=False))
        peer.waiting.append(case)
        peer.send(case.data + probe, piece=self.rng.choice((1 << 20, 1 << 20, 7)))
        await self._go_round()
        if not case.is_whole:
            if peer in self._peers:
                self._replace(peer)
        elif len(peer.waiting) > WAITING_MAX or self.rng.random() < 0.1:
            await self._be_patient()
        elif peer.waiting:
            self.clock.advance(self.rng.choice((0, 0, 1, 500, 20_000)))

    async def _be_patient(self) -> None:
        """By and by, everybody is answered or cut: each request may make those behind it wait."""
        for _ in range(WAITING_MAX + 1):
            if any(peer.waiting for peer in self._peers):
                self.clock.advance(FOR_EVER_MS)
                await self._go_round()
        left = [case.number for peer in self._peers for case in peer.waiting]
        assert not left, f"neither answered nor cut: {left}"

    async def _go_round(self) -> None:
        for _ in range(TURNS):
            for peer in self._peers:
                self._take_answers(peer)
            if not any(peer.waiting for peer in self._peers):
                return
            await turns(1)

    def _take_answers(self, peer: Peer) -> None:
        peer.send()
        for number, answer in peer.take_answers():
            case = peer.waiting[0]  # answers come in the order of the questions
            if number == case.number ^ PROBE:
                peer.waiting.pop(0)
            elif case.is_known:
                assert number == case.number
                self.words.heard(read_answer(case, answer))
        if peer.is_closed:
            assert any(peer.name in line for line in self._heard.lines), "cut without a word"
            self._replace(peer)

    def _replace(self, peer: Peer) -> None:
        peer.lose()
        self._heard.lines = [line for line in self._heard.lines if peer.name not in line]
        at = self._peers.index(peer)
        self._peers[at] = Peer(self.services, next(self._ports))

    # -- afterwards --

    async def end(self) -> None:
        """All that was acknowledged is there, and a broker on the same disk opens in peace."""
        await self._bystander.act()
        for peer in self._peers:
            peer.lose()
        self._bystander.leave()
        await turns(TURNS)
        assert not self._heard.faults, self._heard.faults
        before = _state(self.services)
        self._check_kept(self.services)
        for replica in self.services.topics.replicas():
            assert all(_batches(replica))
        if self.rng.random() < 0.5:  # else it was killed
            self.services.groups.close()
            await self.services.durability.close()
            self.services.topics.close()
        self.services.fetches.on_shutdown()
        self._heard.lines.clear()
        again = self._opened(seed=2)
        assert self._heard.lines == []
        for key, value in _state(again).items():
            assert value == before[key]
        self._check_kept(again)
        await again.durability.close()
        again.topics.close()

    def _check_kept(self, services: BrokerServices) -> None:
        """What the bystander wrote is there, once and in order."""
        replica = services.topics.replica(KEPT_TOPIC, 0)
        assert replica is not None
        found = [
            record.value
            for header, batch in _batches(replica)
            if not header.attributes & CONTROL_BIT
            for record in read_records(batch)
        ]
        assert found == self._bystander.kept


def _state(services: BrokerServices) -> Mapping[str, object]:
    """All that has to survive the end of a broker."""
    offsets = services.groups.coordinator.offsets
    return {
        "topics": {
            topic.name: (
                topic.topic_id,
                topic.configs,
                [(int(r.start_offset), int(r.high_watermark)) for r in topic.replicas],
                [r.producers.snapshot() for r in topic.replicas],
            )
            for topic in services.topics.all()
            if not topic.is_internal
        },
        "offsets": {group: dict(offsets.of_group(group)) for group in offsets.group_ids()},
        # An epoch that is given again to who lost the answer is not kept, as by Kafka.
        "transactions": {
            each.transactional_id: replace(each, last_epoch=NO_EPOCH)
            for each in services.transactions.coordinator.all()
        },
    }


def _batches(replica: Replica) -> Iterator[tuple[BatchHeader, bytes]]:
    """All batches of a log as readers get them, each right and each behind the other."""
    next_offset = int(replica.start_offset)
    while next_offset < replica.high_watermark:
        data = b"".join(replica.fetch(next_offset, bytes_max=1 << 30).pieces)
        assert data
        at = 0
        while at < len(data):
            header = checked_header(memoryview(data), at)
            assert header.base_offset <= next_offset < header.next_offset
            yield header, data[at : at + header.size]
            next_offset, at = header.next_offset, at + header.size
    assert next_offset == replica.high_watermark


@contextlib.asynccontextmanager
async def attacked(clock: VirtualClock, seed: str) -> AsyncIterator[Scene]:
    """Have a broker to attack; afterwards all that has to hold is looked at."""
    with journal() as heard:
        scene = Scene(clock, seed, heard)
        services = scene.services
        async with asyncio.TaskGroup() as tasks:
            upkeep = [
                tasks.create_task(part.run())
                for part in (services.groups, services.transactions, services.durability)
            ]
            yield scene
            for task in upkeep:
                task.cancel()
        await scene.end()
