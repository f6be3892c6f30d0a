"""DescribeLogDirs (key 35): what lies on the broker's disks. Versions 1-5."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    BOOL,
    ERROR_CODE,
    INT32,
    INT64,
    STRING,
    Message,
    Part,
    Versions,
    array,
)


class AskedLogDirTopic(Part):
    topic: Annotated[str, STRING]
    partitions: Annotated[tuple[int, ...], array(INT32)]


class DescribeLogDirsRequest(Message):
    """`topics` null: all that there are."""

    FLEXIBLE_FROM: ClassVar[int] = 2
    topics: Annotated[
        tuple[AskedLogDirTopic, ...] | None, array(AskedLogDirTopic, nullable=True)
    ] = None


class LogDirPartition(Part):
    """`is_future_key`: a copy on its way to another directory."""

    partition_index: Annotated[int, INT32]
    partition_size: Annotated[int, INT64]
    offset_lag: Annotated[int, INT64] = 0
    is_future_key: Annotated[bool, BOOL] = False


class LogDirTopic(Part):
    name: Annotated[str, STRING]
    partitions: Annotated[tuple[LogDirPartition, ...], array(LogDirPartition)]


class DescribedLogDir(Part):
    """Bytes of the volume that the directory is on; -1: not known."""

    error_code: Annotated[int, ERROR_CODE] = 0
    log_dir: Annotated[str, STRING]
    topics: Annotated[tuple[LogDirTopic, ...], array(LogDirTopic)]
    total_bytes: Annotated[int, INT64, Versions(since=4)] = -1
    usable_bytes: Annotated[int, INT64, Versions(since=4)] = -1
    is_cordoned: Annotated[bool, BOOL, Versions(since=5)] = False


class DescribeLogDirsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    throttle_time_ms: Annotated[int, INT32] = 0
    error_code: Annotated[int, ERROR_CODE, Versions(since=3)] = 0
    results: Annotated[tuple[DescribedLogDir, ...], array(DescribedLogDir)]
