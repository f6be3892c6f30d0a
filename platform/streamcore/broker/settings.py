"""What can be set on a broker, and how `-X key=value` sets it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path

MIB = 1 << 20


class FlushAcks(StrEnum):
    """What an acknowledgement of a produce request means."""

    WRITTEN = "written"  # the operating system has it: survives kill -9, not a loss of power
    WAIT = "wait"  # the disk has it: the acknowledgement waits for the next group commit


class InvalidSetting(Exception):
    """A setting that does not exist, or a value it cannot have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Settings of one broker process. `flush_interval_ms` is `flush.interval.ms` on the outside."""

    data_dir: Path  # where the log is kept
    listen_host: str = "127.0.0.1"  # address to listen on
    listen_port: int = 9092  # port to listen on; 0: any free one, told in the ready line
    advertised_host: str | None = None  # address that clients are told; empty: the one listened on
    advertised_port: int | None = None  # port that clients are told; empty: the one listened on
    node_id: int = 1  # number of this broker in its cluster
    cluster_id: str = "hailstream"  # name of the cluster, as clients see it
    metrics_port: int | None = None  # where Prometheus may ask; empty: nowhere

    num_partitions: int = 4  # of topics that are made without saying how many
    auto_create_topics: bool = True  # whether asking for a topic makes it
    topics_max: int = 2000  # more are refused
    partitions_per_topic_max: int = 1000  # more are refused

    flush_interval_ms: int = 50  # how often what was appended is synced to the disk
    flush_acks: FlushAcks = FlushAcks.WRITTEN  # `wait`: acknowledge after the sync
    checkpoint_interval_ms: int = 5_000  # how often recovery's starting points are noted
    retention_check_interval_ms: int = 5_000  # how often old segments are looked for
    tail_cache_bytes: int = 64 * MIB  # newest batches kept in memory, all partitions together

    message_bytes_max: int = MIB + 12  # of a record batch; a topic's max.message.bytes wins
    segment_bytes: int = 256 * MIB  # a segment is closed at this size; a topic's segment.bytes wins
    segment_ms: int = 7 * 24 * 3_600_000  # or at this age; a topic's segment.ms wins
    retention_ms: int = 7 * 24 * 3_600_000  # older records go; a topic's retention.ms wins
    retention_bytes: int = -1  # a partition keeps no more than this; a topic's retention.bytes wins

    log_cleaner_min_cleanable_ratio: float = 0.5  # a log with a larger part dirty is compacted
    log_cleaner_delete_retention_ms: int = 24 * 3_600_000  # how long tombstones can be read
    log_cleaner_min_compaction_lag_ms: int = 0  # a record younger than this stays
    log_cleaner_max_compaction_lag_ms: int = (1 << 63) - 1  # an older one has its log compacted
    log_cleaner_backoff_ms: int = 15_000  # how often logs to compact are looked for
    log_cleaner_dedupe_buffer_size: int = 128 * MIB  # for keys of a round; others wait for the next
    log_cleaner_io_max_bytes_per_second: int = 0  # read and written by compaction; 0: no limit
    log_cleaner_worker_idle_ms: int = 60_000  # an unused process for compaction ends after this

    request_bytes_max: int = 100 * MIB  # a larger request closes its connection
    fetch_bytes_max: int = 55 * MIB  # of one fetch answer, whatever the client asks
    connections_max: int = 4000  # more are refused
    producer_ids_max: int = 10_000  # remembered per partition; then the idlest is forgotten
    shutdown_timeout_ms: int = 4_000  # how long the end waits for peers to take their answers
    groups_max: int = 10_000  # more are refused
    group_max_size: int = 1_000  # members of a group; more are refused
    group_min_session_timeout_ms: int = 1_000  # a member may not ask for less
    group_max_session_timeout_ms: int = 1_800_000  # a member may not ask for more
    group_initial_rebalance_delay_ms: int = 0  # how long an empty group waits for others
    offset_metadata_max_bytes: int = 4_096  # of the text beside a committed offset
    offsets_retention_minutes: int = 10_080  # committed offsets of an empty group go after this
    offsets_retention_check_interval_ms: int = 600_000  # how often such offsets are looked for
    offsets_topic_num_partitions: int = 4  # partitions of __consumer_offsets, when it is made

    @property
    def advertised(self) -> str:
        return self.advertised_host or self.listen_host


def with_overrides(settings: BrokerSettings, overrides: Mapping[str, str]) -> BrokerSettings:
    """Return `settings` with `key=value` texts applied; keys in dotted or underscored form.

    Raises `InvalidSetting`, naming the key, for an unknown key or an unreadable value.
    """
    known = {field.name for field in fields(BrokerSettings)}
    changed: dict[str, object] = {}
    for key, text in overrides.items():
        name = key.replace(".", "_")
        if name not in known:
            raise InvalidSetting(f"unknown setting {key!r}")
        changed[name] = _parsed(key, text, getattr(settings, name))
    return replace(settings, **changed)  # type: ignore[arg-type]  # _parsed checked each value


def _parsed(key: str, text: str, current: object) -> object:
    if isinstance(current, bool):
        if text.lower() not in ("true", "false"):
            raise InvalidSetting(f"{key}: {text!r} is neither true nor false")
        return text.lower() == "true"
    if isinstance(current, FlushAcks):
        if text not in tuple(FlushAcks):
            raise InvalidSetting(f"{key}: {text!r} is not one of {', '.join(FlushAcks)}")
        return FlushAcks(text)
    if isinstance(current, Path):
        return Path(text)
    if isinstance(current, float):
        try:
            return float(text)
        except ValueError:
            raise InvalidSetting(f"{key}: {text!r} is not a number") from None
    if isinstance(current, int) or key.endswith(("port", "ms", "bytes", "max")):
        try:
            return int(text)
        except ValueError:
            raise InvalidSetting(f"{key}: {text!r} is not a whole number") from None
    return text
