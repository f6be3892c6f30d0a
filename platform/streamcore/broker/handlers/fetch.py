"""Fetch (key 1), versions 4 to 18 (KIP-74 limits, KIP-98 committed records, KIP-227 sessions,
KIP-320 epochs, KIP-516 topic ids, KIP-951 leader hints).

A fetch that finds too little is parked until enough is appended or its time is over. Not
done: followers (one replica leads, so nobody else fetches), preferred read replicas.
"""

import logging
from collections.abc import Sequence
from functools import partial

from streamcore.broker.fetch_sessions import FetchSession
from streamcore.broker.handlers.broker_place import broker_place
from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, ReplyBody, Request
from streamcore.broker.refusals import journal_refusals, partition_place
from streamcore.broker.services import BrokerServices
from streamcore.partition.replica import Replica, next_offset_behind
from streamcore.wire import fetch
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.errors_within import AnsweredError, ErrorTally
from streamcore.wire.fetch import (
    FetchedPartition,
    FetchedTopic,
    FetchRequest,
    LeaderAddress,
    Particulars,
    WantedPartition,
    WantedTopic,
)

logger = logging.getLogger(__name__)


class Look:
    """One look at all that a fetch wants: what is there now, and whether that is enough."""

    def __init__(
        self,
        services: BrokerServices,
        wanted: FetchRequest,
        topics: list[WantedTopic],
        *,
        by_id: bool,
    ) -> None:
        self._services = services
        self._by_id = by_id
        self._is_committed_only = wanted.read_committed
        self._bytes_left = min(max(wanted.bytes_max, 0), services.settings.fetch_bytes_max)
        self.bytes_found = 0
        self.has_error = False
        self.is_cut = False  # by the request's limits
        self.tells_leader = False
        self.replicas: list[Replica] = []
        self.topics = [self._topic(topic) for topic in topics]

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
            return self._wrong_epoch(number, replica, leader_epoch)
        self.replicas.append(replica)
        end, stable = replica.high_watermark, replica.last_stable_offset
        if offset == (stable if self._is_committed_only else end):
            # Nothing new: by far the usual. A woken fetch finds it in all partitions but one.
            return number, 0, end, stable, replica.start_offset, (), 0, None
        # At least one whole batch goes out, however small the limits (KIP-74); once there
        # is something, the limits hold.
        bytes_max = min(max(bytes_max, 0), self._bytes_left)
        if self.bytes_found and bytes_max <= 0 and replica.start_offset <= offset <= end:
            self.is_cut = True
            return number, 0, end, stable, replica.start_offset, (), 0, None
        return self._read(replica, number, offset, bytes_max)

    def _read(self, replica: Replica, number: int, offset: int, bytes_max: int) -> FetchedPartition:
        error, end, stable, start, pieces, size, reason = replica.fetch(
            offset, bytes_max=bytes_max, is_committed_only=self._is_committed_only
        )
        if reason and self._services.said_once.is_new(reason):
            logger.error("records cannot be read: %s", reason)
        if self.bytes_found and size > bytes_max:
            self.is_cut = True
            pieces, size = (), 0
        self.bytes_found += size
        self._bytes_left -= size
        self.has_error = self.has_error or error is not ErrorCode.NONE
        particulars = None
        if size and self._is_committed_only and replica.has_aborted:
            aborted = replica.aborted_in(offset, pieces)
            particulars = Particulars([(each.producer_id, each.first_offset) for each in aborted])
        return number, error, end, stable, start, pieces, size, particulars

    def leaves_some(self) -> bool:
        """Whether there is more than it took: limits came first, or a segment's end did."""
        return self.is_cut or any(
            size and next_offset_behind(pieces[-1]) < (stable if self._is_committed_only else end)
            for topic in self.topics
            for _, _, end, stable, _, pieces, size, _ in topic.partitions
        )

    def errors(self) -> Sequence[AnsweredError]:
        """What the journal is told of: the answer says it to the client."""
        tally = ErrorTally()
        for key, partitions in self.topics:
            for partition in partitions:
                if partition[1]:
                    place = partial(
                        partition_place, self._services.topics, key, partition[0], by_id=self._by_id
                    )
                    tally.note(partition[1], place)
        return tally.errors()

    def _wrong_epoch(self, number: int, replica: Replica, leader_epoch: int) -> FetchedPartition:
        if leader_epoch > replica.leader_epoch:
            return self._error(number, ErrorCode.UNKNOWN_LEADER_EPOCH)
        self.tells_leader = True
        particulars = Particulars(leader_epoch=replica.leader_epoch)
        return self._error(number, ErrorCode.FENCED_LEADER_EPOCH, particulars)

    def _error(
        self, number: int, error: ErrorCode, particulars: Particulars | None = None
    ) -> FetchedPartition:
        self.has_error = True
        return number, error, -1, -1, -1, (), 0, particulars


class Fetching:
    """One request on its way to its answer: with its session, where it has one."""

    def __init__(
        self,
        services: BrokerServices,
        request: Request,
        wanted: FetchRequest,
        session: FetchSession | None,
    ) -> None:
        self._services = services
        self._request = request
        self._wanted = wanted
        self._version = request.api_version
        self._session = session
        self._topics = wanted.topics if session is None else session.topics()

    def reply(self) -> Reply:
        wanted = self._wanted
        look = self._look()
        is_enough = look.bytes_found >= wanted.bytes_min or look.has_error
        if is_enough or wanted.max_wait_ms <= 0 or not look.replicas:
            return self._encoded(look)
        if look.bytes_found and look.leaves_some():
            # Whatever else is appended, the answer would be no larger.
            return self._encoded(look)
        reply = PendingReply()

        def look_again() -> None:
            reply.resolve(self._encoded(self._look()))

        reply.on_abandoned = self._services.fetches.park(
            look.replicas,
            bytes_missing=wanted.bytes_min - look.bytes_found,
            max_wait_ms=wanted.max_wait_ms,
            is_committed_only=wanted.read_committed,
            answer=look_again,
        )
        return reply

    @property
    def _leader(self) -> LeaderAddress:
        return LeaderAddress(*broker_place(self._services, self._request.listener))

    def _look(self) -> Look:
        by_id = self._version >= fetch.TOPIC_IDS_FROM
        return Look(self._services, self._wanted, self._topics, by_id=by_id)

    def _encoded(self, look: Look) -> ReplyBody:
        if look.has_error:
            journal_refusals(self._services.peer_journal, self._request, look.errors())
        session, topics = self._session, look.topics
        if session is not None:
            news = session.news(topics)
            topics = news if self._wanted.is_incremental else topics
        return fetch.encode_response(
            topics,
            self._version,
            read_committed=self._wanted.read_committed,
            session_id=fetch.NO_SESSION if session is None else session.session_id,
            leader=self._leader if look.tells_leader else None,
        )


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    version = request.api_version
    wanted = fetch.decode_request(body, version)
    sessions = services.fetch_sessions
    by_id = version >= fetch.TOPIC_IDS_FROM
    session = None
    if wanted.is_incremental:
        session = sessions.find(wanted.session_id)
        fault = _session_fault(session, wanted, by_id=by_id)
        if session is None or fault:
            return fetch.encode_response([], version, error=fault)
        sessions.go_on(session, wanted)
    else:
        if wanted.session_id != fetch.NO_SESSION:
            sessions.end(wanted.session_id)
        if wanted.session_epoch == fetch.NEW_SESSION_EPOCH:
            session = sessions.begin(wanted, by_id=by_id)
    return Fetching(services, request, wanted, session).reply()


def _session_fault(session: FetchSession | None, wanted: FetchRequest, *, by_id: bool) -> ErrorCode:
    if session is None:
        return ErrorCode.FETCH_SESSION_ID_NOT_FOUND
    if session.epoch != wanted.session_epoch:
        return ErrorCode.INVALID_FETCH_SESSION_EPOCH
    if session.by_id != by_id:
        return ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR
    return ErrorCode.NONE


HANDLER = Handler(
    api_key=ApiKey.FETCH,
    name="Fetch",
    min_version=4,
    max_version=18,
    flexible_from=fetch.FLEXIBLE_FROM,
    answer=answer,
)
