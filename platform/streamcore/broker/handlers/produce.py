"""Produce (key 0), versions 3 to 11 (KIP-98 idempotence, KIP-467 messages, KIP-951 tags).

All partitions of one request are staged in the tick in which it came; the answer goes
out when the tick is written. A request for one partition, as most clients send them, takes
a shorter way to the same end (`produce_routes`). A batch is kept whole or refused whole; the
records that are why are named (KIP-467), the first hundred of them. Not done: transactions.
"""

from streamcore.broker.append_round import AppendRound
from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, Request
from streamcore.broker.produce_routes import ProduceRoute
from streamcore.broker.services import BrokerServices
from streamcore.broker.topics import Topic
from streamcore.partition.replica import Placement
from streamcore.wire import produce
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.produce import (
    ACKS,
    ACKS_NONE,
    NO_TIMESTAMP,
    PARTITION_REPLY,
    PartitionRecords,
    PartitionResult,
    ProduceRequest,
)

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
    if not is_kept and error is ErrorCode.NONE:
        error = ErrorCode.KAFKA_STORAGE_ERROR
    if error is ErrorCode.NONE:
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
        if is_kept and placement.error is ErrorCode.NONE:
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
            self.resolve(produce.encode_response([(route.topic_name, [result])], self._version))


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    cut = produce.cut_one_partition(body, request.api_version)
    if cut is not None:
        prefix, records = cut
        route = services.produce_routes.find(prefix, request.api_version)
        if route is not None:
            return _answer_one(services.appends, route, records, request.api_version)
    return answer_any(services, request, body)


def _answer_one(
    appends: AppendRound, route: ProduceRoute, records: memoryview, version: int
) -> Reply:
    placement = appends.stage(route.replica, records)
    if route.acks == ACKS_NONE:
        appends.when_kept(_nobody_waits)
        return None
    reply = OnePartitionReply(route, placement, version)
    appends.when_kept(reply.on_kept)
    return reply


def answer_any(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    """Answer a request for any number of topics and partitions."""
    wanted = produce.decode_request(body, request.api_version)
    refusal = _refusal(wanted)
    if refusal is None:
        topics = _stage(services, wanted)
    else:
        topics = [
            (name, [(partition, refusal, -1) for partition, _ in partitions])
            for name, partitions in wanted.topics
        ]
    if wanted.acks == ACKS_NONE:
        services.appends.when_kept(_nobody_waits)
        return None
    reply = ProduceReply(topics, request.api_version)
    services.appends.when_kept(reply.on_kept)
    return reply


def _nobody_waits(_: bool) -> None:
    """acks=0: the tick is still to be written."""


def _refusal(wanted: ProduceRequest) -> Placement | None:
    """Why nothing of a request can be done."""
    if wanted.acks not in ACKS:
        return Placement(
            error=ErrorCode.INVALID_REQUIRED_ACKS, reason=f"acks {wanted.acks} is not -1, 0 or 1"
        )
    if wanted.transactional_id is not None:
        return Placement(
            error=ErrorCode.INVALID_TXN_STATE, reason="this broker has no transactions"
        )
    return None


def _stage(services: BrokerServices, wanted: ProduceRequest) -> list[tuple[bytes, list[Placed]]]:
    topics = []
    for name, partitions in wanted.topics:
        topic = services.topics.find_raw(name)
        if topic is not None and not topic.is_internal:
            placed = [_staged(services.appends, topic, part) for part in partitions]
        else:
            refusal = Placement(error=_refused_topic(topic))
            placed = [(partition, refusal, -1) for partition, _ in partitions]
        topics.append((name, placed))
    return topics


def _refused_topic(topic: Topic | None) -> ErrorCode:
    if topic is None:
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return ErrorCode.INVALID_TOPIC_EXCEPTION


def _staged(appends: AppendRound, topic: Topic, part: PartitionRecords) -> Placed:
    partition, records = part
    replica = topic.replica(partition)
    if replica is None:
        return partition, Placement(error=ErrorCode.UNKNOWN_TOPIC_OR_PARTITION), -1
    if records is None:
        return partition, Placement(error=ErrorCode.INVALID_RECORD, reason="no records"), -1
    return partition, appends.stage(replica, records), replica.start_offset


HANDLER = Handler(
    api_key=ApiKey.PRODUCE,
    name="Produce",
    min_version=3,
    max_version=11,
    flexible_from=produce.FLEXIBLE_FROM,
    answer=answer,
    notes="no transactions",
)
