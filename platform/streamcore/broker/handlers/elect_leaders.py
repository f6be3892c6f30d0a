"""ElectLeaders (key 43), versions 0 to 2 (KIP-183, KIP-460): there is one broker, so it leads.

A partition that is named needs no election; all of them asked for, none is in the answer.
"""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.elect_leaders import (
    PREFERRED_ELECTION,
    UNCLEAN_ELECTION,
    ElectionPartition,
    ElectionResult,
    ElectLeadersRequest,
    ElectLeadersResponse,
)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(ElectLeadersRequest, request.api_version, body)
    is_known_type = asked.election_type in (PREFERRED_ELECTION, UNCLEAN_ELECTION)
    response = ElectLeadersResponse(
        error_code=ErrorCode.NONE if is_known_type else ErrorCode.INVALID_REQUEST,
        replica_election_results=_results(services, asked, is_known_type=is_known_type),
    )
    return encode(response, request.api_version)


def _results(
    services: BrokerServices, asked: ElectLeadersRequest, *, is_known_type: bool
) -> tuple[ElectionResult, ...]:
    if asked.topic_partitions is None:
        topics = services.topics.all() if is_known_type else []
        return tuple(ElectionResult(topic=topic.name, partition_result=()) for topic in topics)
    refusal = (
        None
        if is_known_type
        else (ErrorCode.INVALID_REQUEST, f"Unknown election type {asked.election_type}")
    )
    return tuple(
        ElectionResult(
            topic=wanted.topic,
            partition_result=tuple(
                _partition(partition, *(refusal or _outcome(services, wanted.topic, partition)))
                for partition in wanted.partitions
            ),
        )
        for wanted in asked.topic_partitions
    )


def _partition(partition: int, error: ErrorCode, message: str) -> ElectionPartition:
    return ElectionPartition(partition_id=partition, error_code=error, error_message=message)


def _outcome(services: BrokerServices, name: str, partition: int) -> tuple[ErrorCode, str]:
    topic = services.topics.find(name)
    if topic is None:
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"No such topic as {name}"
    if topic.replica(partition) is None:
        return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"No such partition as {name}-{partition}"
    return ErrorCode.ELECTION_NOT_NEEDED, "Leader election not needed for topic partition."


HANDLER = Handler(
    api_key=ApiKey.ELECT_LEADERS,
    name="ElectLeaders",
    min_version=0,
    max_version=2,
    flexible_from=ElectLeadersRequest.FLEXIBLE_FROM,
    answer=answer,
)
