"""DescribeProducers (key 61), version 0 (KIP-664): who writes to a partition, and since which
offset each has a transaction open there.

A partition that is named again is described again, but not for ever: answers stay in proportion to
what there is.
"""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.handlers.repetitions import Repetitions
from streamcore.broker.services import BrokerServices
from streamcore.partition.producers import ProducerState
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.describe_producers import (
    ActiveProducer,
    DescribeProducersRequest,
    DescribeProducersResponse,
    ProducersPartition,
    ProducersTopic,
)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(DescribeProducersRequest, request.api_version, body)
    again = Repetitions()
    topics = tuple(
        ProducersTopic(
            name=topic.name,
            partitions=tuple(
                _partition(services, topic.name, number)
                for number in topic.partition_indexes
                if again.admit((topic.name, number))
            ),
        )
        for topic in asked.topics
    )
    return encode(DescribeProducersResponse(topics=topics), request.api_version)


def _partition(services: BrokerServices, topic: str, number: int) -> ProducersPartition:
    replica = services.topics.replica(topic, number)
    if replica is None:
        return ProducersPartition(
            partition_index=number, error_code=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        )
    return ProducersPartition(
        partition_index=number,
        active_producers=tuple(
            _producer(producer_id, state) for producer_id, state in replica.producers.states.items()
        ),
    )


def _producer(producer_id: int, state: ProducerState) -> ActiveProducer:
    return ActiveProducer(
        producer_id=producer_id,
        producer_epoch=state.epoch,
        last_sequence=state.last_sequence,
        last_timestamp=state.last_timestamp,
        coordinator_epoch=state.coordinator_epoch,
        current_txn_start_offset=state.transaction_start,
    )


HANDLER = Handler(
    api_key=ApiKey.DESCRIBE_PRODUCERS,
    name="DescribeProducers",
    min_version=0,
    max_version=0,
    flexible_from=DescribeProducersRequest.FLEXIBLE_FROM,
    answer=answer,
)
