"""Refusals that leave the connection open: which are a peer's fault, and the line about them.

Whatever an error code tells a client, the journal says too, if the client has asked for
something wrong: once a minute for each address, API and place, and bounded in all
(`security.complaints`). What happens to clients that do everything right is not said.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final
from uuid import UUID

from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode as E
from streamcore.wire.errors_within import AnsweredError, place_of

if TYPE_CHECKING:
    from streamcore.broker.handlers.registry import Request
    from streamcore.broker.security.peer_journal import PeerJournal
    from streamcore.broker.topics import TopicCatalogue

CLIENT_ID_SHOWN: Final = 60

# What a peer has done wrong, for where the answer has no words of its own.
FAULTS: Final[Mapping[int, str]] = {
    # records
    E.CORRUPT_MESSAGE: "the checksum does not fit the batch",
    E.INVALID_RECORD: "the batch is not as it should be",
    E.MESSAGE_TOO_LARGE: "the batch is too large",
    E.UNSUPPORTED_FOR_MESSAGE_FORMAT: "the format of its records cannot do this",
    E.UNSUPPORTED_COMPRESSION_TYPE: "the codec is not known, or not to this version",
    E.INVALID_TIMESTAMP: "the time of a record is out of range",
    E.INVALID_REQUIRED_ACKS: "acks is none of -1, 0 and 1",
    # producers and transactions
    E.OUT_OF_ORDER_SEQUENCE_NUMBER: "the sequence does not follow the last one",
    E.INVALID_PRODUCER_EPOCH: "the producer has an old epoch",
    E.PRODUCER_FENCED: "the producer was replaced by a newer one",
    E.UNKNOWN_PRODUCER_ID: "nothing is known of the producer",
    E.INVALID_PRODUCER_ID_MAPPING: "the transactional id has another producer id",
    E.INVALID_TXN_STATE: "the transaction's state does not allow it",
    E.INVALID_TRANSACTION_TIMEOUT: "the transaction's time-out is out of range",
    E.TRANSACTION_ABORTABLE: "the transaction can only be aborted",
    E.TRANSACTIONAL_ID_NOT_FOUND: "there is no such transactional id",
    # names
    E.UNKNOWN_TOPIC_OR_PARTITION: "there is no such topic or partition",
    E.UNKNOWN_TOPIC_ID: "there is no topic with this id",
    E.INCONSISTENT_TOPIC_ID: "the topic has another id",
    E.INVALID_TOPIC_EXCEPTION: "no topic may be called so, or it is the broker's own",
    E.RESOURCE_NOT_FOUND: "there is no such thing",
    E.DUPLICATE_RESOURCE: "it is named twice",
    # epochs of leaders
    E.FENCED_LEADER_EPOCH: "the leader epoch is an old one",
    E.UNKNOWN_LEADER_EPOCH: "the leader epoch is newer than the broker's",
    # groups
    E.INVALID_GROUP_ID: "a group needs a name",
    E.GROUP_ID_NOT_FOUND: "there is no such group",
    E.NON_EMPTY_GROUP: "the group has members",
    E.GROUP_SUBSCRIBED_TO_TOPIC: "the group reads the topic",
    E.GROUP_MAX_SIZE_REACHED: "the group has as many members as it may",
    E.INCONSISTENT_GROUP_PROTOCOL: "the group speaks another protocol",
    E.FENCED_INSTANCE_ID: "the static member was replaced by a newer one",
    E.INVALID_SESSION_TIMEOUT: "the session time-out is out of range",
    E.OFFSET_METADATA_TOO_LARGE: "the text beside an offset is too long",
    E.INVALID_COMMIT_OFFSET_SIZE: "the commit is too large to be written",
    # administration
    E.INVALID_CONFIG: "a setting is not possible",
    E.INVALID_PARTITIONS: "the number of partitions is not possible",
    E.INVALID_REPLICATION_FACTOR: "the replication factor is not possible",
    E.INVALID_REPLICA_ASSIGNMENT: "the assignment of replicas is not possible",
    E.POLICY_VIOLATION: "a policy forbids it",
    E.UNACCEPTABLE_CREDENTIAL: "the credential is not acceptable",
    E.INVALID_REGULAR_EXPRESSION: "the pattern is no regular expression",
    # whole requests
    E.INVALID_REQUEST: "the request contradicts itself",
    E.UNSUPPORTED_VERSION: "the version is not supported; an older one may be",
    E.MISMATCHED_ENDPOINT_TYPE: "the other kind of endpoint was asked for",
    E.UNSUPPORTED_ENDPOINT_TYPE: "the kind of endpoint is not known",
    E.REBOOTSTRAP_REQUIRED: "the client takes this broker for another",
    E.ILLEGAL_SASL_STATE: "there is no log-in on this listener, or not now",
    E.SECURITY_DISABLED: "the broker has no access lists",
    E.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "the transactional id may not be used",
}

# What is not said: it happens when nobody has done anything wrong, or is said elsewhere.
EVERYDAY: Final = frozenset(
    {
        E.NONE,
        # Groups come and go; a member hears of it by these, and joins again.
        E.REBALANCE_IN_PROGRESS,
        E.ILLEGAL_GENERATION,
        E.UNKNOWN_MEMBER_ID,
        E.MEMBER_ID_REQUIRED,
        # Retention passes a slow reader, which then begins where its settings say.
        E.OFFSET_OUT_OF_RANGE,
        # A retry whose first answer was lost; a session that was pushed out by others.
        E.DUPLICATE_SEQUENCE_NUMBER,
        E.FETCH_SESSION_ID_NOT_FOUND,
        E.INVALID_FETCH_SESSION_EPOCH,
        E.FETCH_SESSION_TOPIC_ID_ERROR,
        # Whoever wants a topic to be there asks for it, again and again.
        E.TOPIC_ALREADY_EXISTS,
        E.ELECTION_NOT_NEEDED,
        # To be tried again: something is still under way.
        E.LEADER_NOT_AVAILABLE,
        E.NOT_LEADER_OR_FOLLOWER,
        E.NOT_CONTROLLER,
        E.NOT_COORDINATOR,
        E.COORDINATOR_LOAD_IN_PROGRESS,
        E.COORDINATOR_NOT_AVAILABLE,
        E.CONCURRENT_TRANSACTIONS,
        E.UNSTABLE_OFFSET_COMMIT,
        E.NOT_ENOUGH_REPLICAS,
        E.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        E.REQUEST_TIMED_OUT,
        E.TRANSACTION_COORDINATOR_FENCED,
        # Comes with the error of another part of the request.
        E.OPERATION_NOT_ATTEMPTED,
        # The broker's own trouble: said where it happens.
        E.KAFKA_STORAGE_ERROR,
        E.UNKNOWN_SERVER_ERROR,
        # The connection ends, and is said to.
        E.SASL_AUTHENTICATION_FAILED,
        E.UNSUPPORTED_SASL_MECHANISM,
    }
)


# Asked by whoever waits for a topic, and by every tool before it creates one: no warning.
QUESTIONS: Final = frozenset(
    {
        (ApiKey.METADATA, E.UNKNOWN_TOPIC_OR_PARTITION),
        (ApiKey.METADATA, E.UNKNOWN_TOPIC_ID),
    }
)


def journal_refusals(
    journal: "PeerJournal", request: "Request", errors: Iterable[AnsweredError]
) -> None:
    """Say what was refused to whoever has sent `request`, as far as it is their fault."""
    api = api_name(request.api_key)
    for each in errors:
        if each.error not in FAULTS:
            continue
        level = logging.INFO if (request.api_key, each.error) in QUESTIONS else logging.WARNING
        subject = f"{api} {each.place}"
        if journal.may_say_refused(request.client_host, E(each.error).name, subject, level=level):
            asked = f"{api} v{request.api_version} of {peer_name(request)}"
            journal.say_refused(asked, error_words(each), level=level)


def error_words(error: AnsweredError) -> str:
    """Say what was refused, by which code, and why."""
    others = f" and {error.more} more" if error.more else ""
    reason = error.reason or FAULTS.get(error.error, "")
    parts = (f"{error.place}{others}".strip(), E(error.error).name, reason)
    return ": ".join(part for part in parts if part)


def partition_place(topics: "TopicCatalogue", key: bytes, partition: int, *, by_id: bool) -> str:
    """Name a partition in words, by the key that a hot request has for its topic."""
    if not by_id:
        return place_of(topic=key.decode(errors="replace"), partition=partition)
    topic_id = UUID(bytes=key)
    topic = topics.find_id(topic_id)
    if topic is None:
        return place_of(topic_id=topic_id, partition=partition)
    return place_of(topic=topic.name, partition=partition)


def api_name(api_key: int) -> str:
    """An API's name as Kafka's protocol guide writes it."""
    return ApiKey(api_key).name.title().replace("_", "")


def peer_name(request: "Request") -> str:
    """Address, client id, and the user's name where it is known."""
    client_id = (request.client_id or "")[:CLIENT_ID_SHOWN]
    authentication = request.authentication
    user = None if authentication is None else authentication.user
    principal = "" if user is None else f", user {user[:CLIENT_ID_SHOWN]!r}"
    return f"{request.peer or request.client_host} (client id {client_id!r}{principal})"
