"""TxnOffsetCommit (key 28), versions 0 to 6 (KIP-98, KIP-447 members, KIP-890, KIP-1319 topic
ids): a group's offsets as part of a transaction.

They are written at once and count when the transaction's marker says so. Since version 5
the transaction need not have said before (AddOffsetsToTxn) that it would commit offsets.
"""

from collections.abc import Callable

from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, Request
from streamcore.broker.handlers.transaction_errors import told_as_abortable
from streamcore.broker.internal_log import Writer
from streamcore.broker.services import BrokerServices
from streamcore.groups.log_records import OFFSETS_TOPIC
from streamcore.transactions.decisions import Refused
from streamcore.transactions.transaction import Place, ProducerIdentity, TransactionalId
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.offset_commit import (
    OffsetCommitPartition,
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetCommitTopic,
)
from streamcore.wire.messages.txn_offset_commit import (
    TxnCommittedPartition,
    TxnCommittedTopic,
    TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
    TxnOffsetCommitTopic,
)

ABORTABLE_TOLD_FROM = 4
ADDS_PARTITION_FROM = 5
TOPIC_IDS_FROM = 6
NO_TOPIC = ""


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    version = request.api_version
    asked = decode(TxnOffsetCommitRequest, version, body)
    reply = PendingReply()

    def refuse(error: ErrorCode) -> None:
        told = told_as_abortable(error) if version >= ABORTABLE_TOLD_FROM else error
        topics = tuple(_refused(topic, told) for topic in asked.topics)
        reply.resolve(encode(TxnOffsetCommitResponse(topics=topics), version, about=asked))

    def on_answer(response: OffsetCommitResponse) -> None:
        reply.resolve(encode(_told(asked, response), version, about=asked))

    def commit() -> None:
        services.groups.commit(
            _named(services, asked, version),
            on_answer,
            writer=Writer(asked.producer_id, asked.producer_epoch),
        )

    _when_part_of_transaction(services, asked, version, commit, refuse)
    return reply


def _when_part_of_transaction(
    services: BrokerServices,
    asked: TxnOffsetCommitRequest,
    version: int,
    commit: Callable[[], None],
    refuse: Callable[[ErrorCode], None],
) -> None:
    transactional_id = TransactionalId(asked.transactional_id)
    identity = ProducerIdentity(asked.producer_id, asked.producer_epoch)
    place = Place(OFFSETS_TOPIC, services.groups.offsets_partition_of(asked.group_id))
    if version >= ADDS_PARTITION_FROM:
        services.transactions.add_places(
            transactional_id,
            identity,
            [place],
            lambda error: refuse(error) if error else commit(),
        )
        return
    try:
        services.transactions.coordinator.check_place(transactional_id, identity, place)
    except Refused as refusal:
        refuse(refusal.error)
        return
    commit()


def _named(
    services: BrokerServices, asked: TxnOffsetCommitRequest, version: int
) -> OffsetCommitRequest:
    """The same as a plain commit, with topics by name."""
    return OffsetCommitRequest(
        group_id=asked.group_id,
        generation_id=asked.generation_id,
        member_id=asked.member_id,
        group_instance_id=asked.group_instance_id,
        topics=tuple(
            OffsetCommitTopic(
                name=_name(services, topic, version),
                partitions=tuple(
                    OffsetCommitPartition(
                        partition_index=one.partition_index,
                        committed_offset=one.committed_offset,
                        committed_leader_epoch=one.committed_leader_epoch,
                        committed_metadata=one.committed_metadata,
                    )
                    for one in topic.partitions
                ),
            )
            for topic in asked.topics
        ),
    )


def _name(services: BrokerServices, topic: TxnOffsetCommitTopic, version: int) -> str:
    if version < TOPIC_IDS_FROM:
        return topic.name
    known = services.topics.find_id(topic.topic_id)
    return NO_TOPIC if known is None else known.name


def _told(asked: TxnOffsetCommitRequest, response: OffsetCommitResponse) -> TxnOffsetCommitResponse:
    """What was answered by name, under the name or id that was asked for."""
    return TxnOffsetCommitResponse(
        topics=tuple(
            _refused(topic, ErrorCode.UNKNOWN_TOPIC_ID)
            if answered.name == NO_TOPIC
            else TxnCommittedTopic(
                name=topic.name,
                topic_id=topic.topic_id,
                partitions=tuple(
                    TxnCommittedPartition(
                        partition_index=one.partition_index, error_code=one.error_code
                    )
                    for one in answered.partitions
                ),
            )
            for topic, answered in zip(asked.topics, response.topics, strict=True)
        )
    )


def _refused(topic: TxnOffsetCommitTopic, error: ErrorCode) -> TxnCommittedTopic:
    return TxnCommittedTopic(
        name=topic.name,
        topic_id=topic.topic_id,
        partitions=tuple(
            TxnCommittedPartition(partition_index=one.partition_index, error_code=error)
            for one in topic.partitions
        ),
    )


HANDLER = Handler(
    api_key=ApiKey.TXN_OFFSET_COMMIT,
    name="TxnOffsetCommit",
    min_version=0,
    max_version=6,
    flexible_from=TxnOffsetCommitRequest.FLEXIBLE_FROM,
    answer=answer,
)
