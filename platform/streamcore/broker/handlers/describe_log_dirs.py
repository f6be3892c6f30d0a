"""DescribeLogDirs (key 35), versions 1 to 5 (KIP-113, KIP-827 bytes of the volume): one directory.

It is never cordoned (KIP-1066), and no partition is on its way to another directory.
"""

import logging

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.describe_log_dirs import (
    DescribedLogDir,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
    LogDirPartition,
    LogDirTopic,
)

logger = logging.getLogger(__name__)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(DescribeLogDirsRequest, request.api_version, body)
    response = DescribeLogDirsResponse(results=(_described(services, asked),))
    return encode(response, request.api_version)


def _described(services: BrokerServices, asked: DescribeLogDirsRequest) -> DescribedLogDir:
    log_dir = str(services.settings.data_dir.absolute())
    try:
        space = services.disk_space()
    except OSError as failure:
        fault = f"{log_dir}: {failure}"
        if services.said_once.is_new(fault):
            logger.error("%s", fault)  # noqa: TRY400  # no trace: the disk's words say it all
        return DescribedLogDir(error_code=ErrorCode.KAFKA_STORAGE_ERROR, log_dir=log_dir, topics=())
    return DescribedLogDir(
        log_dir=log_dir,
        topics=tuple(
            LogDirTopic(name=name, partitions=tuple(partitions))
            for name, partitions in _sizes(services, asked).items()
        ),
        total_bytes=space.total_bytes,
        usable_bytes=space.usable_bytes,
    )


def _sizes(
    services: BrokerServices, asked: DescribeLogDirsRequest
) -> dict[str, list[LogDirPartition]]:
    """Sizes by topic; what was asked for and does not exist is left out, as by Kafka."""
    if asked.topics is None:
        wanted = {replica.key: replica for replica in services.topics.replicas()}
    else:
        found = (
            services.topics.replica(topic.topic, partition)
            for topic in asked.topics
            for partition in topic.partitions
        )
        wanted = {replica.key: replica for replica in found if replica is not None}
    sizes: dict[str, list[LogDirPartition]] = {}
    for key, replica in wanted.items():
        size = LogDirPartition(partition_index=key.partition, partition_size=replica.log.bytes_held)
        sizes.setdefault(key.topic, []).append(size)
    return sizes


HANDLER = Handler(
    api_key=ApiKey.DESCRIBE_LOG_DIRS,
    name="DescribeLogDirs",
    min_version=1,
    max_version=5,
    flexible_from=DescribeLogDirsRequest.FLEXIBLE_FROM,
    answer=answer,
)
