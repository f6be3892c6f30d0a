"""Transactions in a modelled topic: their records, their markers, and who may see what of them.

What the coordinator does under failures has tests of its own; here nothing fails.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from streamcore.record.compression import Codec
from streamcore.record.control import Marker, MarkerType, encode_marker
from streamcore.record.records import read_records
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code, topic_parts
from tests.support.models.log_world import TOPIC
from tests.support.models.log_writing import LogWriters
from tests.support.models.partition_model import Batch, Transaction
from tests.support.models.sendings import Identity, Sending

TIMEOUT_MS = 900_000
JOINS_FROM = 12  # of Produce: a partition joins by being written to (KIP-890)
BUMPS_FROM = 5  # of EndTxn: each transaction has an epoch of its own


@dataclass(slots=True)
class Transactor:
    """A transactional producer, as a client of some age."""

    transactional_id: str
    is_new: bool
    producer_id: int = -1
    epoch: int = -1
    open: Transaction | None = None
    began_ms: int = 0
    partitions: set[int] = field(default_factory=set)
    sequences: dict[int, int] = field(default_factory=dict)

    @property
    def produce_versions(self) -> range:
        return range(JOINS_FROM, 14) if self.is_new else range(3, JOINS_FROM)

    @property
    def end_versions(self) -> range:
        return range(BUMPS_FROM, BUMPS_FROM + 1) if self.is_new else range(BUMPS_FROM)

    def become(self, producer_id: int, epoch: int) -> None:
        if (producer_id, epoch) != (self.producer_id, self.epoch):
            self.producer_id, self.epoch = producer_id, epoch
            self.sequences.clear()


@dataclass
class LogTransactors(LogWriters):
    """The world, and who writes to it in transactions."""

    transactors: list[Transactor] = field(default_factory=list)

    def write_in_transaction(self, transactor: Transactor, version: int, sending: Sending) -> None:
        """Write a batch that nothing is wrong with."""
        if transactor.producer_id < 0:
            self._begin(transactor)
        number = sending.partition
        sequence = transactor.sequences.get(number, 0)
        identity = Identity(transactor.producer_id, transactor.epoch, sequence)
        sending = replace(sending, identity=identity, is_transactional=True)
        if self.rules.refusal(sending, sending.data(), version, self.now_ms):
            return
        if not transactor.is_new:
            self._add(transactor, number)
        if transactor.open is None:
            transactor.open, transactor.began_ms = Transaction(), self.now_ms
        transaction = transactor.open
        transactor.partitions.add(number)
        self._append(replace(self.placed(sending), transaction=transaction), number)
        answer = self.broker.ask(
            ApiKey.PRODUCE,
            version,
            transactional_id=transactor.transactional_id,
            acks=-1,
            topic_data=[
                topic_parts(self.broker.services, [{"index": number, "records": sending.data()}])
            ],
        )
        assert code(answer.responses[0].partition_responses[0]) == NONE
        transactor.sequences[number] = sequence + len(sending.records)
        self.take_answers()

    def placed(self, sending: Sending) -> Batch:
        end = self.models[sending.partition].end
        return replace(self.rules.placed(sending, end, self.now_ms), identity=sending.identity)

    def _append(self, batch: Batch, number: int) -> None:
        model = self.models[number]
        model.staged.append(replace(batch, leader_epoch=model.leader_epoch))
        model.commit(self.rules.keeping, self.now_ms, is_written=True)

    def _ask(self, transactor: Transactor, api: ApiKey, version: int, **fields: Any) -> Any:
        return self.broker.ask(
            api,
            version,
            transactional_id=transactor.transactional_id,
            producer_id=transactor.producer_id,
            producer_epoch=transactor.epoch,
            **fields,
        )

    def _begin(self, transactor: Transactor) -> None:
        answer = self._ask(transactor, ApiKey.INIT_PRODUCER_ID, 5, transaction_timeout=TIMEOUT_MS)
        assert code(answer) == NONE
        transactor.become(answer.producer_id, answer.producer_epoch)

    def _add(self, transactor: Transactor, number: int) -> None:
        answer = self.broker.ask(
            ApiKey.ADD_PARTITIONS_TO_TXN,
            3,
            v3_and_below_transactional_id=transactor.transactional_id,
            v3_and_below_producer_id=transactor.producer_id,
            v3_and_below_producer_epoch=transactor.epoch,
            v3_and_below_topics=[{"name": TOPIC, "partitions": [number]}],
        )
        (found,) = answer.results_by_topic_v3_and_below
        assert found.results_by_partition[0].partition_error_code.name == NONE

    def end_transaction(self, transactor: Transactor, version: int, *, commit: bool) -> None:
        if transactor.open is None:
            return
        self._mark(transactor, commit=commit)
        answer = self._ask(transactor, ApiKey.END_TXN, version, committed=commit)
        assert code(answer) == NONE
        if transactor.is_new:
            transactor.become(answer.producer_id, answer.producer_epoch)
        self.take_answers()

    def on_time_passed(self, ms: int) -> None:
        """What has been open for too long is aborted: its producer has to begin again."""
        for transactor in self.transactors:
            is_open = transactor.open is not None
            if is_open and self.now_ms - transactor.began_ms >= TIMEOUT_MS:
                self._mark(transactor, commit=False)
                transactor.become(-1, -1)

    def _mark(self, transactor: Transactor, *, commit: bool) -> None:
        transaction, transactor.open = transactor.open, None
        assert transaction is not None
        transaction.end(commit=commit)
        kind = MarkerType.COMMIT if commit else MarkerType.ABORT
        data = encode_marker(
            Marker(kind, 0),
            producer_id=transactor.producer_id,
            producer_epoch=transactor.epoch,
            timestamp_ms=self.now_ms,
        )
        for number in sorted(transactor.partitions):
            base = self.models[number].end
            batch = Batch(
                base=base,
                records=tuple(replace(each, offset=base) for each in read_records(data)),
                codec=Codec.NONE,
                size=len(data),
                identity=Identity(transactor.producer_id, transactor.epoch, -1),
                transaction=transaction,
                is_marker=True,
            )
            self._append(batch, number)
        transactor.partitions.clear()
