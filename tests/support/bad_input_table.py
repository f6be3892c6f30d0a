"""The bad input that every broker has to expect: what the journal says, and what was sent."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from streamcore.record.batch import TRANSACTIONAL_BIT
from tests.support.bad_input import (
    BROKER_RESOURCE,
    FUTURE,
    FUTURE_MS,
    GOOD,
    MESSAGE_BYTES_MAX,
    NOWHERE,
    OVERSIZE,
    SECRET,
    SHA_256,
    TOPIC_RESOURCE,
    Sent,
    altered,
    change,
    commit,
    fetch,
    from_producer,
    join,
    joined_transaction,
    list_offsets,
    new_topic,
    of_transaction,
    records,
    resource,
)
from tests.support.simulated_broker import batch_of

TRANSACTIONAL: Final = batch_of(
    b"v", producer_id=5, producer_epoch=0, base_sequence=0, attributes=TRANSACTIONAL_BIT
)
T0: Final = "topic 't', partition 0"
NOWHERE_ID: Final = f"topic id {NOWHERE}"
NO_TOPIC: Final = "there is no such topic or partition"
NO_ID: Final = "there is no topic with this id"
NO_NAME: Final = "no topic may be called so, or it is the broker's own"
OTHER_PRODUCER: Final = "the transactional id has another producer id"

BATCHES: Final[Mapping[str, Sent]] = {
    f"Produce v10: {T0}: CORRUPT_MESSAGE: CRC-32C does not match": records(GOOD[:-1] + b"?"),
    f"Produce v10: {T0}: INVALID_RECORD: magic 1, expected 2": records(altered(magic=1)),
    f"Produce v10: {T0}: INVALID_RECORD: magic 7, expected 2": records(altered(magic=7)),
    (
        f"Produce v10: {T0}: MESSAGE_TOO_LARGE: {len(OVERSIZE)} bytes, the limit is "
        f"{MESSAGE_BYTES_MAX}"
    ): records(OVERSIZE),
    (f"Produce v10: {T0}: INVALID_RECORD: more than one record batch for a partition"): records(
        GOOD + GOOD
    ),
    f"Produce v10: {T0}: INVALID_RECORD: no records": records(None),
    f"Produce v10: {T0}: INVALID_RECORD: 9 records, last offset delta 0": records(
        altered(record_count=9)
    ),
    f"Produce v10: {T0}: UNSUPPORTED_COMPRESSION_TYPE: codec 5": records(altered(attributes=5)),
    f"Produce v6: {T0}: UNSUPPORTED_COMPRESSION_TYPE: zstd needs Produce 7": records(
        altered(attributes=4)
    ),
    (
        "Produce v7: topic 'compacted', partition 0: INVALID_RECORD: 1 refused: record 0, a "
        "record of a compacted topic needs a key"
    ): records(GOOD, topic="compacted"),
    (
        "Produce v7: topic 'strict', partition 0: INVALID_TIMESTAMP: 1 refused: record 0, "
        f"timestamp {FUTURE_MS} is not in -9223370336854775807 to 1700000001000"
    ): records(FUTURE, topic="strict"),
    (
        f"Produce v10: {T0}: OUT_OF_ORDER_SEQUENCE_NUMBER: producer 4242: sequence 5, due is 1"
    ): records(from_producer(2, 5)),
    (
        f"Produce v10: {T0}: OUT_OF_ORDER_SEQUENCE_NUMBER: producer 4242: sequence 5, due is 0"
    ): records(from_producer(3, 5)),
    (f"Produce v10: {T0}: INVALID_PRODUCER_EPOCH: producer 4242: epoch 1, known is 2"): records(
        from_producer(1, 1)
    ),
    (f"Produce v7: {T0}: INVALID_TXN_STATE: a transactional batch without transaction"): records(
        TRANSACTIONAL
    ),
    (
        f"Produce v11: {T0}: INVALID_PRODUCER_ID_MAPPING: not part of an open transaction of "
        "its producer"
    ): records(TRANSACTIONAL, transactional_id="tx"),
    f"Produce v10: {T0}: INVALID_REQUIRED_ACKS: acks 5 is not -1, 0 or 1": records(GOOD, acks=5),
    (f"Produce v7: topic 'nowhere', partition 0: UNKNOWN_TOPIC_OR_PARTITION: {NO_TOPIC}"): records(
        GOOD, topic="nowhere"
    ),
    (f"Produce v13: topic id {UUID(int=1)}, partition 0: UNKNOWN_TOPIC_ID: {NO_ID}"): records(
        GOOD, topic="nowhere"
    ),
    (f"Produce v13: topic 't', partition 9: UNKNOWN_TOPIC_OR_PARTITION: {NO_TOPIC}"): records(
        GOOD, partition=9
    ),
}
READING: Final[Mapping[str, Sent]] = {
    (f"Fetch v12: topic 'nowhere', partition 0: UNKNOWN_TOPIC_OR_PARTITION: {NO_TOPIC}"): fetch(
        topic="nowhere"
    ),
    f"Fetch v13: {NOWHERE_ID}, partition 0: UNKNOWN_TOPIC_ID: {NO_ID}": fetch(),
    f"Fetch v4: topic 't', partition 9: UNKNOWN_TOPIC_OR_PARTITION: {NO_TOPIC}": fetch(partition=9),
    f"Fetch v11: {T0}: FENCED_LEADER_EPOCH: the leader epoch is an old one": fetch(epoch=1),
    (f"Fetch v11: {T0}: UNKNOWN_LEADER_EPOCH: the leader epoch is newer than the broker's"): fetch(
        epoch=9
    ),
    (
        f"ListOffsets v7: topic 'nowhere', partition 0: UNKNOWN_TOPIC_OR_PARTITION: {NO_TOPIC}"
    ): list_offsets(topic="nowhere"),
    f"ListOffsets v7: {T0}: FENCED_LEADER_EPOCH: the leader epoch is an old one": list_offsets(
        epoch=1
    ),
    (
        "OffsetForLeaderEpoch v4: topic 'nowhere', partition 0: UNKNOWN_TOPIC_OR_PARTITION: "
        f"{NO_TOPIC}"
    ): {
        "topics": [
            {
                "topic": "nowhere",
                "partitions": [{"partition": 0, "current_leader_epoch": -1, "leader_epoch": 1}],
            }
        ]
    },
    f"Metadata v9: topic 'nowhere': UNKNOWN_TOPIC_OR_PARTITION: {NO_TOPIC}": {
        "topics": [{"name": "nowhere"}]
    },
    f"Metadata v12: {NOWHERE_ID}: UNKNOWN_TOPIC_ID: {NO_ID}": {"topics": [{"topic_id": NOWHERE}]},
    f"Metadata v9: topic 'no/where': INVALID_TOPIC_EXCEPTION: {NO_NAME}": {
        "topics": [{"name": "no/where"}]
    },
    (f"DescribeTopicPartitions v0: topic 'nowhere': UNKNOWN_TOPIC_OR_PARTITION: {NO_TOPIC}"): {
        "topics": [{"name": "nowhere"}],
        "cursor": None,
    },
}
GROUPS: Final[Mapping[str, Sent]] = {
    "JoinGroup v5: INVALID_GROUP_ID: a group needs a name": join(""),
    (
        "JoinGroup v5: group 'g': INVALID_SESSION_TIMEOUT: the session time-out is out of range"
    ): join("g", timeout_ms=1),
    (
        "SyncGroup v5: group 'g', member 'm': INCONSISTENT_GROUP_PROTOCOL: the group speaks "
        "another protocol"
    ): {
        "group_id": "g",
        "generation_id": 1,
        "member_id": "m",
        "protocol_type": None,
        "protocol_name": None,
    },
    "Heartbeat v3: member 'm': INVALID_GROUP_ID: a group needs a name": {
        "group_id": "",
        "generation_id": 1,
        "member_id": "m",
    },
    (
        "OffsetCommit v9: group 'g', topic 'nowhere', partition 0: "
        f"UNKNOWN_TOPIC_OR_PARTITION: {NO_TOPIC}"
    ): commit(),
    (
        f"OffsetCommit v10: group 'g', {NOWHERE_ID}, partition 0: UNKNOWN_TOPIC_ID: {NO_ID}"
    ): commit(),
    (f"OffsetFetch v10: group 'g', {NOWHERE_ID}, partition 0: UNKNOWN_TOPIC_ID: {NO_ID}"): {
        "groups": [{"group_id": "g", "topics": [{"topic_id": NOWHERE, "partition_indexes": [0]}]}]
    },
    ("DescribeGroups v6: group 'nobody': GROUP_ID_NOT_FOUND: Group nobody not found."): {
        "groups": ["nobody"]
    },
    ("DeleteGroups v2: group 'nobody': GROUP_ID_NOT_FOUND: Group nobody not found."): {
        "groups_names": ["nobody"]
    },
    ("OffsetDelete v0: group 'nobody': GROUP_ID_NOT_FOUND: there is no such group"): {
        "group_id": "nobody",
        "topics": [],
    },
    ("FindCoordinator v3: key 'g': INVALID_REQUEST: keys of type 2 have no coordinator here"): {
        "key": "g",
        "key_type": 2,
    },
}
TRANSACTIONS: Final[Mapping[str, Sent]] = {
    (
        "InitProducerId v5: transactional id 'tx': INVALID_TRANSACTION_TIMEOUT: the "
        "transaction's time-out is out of range"
    ): {
        "transactional_id": "tx",
        "transaction_timeout": 2_000_000_000,
        "producer_id": -1,
        "producer_epoch": -1,
    },
    ("InitProducerId v5: transactional id 'tx': INVALID_REQUEST: the request contradicts itself"): {
        "transactional_id": "tx",
        "producer_id": 7,
        "producer_epoch": -1,
    },
    (
        f"AddPartitionsToTxn v3: transactional id 'tx', {T0}: INVALID_PRODUCER_ID_MAPPING: "
        f"{OTHER_PRODUCER}"
    ): joined_transaction(),
    (
        f"EndTxn v3: transactional id 'tx': INVALID_PRODUCER_ID_MAPPING: {OTHER_PRODUCER}"
    ): of_transaction(committed=True),
    (
        "AddOffsetsToTxn v3: transactional id 'tx', group 'g': INVALID_PRODUCER_ID_MAPPING: "
        f"{OTHER_PRODUCER}"
    ): of_transaction(group_id="g"),
    (
        f"TxnOffsetCommit v3: transactional id 'tx', group 'g', {T0}: "
        f"INVALID_PRODUCER_ID_MAPPING: {OTHER_PRODUCER}"
    ): of_transaction(**commit("t")),
    (
        "DescribeTransactions v0: transactional id 'tx': TRANSACTIONAL_ID_NOT_FOUND: there "
        "is no such transactional id"
    ): {"transactional_ids": ["tx"]},
    (
        "DescribeProducers v0: topic 'nowhere', partition 0: UNKNOWN_TOPIC_OR_PARTITION: "
        f"{NO_TOPIC}"
    ): {"topics": [{"name": "nowhere", "partition_indexes": [0]}]},
}
ADMINISTRATION: Final[Mapping[str, Sent]] = {
    (
        "CreateTopics v7: topic 'new': INVALID_CONFIG: retention.ms: 'soon' is not a whole number"
    ): new_topic(retention_ms="soon"),
    ("CreateTopics v7: topic 'new': INVALID_CONFIG: unknown topic setting 'colour'"): new_topic(
        colour="red"
    ),
    (
        "CreateTopics v5: topic 'new': INVALID_PARTITIONS: 0 partitions: 1 to 1000 are possible"
    ): new_topic(partitions=0),
    (
        "CreateTopics v5: topic 'new': INVALID_REPLICATION_FACTOR: replication factor 3: "
        "there is one broker"
    ): new_topic(replicas=3),
    (
        "CreateTopics v5: topic 'a\\nb': INVALID_TOPIC_EXCEPTION: 'a\\\\nb' is no topic "
        "name: 1 to 249 of a-z A-Z 0-9 . _ -, not '.' or '..'"
    ): new_topic("a\nb"),
    (
        "CreatePartitions v3: topic 't': INVALID_PARTITIONS: topic 't' has 2 partitions; it "
        "can only grow"
    ): {"topics": [{"name": "t", "count": 1, "assignments": None}]},
    ("DeleteTopics v5: topic 'nowhere': UNKNOWN_TOPIC_OR_PARTITION: there is no topic 'nowhere'"): {
        "topic_names": ["nowhere"]
    },
    ("DeleteRecords v2: topic 'compacted', partition 0: POLICY_VIOLATION: a policy forbids it"): {
        "topics": [{"name": "compacted", "partitions": [{"partition_index": 0, "offset": 0}]}]
    },
    (
        "AlterConfigs v2: settings of 't': INVALID_CONFIG: retention.ms: 'soon' is not a "
        "whole number"
    ): resource("t", change("retention.ms", "soon")),
    (
        "IncrementalAlterConfigs v1: settings of 't': INVALID_CONFIG: unknown topic setting "
        "'colour'"
    ): resource("t", change("colour", "red")),
    (
        "IncrementalAlterConfigs v1: settings of '1': INVALID_REQUEST: the broker's settings "
        "are read when it starts: -X name=value"
    ): resource("1", change("colour", "red"), kind=BROKER_RESOURCE),
    (
        "DescribeConfigs v4: settings of 'nowhere': UNKNOWN_TOPIC_OR_PARTITION: there is no "
        "topic 'nowhere'"
    ): {
        "resources": [
            {
                "resource_type": TOPIC_RESOURCE,
                "resource_name": "nowhere",
                "configuration_keys": None,
            }
        ]
    },
    (
        "ElectLeaders v2: topic 'nowhere', partition 0: UNKNOWN_TOPIC_OR_PARTITION: No such "
        "topic as nowhere"
    ): {"topic_partitions": [{"topic": "nowhere", "partitions": [0]}]},
    (
        "DescribeUserScramCredentials v0: user 'nobody': RESOURCE_NOT_FOUND: Attempt to "
        "describe a user credential that does not exist: nobody"
    ): {"users": [{"name": "nobody"}]},
    (
        "AlterUserScramCredentials v0: user 'alice': UNACCEPTABLE_CREDENTIAL: A salted "
        "password of SCRAM-SHA-256 has 32 bytes"
    ): {
        "upsertions": [
            {
                "name": "alice",
                "mechanism": SHA_256,
                "iterations": 4096,
                "salt": b"salt",
                "salted_password": SECRET,
            }
        ]
    },
    ("DescribeAcls v3: SECURITY_DISABLED: No Authorizer is configured on the broker"): {
        "resource_type_filter": 1,
        "pattern_type_filter": 1,
        "operation": 1,
        "permission_type": 1,
    },
    ("SaslHandshake v1: ILLEGAL_SASL_STATE: there is no log-in on this listener, or not now"): {
        "mechanism": "PLAIN"
    },
    (
        "DescribeCluster v1: MISMATCHED_ENDPOINT_TYPE: this is a broker, and endpoints of "
        "controllers were asked for"
    ): {"endpoint_type": 2},
}
ALL: Final = {**BATCHES, **READING, **GROUPS, **TRANSACTIONS, **ADMINISTRATION}
