"""DescribeProducers (key 61): who writes to a partition, and what each has open. Version 0."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    ERROR_CODE,
    ERROR_MESSAGE,
    INT32,
    INT64,
    STRING,
    Message,
    Part,
    array,
)


class DescribedTopic(Part):
    name: Annotated[str, STRING]
    partition_indexes: Annotated[tuple[int, ...], array(INT32)]


class DescribeProducersRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 0
    topics: Annotated[tuple[DescribedTopic, ...], array(DescribedTopic)]


class ActiveProducer(Part):
    """`current_txn_start_offset` -1: it has no transaction open here."""

    producer_id: Annotated[int, INT64]
    producer_epoch: Annotated[int, INT32]
    last_sequence: Annotated[int, INT32] = -1
    last_timestamp: Annotated[int, INT64] = -1
    coordinator_epoch: Annotated[int, INT32]
    current_txn_start_offset: Annotated[int, INT64] = -1


class ProducersPartition(Part):
    partition_index: Annotated[int, INT32]
    error_code: Annotated[int, ERROR_CODE] = 0
    error_message: Annotated[str | None, ERROR_MESSAGE] = None
    active_producers: Annotated[tuple[ActiveProducer, ...], array(ActiveProducer)] = ()


class ProducersTopic(Part):
    name: Annotated[str, STRING]
    partitions: Annotated[tuple[ProducersPartition, ...], array(ProducersPartition)]


class DescribeProducersResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 0
    throttle_time_ms: Annotated[int, INT32] = 0
    topics: Annotated[tuple[ProducersTopic, ...], array(ProducersTopic)]
