"""Fetch (key 1), versions 4 to 16 (KIP-74 limits, KIP-320 epochs, KIP-516 topic ids).

A fetch that finds too little is parked until enough is appended or its time is over.
Not done: fetch sessions (declined with session id 0, KIP-227), followers (one replica
leads, so nobody else fetches), aborted transactions (there are none).
"""

import logging

from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, ReplyBody, Request
from streamcore.broker.services import BrokerServices
from streamcore.partition.replica import Replica
from streamcore.wire import fetch
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.fetch import (
    FetchedPartition,
    FetchedTopic,
    FetchRequest,
    WantedPartition,
    WantedTopic,
)

logger = logging.getLogger(__name__)

# The session epochs of a whole request: none is wanted, or a new one (KIP-227).
WHOLE_REQUEST_EPOCHS = (-1, 0)


class Look:
    """One look at all that a fetch wants: what is there now, and whether that is enough."""

    def __init__(self, services: BrokerServices, wanted: FetchRequest, version: int) -> None:
        self._services = services
        self._by_id = version >= fetch.TOPIC_IDS_FROM
        self._bytes_left = min(max(wanted.bytes_max, 0), services.settings.fetch_bytes_max)
        self.bytes_found = 0
        self.has_error = False
        self.replicas: list[Replica] = []
        self.topics = [self._topic(topic) for topic in wanted.topics]

    def _topic(self, wanted: WantedTopic) -> FetchedTopic:
        topics = self._services.topics
        if self._by_id:
            topic = topics.find_raw_id(wanted.key)
            missing = ErrorCode.UNKNOWN_TOPIC_ID
        else:
            topic = topics.find_raw(wanted.key)
            missing = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        if topic is None:
            found = [self._error(number, missing) for number, _, _, _ in wanted.partitions]
        else:
            replicas = topic.replicas
            found = [self._partition(replicas, part) for part in wanted.partitions]
        return FetchedTopic(wanted.key, found)

    def _partition(self, replicas: list[Replica], wanted: WantedPartition) -> FetchedPartition:
        number, leader_epoch, offset, bytes_max = wanted
        if not 0 <= number < len(replicas):
            return self._error(number, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
        replica = replicas[number]
        if leader_epoch != replica.leader_epoch and leader_epoch != fetch.NO_EPOCH:
            is_old = leader_epoch < replica.leader_epoch
            return self._error(
                number, ErrorCode.FENCED_LEADER_EPOCH if is_old else ErrorCode.UNKNOWN_LEADER_EPOCH
            )
        self.replicas.append(replica)
        high_watermark = replica.high_watermark
        if offset == high_watermark:
            # Nothing new: by far the usual. A woken fetch finds it in all partitions but one.
            return number, 0, high_watermark, replica.start_offset, (), 0
        # At least one whole batch goes out, however small the limits (KIP-74); once there
        # is something, the limits hold.
        bytes_max = min(max(bytes_max, 0), self._bytes_left)
        if self.bytes_found and bytes_max <= 0:
            return number, 0, high_watermark, replica.start_offset, (), 0
        return self._read(replica, number, offset, bytes_max)

    def _read(self, replica: Replica, number: int, offset: int, bytes_max: int) -> FetchedPartition:
        error, high_watermark, start_offset, pieces, size, reason = replica.fetch(
            offset, bytes_max=bytes_max
        )
        if reason and self._services.said_once.is_new(reason):
            logger.error("records cannot be read: %s", reason)
        if self.bytes_found and size > bytes_max:
            pieces, size = (), 0
        self.bytes_found += size
        self._bytes_left -= size
        self.has_error = self.has_error or error is not ErrorCode.NONE
        return number, error, high_watermark, start_offset, pieces, size

    def _error(self, number: int, error: ErrorCode) -> FetchedPartition:
        self.has_error = True
        return number, error, -1, -1, (), 0


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    version = request.api_version
    wanted = fetch.decode_request(body, version)
    if wanted.session_id != fetch.NO_SESSION and wanted.session_epoch not in WHOLE_REQUEST_EPOCHS:
        return fetch.encode_response([], version, error=ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
    look = Look(services, wanted, version)
    is_enough = look.bytes_found >= wanted.bytes_min or look.has_error
    if is_enough or wanted.max_wait_ms <= 0 or not look.replicas:
        return _encoded(look, wanted, version)
    return _parked(services, wanted, look, version)


def _parked(
    services: BrokerServices, wanted: FetchRequest, look: Look, version: int
) -> PendingReply:
    reply = PendingReply()

    def look_again() -> None:
        reply.resolve(_encoded(Look(services, wanted, version), wanted, version))

    reply.on_abandoned = services.fetches.park(
        look.replicas,
        bytes_missing=wanted.bytes_min - look.bytes_found,
        max_wait_ms=wanted.max_wait_ms,
        answer=look_again,
    )
    return reply


def _encoded(look: Look, wanted: FetchRequest, version: int) -> ReplyBody:
    return fetch.encode_response(look.topics, version, read_committed=wanted.read_committed)


HANDLER = Handler(
    api_key=ApiKey.FETCH,
    name="Fetch",
    min_version=4,
    max_version=16,
    flexible_from=fetch.FLEXIBLE_FROM,
    answer=answer,
    notes="fetch sessions are declined (session id 0)",
)
