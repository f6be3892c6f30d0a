"""The settings of a topic: which may be set together, and what they mean to its partitions."""

from collections.abc import Mapping
from typing import Final

from streamcore.broker.config_definitions import InvalidConfig, list_items
from streamcore.broker.settings import BrokerSettings
from streamcore.broker.topic_config_table import DEFINITIONS
from streamcore.partition.admission import (
    NO_LIMIT_BYTES,
    AdmissionRules,
)
from streamcore.partition.replica import (
    NO_LIMIT,
    AppendRules,
    CompactionLimits,
    PartitionLimits,
)
from streamcore.record.batch import HEADER_SIZE
from streamcore.record.compression import Codec
from streamcore.storage.index import ENTRY_BYTES
from streamcore.storage.log import LogLimits

# compression.type; `producer` is not here: batches stay as they come.
_CODECS: Final = {
    "uncompressed": Codec.NONE,
    "gzip": Codec.GZIP,
    "snappy": Codec.SNAPPY,
    "lz4": Codec.LZ4,
    "zstd": Codec.ZSTD,
}
# codec -> its level's setting, and the value that leaves it to the library
_LEVELS: Final = {
    Codec.GZIP: ("compression.gzip.level", "-1"),
    Codec.LZ4: ("compression.lz4.level", "9"),
    Codec.ZSTD: ("compression.zstd.level", "3"),
}
_RECORD_BYTES: Final = "max.decompressed.message.bytes"


def checked_configs(configs: Mapping[str, str | None], settings: BrokerSettings) -> dict[str, str]:
    """Return the values that are kept for a topic. Raises `InvalidConfig`."""
    checked = {}
    for name, value in configs.items():
        definition = DEFINITIONS.get(name)
        if definition is None:
            raise InvalidConfig(f"unknown topic setting {name!r}")
        checked[name] = definition.checked(value)
    values = config_values(checked, settings)
    shortest, longest = values["min.compaction.lag.ms"], values["max.compaction.lag.ms"]
    if int(shortest) > int(longest):
        raise InvalidConfig(
            f"min.compaction.lag.ms={shortest} is more than max.compaction.lag.ms={longest}"
        )
    return checked


def config_values(configs: Mapping[str, str], settings: BrokerSettings) -> dict[str, str]:
    """Every setting of a topic: its own ones, else the broker's defaults."""
    return {
        name: configs.get(name, definition.default(settings))
        for name, definition in DEFINITIONS.items()
    }


def partition_limits(
    configs: Mapping[str, str], settings: BrokerSettings, *, is_internal: bool = False
) -> PartitionLimits:
    """What a topic's settings mean for its partitions.

    What the broker itself writes to an internal topic needs no looking into.
    """
    values = config_values(configs, settings)
    policies = list_items(values["cleanup.policy"])
    keeps_everything = "delete" not in policies
    return PartitionLimits(
        message_bytes_max=int(values["max.message.bytes"]),
        log=_log_limits(values, keeps_everything=keeps_everything),
        compaction=_compaction_limits(values) if "compact" in policies else None,
        keeps_everything=keeps_everything,
        append_rules=None if is_internal else _append_rules(values, "compact" in policies),
        flush_ms=int(values["flush.ms"]),
        file_delete_delay_ms=int(values["file.delete.delay.ms"]),
    )


def _log_limits(values: Mapping[str, str], *, keeps_everything: bool) -> LogLimits:
    index_interval_bytes = int(values["index.interval.bytes"])
    # An index has an entry for every so many bytes at most, and for a batch at most.
    entries_max = max(1, int(values["segment.index.bytes"]) // ENTRY_BYTES)
    indexed_bytes_max = entries_max * max(index_interval_bytes, HEADER_SIZE)
    return LogLimits(
        segment_bytes=min(int(values["segment.bytes"]), indexed_bytes_max),
        segment_ms=int(values["segment.ms"]),
        segment_jitter_ms=int(values["segment.jitter.ms"]),
        index_interval_bytes=index_interval_bytes,
        retention_ms=-1 if keeps_everything else int(values["retention.ms"]),
        retention_bytes=-1 if keeps_everything else int(values["retention.bytes"]),
    )


def _compaction_limits(values: Mapping[str, str]) -> CompactionLimits:
    return CompactionLimits(
        min_cleanable_dirty_ratio=float(values["min.cleanable.dirty.ratio"]),
        delete_retention_ms=int(values["delete.retention.ms"]),
        min_compaction_lag_ms=int(values["min.compaction.lag.ms"]),
        max_compaction_lag_ms=int(values["max.compaction.lag.ms"]),
    )


def _append_rules(values: Mapping[str, str], is_compacted: bool) -> AppendRules | None:
    admission: AdmissionRules | None = _admission_rules(values, is_compacted)
    if admission == AdmissionRules():
        admission = None
    unsynced_records_max = int(values["flush.messages"])
    if admission is None and unsynced_records_max == NO_LIMIT:
        return None
    return AppendRules(admission=admission, unsynced_records_max=unsynced_records_max)


def _admission_rules(values: Mapping[str, str], is_compacted: bool) -> AdmissionRules:
    codec = _CODECS.get(values["compression.type"])
    level = None
    if codec in _LEVELS:
        name, usual = _LEVELS[codec]
        level = None if values[name] == usual else int(values[name])
    is_limited = values[_RECORD_BYTES] != DEFINITIONS[_RECORD_BYTES].fixed_default
    return AdmissionRules(
        codec=codec,
        level=level,
        needs_keys=is_compacted,
        stamps_append_time=values["message.timestamp.type"] == "LogAppendTime",
        behind_ms_max=int(values["message.timestamp.before.max.ms"]),
        ahead_ms_max=int(values["message.timestamp.after.max.ms"]),
        record_bytes_max=int(values[_RECORD_BYTES]) if is_limited else NO_LIMIT_BYTES,
    )
