"""Every topic setting of Apache Kafka 4.4: its kind, its default, its bounds, what it does here."""

from collections.abc import Mapping
from typing import Final

from streamcore.broker.config_definitions import INT_MAX, LONG_MAX, ConfigDefinition, ConfigType
from streamcore.storage.index import INTERVAL_BYTES

_ONE_REPLICA: Final = "each partition has one replica"
_ONE_TIER: Final = "there is no remote storage"

_CLEANUP: Final = (
    ConfigDefinition(
        name="cleanup.policy",
        type=ConfigType.LIST,
        fixed_default="delete",
        broker_name="log.cleanup.policy",
        choices=("delete", "compact"),
        says="delete: old segments go when they are past retention.ms or retention.bytes."
        " compact: the newest record of each key stays. Both: compacted, and old segments go."
        " Empty: everything stays.",
    ),
    ConfigDefinition(
        name="delete.retention.ms",
        type=ConfigType.LONG,
        setting="log_cleaner_delete_retention_ms",
        broker_name="log.cleaner.delete.retention.ms",
        lowest=0,
        says="How long a tombstone stays in a compacted partition once it was cleaned: a reader"
        " that begins at the start has so long to see it.",
    ),
    ConfigDefinition(
        name="max.compaction.lag.ms",
        type=ConfigType.LONG,
        setting="log_cleaner_max_compaction_lag_ms",
        broker_name="log.cleaner.max.compaction.lag.ms",
        lowest=1,
        says="A record of a compacted partition is cleaned no later than after this time.",
    ),
    ConfigDefinition(
        name="min.cleanable.dirty.ratio",
        type=ConfigType.DOUBLE,
        setting="log_cleaner_min_cleanable_ratio",
        broker_name="log.cleaner.min.cleanable.ratio",
        lowest=0,
        highest=1,
        says="A compacted partition is cleaned when this part of it was not cleaned before.",
    ),
    ConfigDefinition(
        name="min.compaction.lag.ms",
        type=ConfigType.LONG,
        setting="log_cleaner_min_compaction_lag_ms",
        broker_name="log.cleaner.min.compaction.lag.ms",
        lowest=0,
        says="A record of a compacted partition stays untouched for this time.",
    ),
    ConfigDefinition(
        name="retention.bytes",
        type=ConfigType.LONG,
        setting="retention_bytes",
        broker_name="log.retention.bytes",
        says="How large a partition may grow before its oldest segments go; -1: no limit.",
    ),
    ConfigDefinition(
        name="retention.ms",
        type=ConfigType.LONG,
        setting="retention_ms",
        broker_name="log.retention.ms",
        lowest=-1,
        says="How old the newest record of a segment may be before the segment goes; -1: no limit.",
    ),
)

_SEGMENTS: Final = (
    ConfigDefinition(
        name="file.delete.delay.ms",
        type=ConfigType.LONG,
        fixed_default="0",
        broker_name="log.segment.delete.delay.ms",
        lowest=0,
        says="How long the files of a segment stay after nobody can read it any more.",
    ),
    ConfigDefinition(
        name="flush.messages",
        type=ConfigType.LONG,
        fixed_default=str(LONG_MAX),
        broker_name="log.flush.interval.messages",
        lowest=1,
        says="When so many records of a partition are not on the disk yet, acknowledgements wait"
        " until they are; 1: every acknowledgement does. The disk is synced every"
        " log.flush.interval.ms anyway.",
    ),
    ConfigDefinition(
        name="flush.ms",
        type=ConfigType.LONG,
        fixed_default=str(LONG_MAX),
        lowest=0,
        says="How long after it was appended a record is on the disk at the latest; larger values"
        " than the broker's log.flush.interval.ms are met by that.",
    ),
    ConfigDefinition(
        name="index.interval.bytes",
        type=ConfigType.INT,
        fixed_default=str(INTERVAL_BYTES),
        broker_name="log.index.interval.bytes",
        lowest=0,
        says="How many bytes of a segment lie between two entries of its index.",
    ),
    ConfigDefinition(
        name="preallocate",
        type=ConfigType.BOOLEAN,
        fixed_default="false",
        broker_name="log.preallocate",
        says="Whether a segment's file has its full size from the start.",
        inert="files grow as they are written",
    ),
    ConfigDefinition(
        name="segment.bytes",
        type=ConfigType.INT,
        setting="segment_bytes",
        broker_name="log.segment.bytes",
        lowest=14,
        says="A segment is closed, and the next begun, before it gets larger than this.",
    ),
    ConfigDefinition(
        name="segment.index.bytes",
        type=ConfigType.INT,
        fixed_default="10485760",
        broker_name="log.index.size.max.bytes",
        lowest=4,
        says="A segment is closed, too, when its index has this size.",
    ),
    ConfigDefinition(
        name="segment.jitter.ms",
        type=ConfigType.LONG,
        fixed_default="0",
        lowest=0,
        says="segment.ms is less by up to this time, by another part of it for every segment, so"
        " that the partitions of a topic do not all begin a segment at once.",
    ),
    ConfigDefinition(
        name="segment.ms",
        type=ConfigType.LONG,
        setting="segment_ms",
        broker_name="log.roll.ms",
        lowest=1,
        says="A segment is closed, too, when it is older than this.",
    ),
)

_BATCHES: Final = (
    ConfigDefinition(
        name="compression.gzip.level",
        type=ConfigType.INT,
        fixed_default="-1",
        broker_name="compression.gzip.level",
        lowest=1,
        highest=9,
        besides=(-1,),
        says="How hard gzip tries, where compression.type is gzip; -1: as much as is usual.",
    ),
    ConfigDefinition(
        name="compression.lz4.level",
        type=ConfigType.INT,
        fixed_default="9",
        broker_name="compression.lz4.level",
        lowest=1,
        highest=17,
        says="How hard lz4 tries, where compression.type is lz4; 9, the default: its fast way.",
    ),
    ConfigDefinition(
        name="compression.type",
        type=ConfigType.STRING,
        fixed_default="producer",
        broker_name="compression.type",
        choices=("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
        says="How the log holds batches: compressed anew where a producer chose something else;"
        " producer: as they come.",
    ),
    ConfigDefinition(
        name="compression.zstd.level",
        type=ConfigType.INT,
        fixed_default="3",
        broker_name="compression.zstd.level",
        lowest=-131072,
        highest=22,
        says="How hard zstd tries, where compression.type is zstd.",
    ),
    ConfigDefinition(
        name="max.decompressed.message.bytes",
        type=ConfigType.INT,
        fixed_default=str(INT_MAX - 8),
        broker_name="max.decompressed.message.bytes",
        lowest=1,
        says="The largest record that is taken out of a compressed batch.",
    ),
    ConfigDefinition(
        name="max.message.bytes",
        type=ConfigType.INT,
        setting="message_bytes_max",
        broker_name="message.max.bytes",
        lowest=0,
        says="The largest record batch that is taken, as it is in the log.",
    ),
    ConfigDefinition(
        name="message.timestamp.after.max.ms",
        type=ConfigType.LONG,
        fixed_default=str(LONG_MAX),
        broker_name="log.message.timestamp.after.max.ms",
        lowest=0,
        says="How far ahead of the broker's clock a record's timestamp may be; not looked at where"
        " message.timestamp.type is LogAppendTime.",
    ),
    ConfigDefinition(
        name="message.timestamp.before.max.ms",
        type=ConfigType.LONG,
        fixed_default=str(LONG_MAX),
        broker_name="log.message.timestamp.before.max.ms",
        lowest=0,
        says="How far behind the broker's clock a record's timestamp may be; not looked at where"
        " message.timestamp.type is LogAppendTime.",
    ),
    ConfigDefinition(
        name="message.timestamp.type",
        type=ConfigType.STRING,
        fixed_default="CreateTime",
        broker_name="log.message.timestamp.type",
        choices=("CreateTime", "LogAppendTime"),
        says="Whose time a record has: its producer's, or the broker's when it was appended.",
    ),
)

_CLUSTER: Final = (
    ConfigDefinition(
        name="errors.deadletterqueue.group.enable",
        type=ConfigType.BOOLEAN,
        fixed_default="false",
        says="Whether share groups may leave undeliverable records here.",
        inert="there are no share groups",
    ),
    ConfigDefinition(
        name="follower.replication.throttled.replicas",
        type=ConfigType.LIST,
        says="Replicas that follow at a bounded rate.",
        inert=_ONE_REPLICA,
    ),
    ConfigDefinition(
        name="leader.replication.throttled.replicas",
        type=ConfigType.LIST,
        says="Replicas that are followed at a bounded rate.",
        inert=_ONE_REPLICA,
    ),
    ConfigDefinition(
        name="local.retention.bytes",
        type=ConfigType.LONG,
        fixed_default="-2",
        broker_name="log.local.retention.bytes",
        lowest=-2,
        says="What of a partition stays on this broker beside the remote storage.",
        inert=_ONE_TIER,
    ),
    ConfigDefinition(
        name="local.retention.ms",
        type=ConfigType.LONG,
        fixed_default="-2",
        broker_name="log.local.retention.ms",
        lowest=-2,
        says="How long records stay on this broker beside the remote storage.",
        inert=_ONE_TIER,
    ),
    ConfigDefinition(
        name="min.insync.replicas",
        type=ConfigType.INT,
        fixed_default="1",
        broker_name="min.insync.replicas",
        lowest=1,
        says="How many replicas must have a record before acks=all is answered; as in Kafka, all"
        " of them where a partition has fewer: here, one.",
    ),
    ConfigDefinition(
        name="remote.copy.lag.bytes",
        type=ConfigType.LONG,
        fixed_default="-1",
        broker_name="log.remote.copy.lag.bytes",
        lowest=-1,
        says="After how much newer data a segment is copied to the remote storage.",
        inert=_ONE_TIER,
    ),
    ConfigDefinition(
        name="remote.copy.lag.ms",
        type=ConfigType.LONG,
        fixed_default="0",
        broker_name="log.remote.copy.lag.ms",
        lowest=-1,
        says="After which time a segment is copied to the remote storage.",
        inert=_ONE_TIER,
    ),
    ConfigDefinition(
        name="remote.log.copy.disable",
        type=ConfigType.BOOLEAN,
        fixed_default="false",
        says="Whether nothing more is copied to the remote storage.",
        inert=_ONE_TIER,
    ),
    ConfigDefinition(
        name="remote.log.delete.on.disable",
        type=ConfigType.BOOLEAN,
        fixed_default="false",
        says="Whether the remote storage is emptied when it is given up.",
        inert=_ONE_TIER,
    ),
    ConfigDefinition(
        name="remote.storage.enable",
        type=ConfigType.BOOLEAN,
        fixed_default="false",
        says="Whether closed segments are copied to a remote storage.",
        inert=_ONE_TIER,
    ),
    ConfigDefinition(
        name="unclean.leader.election.enable",
        type=ConfigType.BOOLEAN,
        fixed_default="false",
        broker_name="unclean.leader.election.enable",
        says="Whether a replica that is behind may lead when no other is left.",
        inert=_ONE_REPLICA,
    ),
)

DEFINITIONS: Final[Mapping[str, ConfigDefinition]] = {
    definition.name: definition
    for definition in sorted(
        _CLEANUP + _SEGMENTS + _BATCHES + _CLUSTER, key=lambda definition: definition.name
    )
}
