"""Records and transactions in the life of a broker, as they should be."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streamcore.broker.settings import FlushAcks
from streamcore.record.batch import TRANSACTIONAL_BIT
from streamcore.record.compression import Codec
from streamcore.record.records import Record, encode_batch
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code
from tests.support.writepoints.administering import Administering
from tests.support.writepoints.asking import FLUSH_MS
from tests.support.writepoints.promises import Batch, Fact, History, Transaction

TopicPlace = tuple[str, int]


@dataclass(slots=True)
class Producer:
    """An idempotent or transactional producer, and what it will send next."""

    producer_id: int
    epoch: int
    sequences: dict[TopicPlace, int]
    transactional_id: str | None = None
    transaction: Transaction | None = None
    is_new: bool = False  # what it writes joins the transaction by itself (KIP-890)


class Writing(Administering):
    """Records, plain ones and those of idempotent producers."""

    def __init__(self, seed: int, flush_acks: FlushAcks) -> None:
        super().__init__(seed, flush_acks)
        self.count = 0

    def _value(self) -> bytes:
        self.count += 1
        return b"%d:" % self.count + b"v" * self.rng.randint(0, 40)

    def new_producer(self) -> Producer:
        answer, moment = self.ask(
            ApiKey.INIT_PRODUCER_ID, 4, transactional_id=None, producer_id=-1, producer_epoch=-1
        )
        assert code(answer) == NONE
        self.producer_ids.append((moment, answer.producer_id))
        return Producer(answer.producer_id, answer.producer_epoch, {})

    def send(
        self,
        name: str,
        partition: int = 0,
        *,
        count: int | None = None,
        acks: int = -1,
        codec: Codec = Codec.NONE,
        producer: Producer | None = None,
        keys: Sequence[bytes | None] = (),
        forgets: bool = False,
    ) -> Batch:
        """Send a batch of some records; `settle` to have it acknowledged."""
        keys = keys or [None] * (count or self.rng.randint(1, 3))
        rows = [(key, None if forgets else self._value()) for key in keys]
        identity = None
        if producer is not None:
            sequence = producer.sequences.get((name, partition), 0)
            identity = producer.producer_id, producer.epoch, sequence
            producer.sequences[name, partition] = sequence + len(rows)
        transaction = producer.transaction if producer else None
        records = [Record(timestamp=self.now_ms, key=key, value=value) for key, value in rows]
        pid, epoch, sequence = identity or (-1, -1, -1)
        data = encode_batch(
            records,
            codec=codec,
            attributes=TRANSACTIONAL_BIT if transaction else 0,
            producer_id=pid,
            producer_epoch=epoch,
            base_sequence=sequence,
        )
        before = self.topic(name).partitions[partition].batches
        batch = Batch(
            asked=self.now,
            base=-1 if transaction else sum(len(each.rows) for each in before),
            rows=rows,
            data=data,
            timestamp=self.now_ms,
            identity=identity,
            transaction=transaction,
        )
        if transaction is not None:
            transaction.batches.append(batch)
        before.append(batch)
        self._produce(name, partition, batch, acks, producer)
        return batch

    def _produce(
        self, name: str, partition: int, batch: Batch, acks: int, producer: Producer | None
    ) -> None:
        is_synced = dict(self._state(name).configs).get("flush.messages") == "1"

        def on_answer(answer: Any, moment: int) -> None:
            placed = answer.responses[0].partition_responses[0]
            assert code(placed) == NONE, code(placed)
            assert placed.base_offset == batch.base or batch.transaction
            self.written(batch, moment, is_synced=is_synced)

        self.post(
            ApiKey.PRODUCE,
            12 if producer and producer.is_new else 9,
            on_answer,
            transactional_id=producer.transactional_id if producer else None,
            acks=acks,
            topic_data=[
                {
                    "name": name,
                    "partition_data": [{"index": partition, "records": batch.data}],
                }
            ],
        )

    def trim(self, name: str, partition: int) -> None:
        """Delete some of the oldest records."""
        life = self.topic(name).partitions[partition]
        if not life.batches:
            return
        chosen = self.rng.choice(life.batches)
        offset = max(life.starts.latest, chosen.base + self.rng.randint(0, len(chosen.rows)))
        fact = life.starts.change(Fact(self.now), offset)
        part = {"partition_index": partition, "offset": offset}
        answer, _ = self.ask(
            ApiKey.DELETE_RECORDS, 2, topics=[{"name": name, "partitions": [part]}]
        )
        assert code(answer.topics[0].partitions[0]) == NONE
        self.trimmed(fact)


class Transacting(Writing):
    """Transactions of older producers, which say beforehand where they will write, and new ones."""

    def __init__(self, seed: int, flush_acks: FlushAcks) -> None:
        super().__init__(seed, flush_acks)
        self.transactions: list[Transaction] = []
        self.aborted_offsets: list[tuple[Transaction, int]] = []

    def new_transactor(
        self, name: str, timeout_ms: int = 60_000, *, is_new: bool = False
    ) -> Producer:
        for _ in range(5):  # it may have to wait for the end of the one before
            answer, moment = self.ask(
                ApiKey.INIT_PRODUCER_ID,
                4,
                transactional_id=name,
                transaction_timeout=timeout_ms,
                producer_id=-1,
                producer_epoch=-1,
            )
            if code(answer) == NONE:
                self.producer_ids.append((moment, answer.producer_id))
                return Producer(answer.producer_id, answer.producer_epoch, {}, name, is_new=is_new)
            assert code(answer) == "concurrent_transactions"
            self.pass_time(FLUSH_MS)
        raise AssertionError("a producer waits for ever")

    def begin(self, producer: Producer, places: Sequence[TopicPlace]) -> Transaction:
        name = producer.transactional_id or ""
        transaction = Transaction(name)
        self.transactions.append(transaction)
        producer.transaction = transaction
        for topic, partition in () if producer.is_new else places:
            answer, _ = self.ask(
                ApiKey.ADD_PARTITIONS_TO_TXN,
                3,
                v3_and_below_transactional_id=name,
                v3_and_below_producer_id=producer.producer_id,
                v3_and_below_producer_epoch=producer.epoch,
                v3_and_below_topics=[{"name": topic, "partitions": [partition]}],
            )
            (found,) = answer.results_by_topic_v3_and_below
            assert found.results_by_partition[0].partition_error_code.name == NONE
        return transaction

    def commit_in(self, producer: Producer, group: str, topic: str, offset: int) -> None:
        identity: dict[str, Any] = {
            "transactional_id": producer.transactional_id,
            "producer_id": producer.producer_id,
            "producer_epoch": producer.epoch,
            "group_id": group,
        }
        if not producer.is_new:
            answer, _ = self.ask(ApiKey.ADD_OFFSETS_TO_TXN, 3, **identity)
            assert code(answer) == NONE
        part = {"partition_index": 0, "committed_offset": offset}
        answer, _ = self.ask(
            ApiKey.TXN_OFFSET_COMMIT,
            5 if producer.is_new else 3,
            **identity,
            generation_id=-1,
            generation_id_or_member_epoch=-1,
            member_id="",
            topics=[{"name": topic, "partitions": [part]}],
        )
        assert code(answer.topics[0].partitions[0]) == NONE

    def finish(
        self, producer: Producer, *, commit: bool, offset: tuple[str, str, int] | None = None
    ) -> None:
        """End the transaction; `offset` was committed in it."""
        transaction = producer.transaction
        assert transaction is not None
        transaction.end, transaction.is_commit = Fact(self.now), commit
        if offset is not None:
            group, topic, number = offset
            history = self.offsets.setdefault((group, topic), History(-1))
            if commit:
                history.change(transaction.end, number)
            else:
                self.aborted_offsets.append((transaction, number))
        answer, moment = self.ask(
            ApiKey.END_TXN,
            5 if producer.is_new else 3,
            transactional_id=producer.transactional_id,
            producer_id=producer.producer_id,
            producer_epoch=producer.epoch,
            committed=commit,
        )
        assert code(answer) == NONE
        self.written(transaction.end, moment)
        producer.transaction = None
        if producer.is_new:
            producer.producer_id, producer.epoch = answer.producer_id, answer.producer_epoch
            producer.sequences.clear()
