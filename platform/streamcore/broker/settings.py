"""What can be set on a broker, and how `-X key=value` sets it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

MIB = 1 << 20


class FlushAcks(StrEnum):
    """What an acknowledgement of a produce request means."""

    WRITTEN = "written"  # the operating system has it: survives kill -9, not a loss of power
    WAIT = "wait"  # the disk has it: the acknowledgement waits for the next group commit


class ClientAuth(StrEnum):
    """Whether a TLS client has to show a certificate of its own."""

    NONE = "none"
    REQUESTED = "requested"  # one that is shown has to be right
    REQUIRED = "required"


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
    partitions_max: int = 10_000  # of all topics, an open file each; more are refused

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

    request_bytes_max: int = 100 * MIB  # larger: cut (socket.request.max.bytes)
    fetch_bytes_max: int = 55 * MIB  # of one fetch answer, whatever the client asks
    max_incremental_fetch_session_cache_slots: int = 1_000  # fetch sessions; then whole requests
    fetch_session_partitions_max: int = 10_000  # a session with more is declined
    fetch_session_evictable_after_ms: int = 120_000  # unused for as long, it makes room
    connections_max: int = 4000  # more are refused (max.connections)
    producer_ids_max: int = 10_000  # remembered per partition; then the idlest is forgotten
    shutdown_timeout_ms: int = 4_000  # how long the end waits for peers to take their answers
    groups_max: int = 10_000  # more are refused
    group_max_size: int = 1_000  # members of a group; more are refused
    groups_bytes_max: int = 256 * MIB  # of members of all groups and their ids; more are refused
    group_min_session_timeout_ms: int = 1_000  # a member may not ask for less
    group_max_session_timeout_ms: int = 1_800_000  # a member may not ask for more
    group_initial_rebalance_delay_ms: int = 0  # how long an empty group waits for others
    offsets_bytes_max: int = 256 * MIB  # of what all groups have committed; more is refused
    offset_metadata_max_bytes: int = 4_096  # of the text beside a committed offset
    offsets_retention_minutes: int = 10_080  # committed offsets of an empty group go after this
    offsets_retention_check_interval_ms: int = 600_000  # how often such offsets are looked for
    offsets_topic_num_partitions: int = 4  # partitions of __consumer_offsets, when it is made
    transaction_state_log_num_partitions: int = 4  # of __transaction_state, when it is made
    transaction_max_timeout_ms: int = 900_000  # a producer may not ask for more
    transaction_check_interval_ms: int = 1_000  # how often those that take too long are aborted
    transactional_id_expiration_ms: int = 604_800_000  # unused for as long, an id is forgotten
    transactional_ids_max: int = 10_000  # more are refused
    transactional_partitions_max: int = 500_000  # of all open transactions; more are refused

    listeners: str = ""  # PROTOCOL://HOST:PORT, several with commas; wins over listen_host
    advertised_listeners: str = ""  # the same form: what clients of each listener are told
    ssl_certificate_location: Path | None = None  # PEM file with our certificate and its chain
    ssl_key_location: Path | None = None  # PEM file with its key; empty: in the same file
    ssl_key_password_location: Path | None = None  # file with the password of the key
    ssl_ca_location: Path | None = None  # PEM file with who signs the clients' certificates
    ssl_client_auth: ClientAuth = ClientAuth.NONE  # `required`, `requested`: of TLS clients
    sasl_enabled_mechanisms: str = "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"  # what users log in by
    sasl_server_max_receive_size: int = 512 << 10  # of a request before the log-in
    connections_max_reauth_ms: int = 0  # after this a user has to log in again; 0: never
    connection_failed_authentication_delay_ms: int = 100  # before a log-in is refused
    handshake_timeout_ms: int = 10_000  # TLS and log-in have to be done after this
    connections_max_idle_ms: int = 600_000  # a connection silent for so long ends; 0: none does
    max_connections_per_ip: int = 4000  # more from one address are refused
    in_flight_bytes_max: int = 16 * MIB  # of unsent answers; then a connection's requests wait
    other_request_bytes_max: int = 16 * MIB  # of a request that brings no records; else cut
    queued_max_request_bytes: int = 256 * MIB  # of large requests in memory, together
    unsent_bytes_max: int = 512 * MIB  # of answers not taken, together; then the slowest is cut
    slow_peer_timeout_ms: int = 30_000  # a peer that holds memory and stands still is cut then
    peer_lines_per_minute: int = 20  # journal lines about one host and kind of fault


# What Kafka, and with it every tool that asks, calls settings that have another name here.
KAFKA_NAMES = {
    "auto_create_topics": "auto.create.topics.enable",
    "connections_max": "max.connections",
    "data_dir": "log.dirs",
    "fetch_bytes_max": "fetch.max.bytes",
    "flush_interval_ms": "log.flush.interval.ms",
    "message_bytes_max": "message.max.bytes",
    "request_bytes_max": "socket.request.max.bytes",
    "retention_bytes": "log.retention.bytes",
    "retention_check_interval_ms": "log.retention.check.interval.ms",
    "retention_ms": "log.retention.ms",
    "segment_bytes": "log.segment.bytes",
    "segment_ms": "log.roll.ms",
}
_BY_KAFKA_NAME = {kafka: name for name, kafka in KAFKA_NAMES.items()}


def with_overrides(settings: BrokerSettings, overrides: Mapping[str, str]) -> BrokerSettings:
    """Return `settings` with `key=value` texts applied.

    Keys in dotted or underscored form, or as Kafka has them.
    Raises `InvalidSetting`, naming the key, for an unknown key or an unreadable value.
    """
    hints = get_type_hints(BrokerSettings)
    changed: dict[str, object] = {}
    for key, text in overrides.items():
        name = _BY_KAFKA_NAME.get(key, key.replace(".", "_"))
        if name not in hints:
            raise InvalidSetting(f"unknown setting {key!r}")
        changed[name] = _parsed(key, text, hints[name])
    return replace(settings, **changed)  # type: ignore[arg-type]  # _parsed checked each value


def _parsed(key: str, text: str, hint: Any) -> object:
    kinds = [kind for kind in get_args(hint) if kind is not NoneType] or [hint]
    kind = kinds[0]
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise InvalidSetting(f"{key}: {text!r} is neither true nor false")
        return text.lower() == "true"
    if issubclass(kind, StrEnum):
        if text not in tuple(kind):
            raise InvalidSetting(f"{key}: {text!r} is not one of {', '.join(kind)}")
        return kind(text)
    if kind is float:
        try:
            return float(text)
        except ValueError:
            raise InvalidSetting(f"{key}: {text!r} is not a number") from None
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise InvalidSetting(f"{key}: {text!r} is not a whole number") from None
    return kind(text)
