"""A transactional producer that asks a simulated broker as a client of some age does."""

from collections.abc import Awaitable, Callable
from typing import Any

from streamcore.broker.services import BrokerServices
from streamcore.record.batch import TRANSACTIONAL_BIT
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code, id_of, topic_records
from tests.support.kio_peer import converse
from tests.support.simulated_broker import batch_of

Conversation = Callable[..., Awaitable[Any]]
"""Asks a broker and returns its answer, as `kio_peer.converse` does."""


class TransactionalProducer:
    """`is_new`: it follows transaction.version 2, whose writes join the transaction (KIP-890)."""

    def __init__(
        self,
        services: BrokerServices,
        transactional_id: str = "tx",
        *,
        is_new: bool,
        conversation: Conversation = converse,
    ) -> None:
        self.services = services
        self._converse = conversation
        self.transactional_id = transactional_id
        self.is_new = is_new
        self.producer_id = -1
        self.epoch = -1
        self.sequences: dict[tuple[str, int], int] = {}

    async def ask(self, api: ApiKey, version: int, **fields: Any) -> Any:
        return await self._converse(
            self.services,
            api,
            version,
            transactional_id=self.transactional_id,
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            **fields,
        )

    async def init(self, *, timeout_ms: int = 60_000, goes_on: bool = False) -> str:
        """Begin, or go on with the identity it has; return the error."""
        if not goes_on:
            self.producer_id, self.epoch = -1, -1
        answer = await self.ask(ApiKey.INIT_PRODUCER_ID, 5, transaction_timeout=timeout_ms)
        if code(answer) == NONE:
            self._become(answer.producer_id, answer.producer_epoch)
        return code(answer)

    def _become(self, producer_id: int, epoch: int) -> None:
        if (producer_id, epoch) != (self.producer_id, self.epoch):
            self.producer_id, self.epoch = producer_id, epoch
            self.sequences.clear()

    async def send(self, *values: bytes, topic: str = "t", partition: int = 0) -> str:
        """Write in the transaction; return the error."""
        if not self.is_new:
            error = await self.add(topic, partition)
            if error != NONE:
                return error
        sequence = self.sequences.get((topic, partition), 0)
        error = await self.produce(*values, topic=topic, partition=partition, sequence=sequence)
        if error == NONE:
            self.sequences[topic, partition] = sequence + len(values)
        return error

    async def add(self, topic: str, partition: int) -> str:
        """Say that the transaction will write to a partition, as older clients have to."""
        answer = await self._converse(
            self.services,
            ApiKey.ADD_PARTITIONS_TO_TXN,
            3,
            v3_and_below_transactional_id=self.transactional_id,
            v3_and_below_producer_id=self.producer_id,
            v3_and_below_producer_epoch=self.epoch,
            v3_and_below_topics=[{"name": topic, "partitions": [partition]}],
        )
        (found,) = answer.results_by_topic_v3_and_below
        return str(found.results_by_partition[0].partition_error_code.name)

    async def produce(
        self, *values: bytes, topic: str = "t", partition: int = 0, sequence: int
    ) -> str:
        batch = batch_of(
            *values,
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            base_sequence=sequence,
            attributes=TRANSACTIONAL_BIT,
        )
        answer = await self._converse(
            self.services,
            ApiKey.PRODUCE,
            13 if self.is_new else 9,
            transactional_id=self.transactional_id,
            acks=-1,
            topic_data=topic_records(self.services, partition, batch, topic),
        )
        return code(answer.responses[0].partition_responses[0])

    async def commit_offset(
        self, group: str, offset: int, *, topic: str = "t", metadata: str = ""
    ) -> str:
        """Commit a group's offset of partition 0 in the transaction; return the error."""
        if not self.is_new:
            answer = await self.ask(ApiKey.ADD_OFFSETS_TO_TXN, 3, group_id=group)
            if code(answer) != NONE:
                return code(answer)
        answer = await self.ask(
            ApiKey.TXN_OFFSET_COMMIT,
            5 if self.is_new else 3,
            group_id=group,
            generation_id=-1,
            generation_id_or_member_epoch=-1,
            member_id="",
            topics=[
                {
                    "name": topic,
                    "topic_id": id_of(self.services, topic),
                    "partitions": [
                        {
                            "partition_index": 0,
                            "committed_offset": offset,
                            "committed_metadata": metadata,
                        }
                    ],
                }
            ],
        )
        return code(answer.topics[0].partitions[0])

    async def end(self, *, commit: bool) -> str:
        """Commit or abort; return the error."""
        answer = await self.ask(ApiKey.END_TXN, 5 if self.is_new else 3, committed=commit)
        if code(answer) == NONE and self.is_new:
            self._become(answer.producer_id, answer.producer_epoch)
        return code(answer)
