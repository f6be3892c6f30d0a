"""AddPartitionsToTxn (key 24), versions 0 to 5 (KIP-98, KIP-890): a transaction is about to
write to partitions.

Since version 4 several transactions in one request, or only the question whether partitions
are part of one; of a transaction that is named twice the last word counts. Partitions that do not
exist have all of their request's refused, as in Kafka.
"""

from collections.abc import Callable, Sequence

from streamcore.broker.handlers.registry import Handler, PendingReply, Reply, Request
from streamcore.broker.handlers.transaction_errors import told_as_abortable, told_to_older
from streamcore.broker.services import BrokerServices
from streamcore.transactions.decisions import Refused
from streamcore.transactions.transaction import Place, ProducerIdentity, TransactionalId
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.add_partitions_to_txn import (
    AddedPartition,
    AddedResult,
    AddedTopic,
    AddedTransaction,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    TransactionTopic,
)

FENCED_TOLD_FROM = 2
SEVERAL_FROM = 4
ABORTABLE_TOLD_FROM = 5

Errors = dict[Place, ErrorCode]


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    version = request.api_version
    asked = decode(AddPartitionsToTxnRequest, version, body)
    reply = PendingReply()
    if version >= SEVERAL_FROM:
        by_id = {each.transactional_id: each for each in asked.transactions}
        _answer_several(services, list(by_id.values()), version, reply)
        return reply

    def on_answer(errors: Errors) -> None:
        topics = _topics(asked.topics, errors, version)
        response = AddPartitionsToTxnResponse(results_by_topic=topics)
        reply.resolve(encode(response, version, about=asked))

    _add(
        services,
        AddedTransaction(
            transactional_id=asked.transactional_id,
            producer_id=asked.producer_id,
            producer_epoch=asked.producer_epoch,
            topics=asked.topics,
        ),
        on_answer,
    )
    return reply


def _answer_several(
    services: BrokerServices,
    transactions: Sequence[AddedTransaction],
    version: int,
    reply: PendingReply,
) -> None:
    results: dict[int, Errors] = {}

    def resolve_when_whole() -> None:
        if len(results) == len(transactions):
            told = tuple(
                AddedResult(
                    transactional_id=each.transactional_id,
                    topic_results=_topics(each.topics, results[number], version),
                )
                for number, each in enumerate(transactions)
            )
            reply.resolve(encode(AddPartitionsToTxnResponse(results_by_transaction=told), version))

    def on_answer(number: int) -> Callable[[Errors], None]:
        def note(errors: Errors) -> None:
            results[number] = errors
            resolve_when_whole()

        return note

    for number, each in enumerate(transactions):
        (_verify if each.verify_only else _add)(services, each, on_answer(number))
    resolve_when_whole()


def _add(
    services: BrokerServices, asked: AddedTransaction, on_answer: Callable[[Errors], None]
) -> None:
    places = _places(asked.topics)
    unknown = {place for place in places if services.topics.replica(*place) is None}
    if unknown:
        missing, rest = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ErrorCode.OPERATION_NOT_ATTEMPTED
        on_answer({place: missing if place in unknown else rest for place in places})
        return
    services.transactions.add_places(
        TransactionalId(asked.transactional_id),
        ProducerIdentity(asked.producer_id, asked.producer_epoch),
        places,
        lambda error: on_answer(dict.fromkeys(places, error)),
    )


def _verify(
    services: BrokerServices, asked: AddedTransaction, on_answer: Callable[[Errors], None]
) -> None:
    errors = {}
    for place in _places(asked.topics):
        try:
            services.transactions.coordinator.check_place(
                TransactionalId(asked.transactional_id),
                ProducerIdentity(asked.producer_id, asked.producer_epoch),
                place,
            )
            errors[place] = ErrorCode.NONE
        except Refused as refusal:
            errors[place] = refusal.error
    on_answer(errors)


def _places(topics: Sequence[TransactionTopic]) -> list[Place]:
    return [Place(topic.name, partition) for topic in topics for partition in topic.partitions]


def _topics(
    topics: Sequence[TransactionTopic], errors: Errors, version: int
) -> tuple[AddedTopic, ...]:
    return tuple(
        AddedTopic(
            name=topic.name,
            results_by_partition=tuple(
                AddedPartition(
                    partition_index=partition,
                    partition_error_code=_told(errors[Place(topic.name, partition)], version),
                )
                for partition in topic.partitions
            ),
        )
        for topic in topics
    )


def _told(error: ErrorCode, version: int) -> ErrorCode:
    if version < FENCED_TOLD_FROM:
        return told_to_older(error)
    return told_as_abortable(error) if version >= ABORTABLE_TOLD_FROM else error


HANDLER = Handler(
    api_key=ApiKey.ADD_PARTITIONS_TO_TXN,
    name="AddPartitionsToTxn",
    min_version=0,
    max_version=5,
    flexible_from=AddPartitionsToTxnRequest.FLEXIBLE_FROM,
    answer=answer,
)
