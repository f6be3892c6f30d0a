"""Produce (key 0), versions 3 to 13 (KIP-98 idempotence and transactions, KIP-110 zstd since 7,
KIP-467 messages, KIP-516 topic ids, KIP-890 partitions that join a transaction by being written
to). They are listed from 0 on, as by Apache Kafka 4: librdkafka 2.0 would not compress otherwise
(KAFKA-18659).

All partitions of one request are staged in the tick in which it came; the answer goes
out when the tick is written. A request for one partition, as most clients send them, takes
a shorter way to the same end (`produce_routes`). A batch is kept whole or refused whole; the
records that are why are named (KIP-467), the first hundred of them. Who wants no answer (acks=0)
hears of a refusal by the end of its connection, as with Kafka.

Not done: leader hints (KIP-951), as one broker leads all.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, Request
from streamcore.broker.produce_routes import ProduceRoute
from streamcore.broker.receive_buffer import BadFrame
from streamcore.broker.refusals import error_words, journal_refusals, partition_place
from streamcore.broker.services import BrokerServices
from streamcore.broker.topics import Topic
from streamcore.broker.transactional_appends import TransactionalAppends
from streamcore.partition.replica import Placement, Replica
from streamcore.record.batch import ATTRIBUTES_LOW_AT, CODEC_MASK
from streamcore.record.compression import Codec
from streamcore.transactions.transaction import TransactionalId
from streamcore.wire import produce
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.errors_within import ErrorTally
from streamcore.wire.produce import (
    ACKS,
    ACKS_NONE,
    NO_TIMESTAMP,
    PARTITION_REPLY,
    PartitionRecords,
    PartitionResult,
    ProduceRequest,
)

Stager: TypeAlias = Callable[[Replica, memoryview], Placement]
"""Gives a batch its place, or says in the placement why it has none."""

ZSTD_FROM = 7

# A placed batch: its partition, and where and whether it is in the log.
Placed = tuple[int, Placement, int]


class ProduceReply(PendingReply):
    """The answer to one request, complete once the tick is written."""

    __slots__ = ("_topics", "_version")

    def __init__(self, topics: list[tuple[bytes, list[Placed]]], version: int) -> None:
        super().__init__(holds_later_frames=False)
        self._topics = topics
        self._version = version

    def on_kept(self, is_kept: bool) -> None:
        results = [
            (name, [_result(placed, is_kept) for placed in partitions])
            for name, partitions in self._topics
        ]
        self.resolve(produce.encode_response(results, self._version))


def _result(placed: Placed, is_kept: bool) -> PartitionResult:
    partition, placement, start_offset = placed
    error = placement.error
    if not is_kept and not error:
        error = ErrorCode.KAFKA_STORAGE_ERROR
    if not error:
        base_offset, append_time_ms = placement.base_offset, placement.append_time_ms
        return partition, 0, base_offset, append_time_ms, start_offset, None, ()
    reason = placement.reason or None
    return partition, error, -1, NO_TIMESTAMP, -1, reason, placement.record_errors


class OnePartitionReply(PendingReply):
    """The answer to a request for one partition: made beforehand but for two numbers."""

    __slots__ = ("_placement", "_route", "_start_offset", "_version")

    def __init__(self, route: ProduceRoute, placement: Placement, version: int) -> None:
        super().__init__(holds_later_frames=False)
        self._route = route
        self._placement = placement
        self._start_offset = route.replica.start_offset
        self._version = version

    def on_kept(self, is_kept: bool) -> None:
        route, placement = self._route, self._placement
        if is_kept and not placement.error:
            numbers = PARTITION_REPLY.pack(
                route.partition,
                0,
                placement.base_offset,
                placement.append_time_ms,
                self._start_offset,
            )
            self.resolve(route.reply_head + numbers + route.reply_tail)
        else:
            result = _result((route.partition, placement, self._start_offset), is_kept)
            self.resolve(produce.encode_response([(route.topic_key, [result])], self._version))


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    version = request.api_version
    cut = produce.cut_one_partition(body, version)
    if cut is not None and (version >= ZSTD_FROM or not _holds_zstd(cut[1])):
        prefix, records = cut
        route = services.produce_routes.find(prefix, version)
        if route is not None:
            return _answer_one(services, request, route, records)
    return answer_any(services, request, body)


def _answer_one(
    services: BrokerServices, request: Request, route: ProduceRoute, records: memoryview
) -> Reply:
    appends = services.appends
    placement = appends.stage(route.replica, records)
    if placement.error:
        placed = route.partition, placement, -1
        _note_refusals(services, request, route.acks, [(route.topic_key, [placed])])
    if route.acks == ACKS_NONE:
        appends.when_kept(_nobody_waits)
        return None
    reply = OnePartitionReply(route, placement, request.api_version)
    appends.when_kept(reply.on_kept)
    return reply


def answer_any(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    """Answer a request for any number of topics and partitions."""
    version = request.api_version
    wanted = produce.decode_request(body, version)
    if wanted.acks in ACKS:
        stage = _stager(services, wanted, version)
        by_id = version >= produce.TOPIC_IDS_FROM
        topics = [
            (
                key,
                _stage(services.topics.find_key(key, by_id=by_id), partitions, stage, by_id=by_id),
            )
            for key, partitions in wanted.topics
        ]
    else:
        refusal = Placement(
            error=ErrorCode.INVALID_REQUIRED_ACKS, reason=f"acks {wanted.acks} is not -1, 0 or 1"
        )
        topics = [(key, _refused(partitions, refusal)) for key, partitions in wanted.topics]
    if wanted.acks == ACKS_NONE:
        services.appends.when_kept(_nobody_waits)
    if any(part[1].error for _, placed in topics for part in placed):
        _note_refusals(services, request, wanted.acks, topics)
    if wanted.acks == ACKS_NONE:
        return None
    reply = ProduceReply(topics, version)
    services.appends.when_kept(reply.on_kept)
    return reply


def _nobody_waits(_: bool) -> None:
    """acks=0: the tick is still to be written."""


def _note_refusals(
    services: BrokerServices, request: Request, acks: int, topics: list[tuple[bytes, list[Placed]]]
) -> None:
    """Have the journal say what is refused. Raises `BadFrame` where nobody waits for an answer."""
    by_id = request.api_version >= produce.TOPIC_IDS_FROM
    tally = ErrorTally()
    for key, placed in topics:
        for partition, placement, _ in placed:
            if placement.error:
                place = partial(partition_place, services.topics, key, partition, by_id=by_id)
                tally.note(placement.error, place, placement.reason)
    errors = tally.errors()
    if acks == ACKS_NONE:
        raise BadFrame(f"Produce v{request.api_version} with acks=0: {error_words(errors[0])}")
    journal_refusals(services.peer_journal, request, errors)


def _stager(services: BrokerServices, wanted: ProduceRequest, version: int) -> Stager:
    stage: Stager = services.appends.stage
    if wanted.transactional_id is not None:
        transactional_id = TransactionalId(wanted.transactional_id)
        stage = TransactionalAppends(services, transactional_id, version).stage
    return stage if version >= ZSTD_FROM else partial(_stage_but_zstd, stage)


def _stage_but_zstd(stage: Stager, replica: Replica, records: memoryview) -> Placement:
    """Who speaks an older version is not to write what others of its age cannot read (KIP-110)."""
    if not _holds_zstd(records):
        return stage(replica, records)
    return Placement(
        error=ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, reason=f"zstd needs Produce {ZSTD_FROM}"
    )


def _holds_zstd(records: memoryview) -> bool:
    return (
        len(records) > ATTRIBUTES_LOW_AT and records[ATTRIBUTES_LOW_AT] & CODEC_MASK == Codec.ZSTD
    )


def _stage(
    topic: Topic | None, partitions: list[PartitionRecords], stage: Stager, *, by_id: bool
) -> list[Placed]:
    if topic is not None and not topic.is_internal:
        return [_staged(topic, part, stage) for part in partitions]
    if topic is not None:
        error = ErrorCode.INVALID_TOPIC_EXCEPTION
    elif by_id:
        error = ErrorCode.UNKNOWN_TOPIC_ID
    else:
        error = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return _refused(partitions, Placement(error=error))


def _refused(partitions: list[PartitionRecords], refusal: Placement) -> list[Placed]:
    return [(partition, refusal, -1) for partition, _ in partitions]


def _staged(topic: Topic, part: PartitionRecords, stage: Stager) -> Placed:
    partition, records = part
    replica = topic.replica(partition)
    if replica is None:
        return partition, Placement(error=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION), -1
    if records is None:
        return partition, Placement(error=ErrorCode.INVALID_RECORD, reason="no records"), -1
    return partition, stage(replica, records), replica.start_offset


HANDLER = Handler(
    api_key=ApiKey.PRODUCE,
    name="Produce",
    min_version=3,
    max_version=13,
    flexible_from=produce.FLEXIBLE_FROM,
    answer=answer,
    listed_from=0,
)
