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

    data_dir: Path
    listen_host: str = "127.0.0.1"
    listen_port: int = 9092
    advertised_host: str | None = None
    advertised_port: int | None = None
    node_id: int = 1
    cluster_id: str = "hailstream"
    metrics_port: int | None = None

    num_partitions: int = 4
    auto_create_topics: bool = True
    topics_max: int = 2000
    partitions_per_topic_max: int = 1000

    flush_interval_ms: int = 50
    flush_acks: FlushAcks = FlushAcks.WRITTEN
    checkpoint_interval_ms: int = 5_000
    retention_check_interval_ms: int = 5_000
    tail_cache_bytes: int = 64 * MIB

    message_bytes_max: int = MIB + 12
    segment_bytes: int = 256 * MIB
    segment_ms: int = 7 * 24 * 3_600_000
    retention_ms: int = 7 * 24 * 3_600_000
    retention_bytes: int = -1

    request_bytes_max: int = 100 * MIB
    fetch_bytes_max: int = 55 * MIB
    connections_max: int = 4000
    producer_ids_max: int = 10_000
    shutdown_timeout_ms: int = 4_000
    groups_max: int = 10_000
    group_max_size: int = 1_000
    group_min_session_timeout_ms: int = 1_000
    group_max_session_timeout_ms: int = 1_800_000
    group_initial_rebalance_delay_ms: int = 0
    offset_metadata_max_bytes: int = 4_096
    offsets_retention_minutes: int = 10_080
    offsets_retention_check_interval_ms: int = 600_000
    offsets_topic_num_partitions: int = 4
    offsets_topic_rewrite_bytes: int = 2 * MIB

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
    if isinstance(current, int) or key.endswith(("port", "ms", "bytes", "max")):
        try:
            return int(text)
        except ValueError:
            raise InvalidSetting(f"{key}: {text!r} is not a whole number") from None
    return text
