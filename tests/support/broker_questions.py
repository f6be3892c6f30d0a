"""Asks a simulated broker as kio would, in few words."""

import uuid
from typing import Any

from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from tests.support.kio_peer import converse
from tests.support.simulated_broker import batch_of

NONE = "none"


def versions_of(api: ApiKey) -> list[int]:
    handler = REGISTRY.find(api)
    assert handler is not None
    return list(range(handler.min_version, handler.max_version + 1))


def create(services: BrokerServices, name: str = "t", partitions: int = 2, **configs: str) -> None:
    services.topics.create(
        name,
        partition_count=partitions,
        configs={key.replace("_", "."): value for key, value in configs.items()},
    )


def code(answer: Any) -> str:
    return str(answer.error_code.name)


def topic_records(
    services: BrokerServices, partition: int, records: bytes | None, name: str = "t"
) -> list[dict[str, Any]]:
    return [topic_parts(services, [{"index": partition, "records": records}], name)]


def topic_parts(
    services: BrokerServices, parts: list[dict[str, Any]], name: str = "t"
) -> dict[str, Any]:
    """What a produce request sends to one topic, under its name and its id."""
    return {"name": name, "topic_id": id_of(services, name), "partition_data": parts}


def id_of(services: BrokerServices, name: str) -> uuid.UUID:
    """A topic's id; that of none where there is no such topic."""
    topic = services.topics.find(name)
    return topic.topic_id if topic else uuid.UUID(int=1)


async def produce(
    services: BrokerServices, *values: bytes, name: str = "t", version: int = 7, **batch: Any
) -> Any:
    answer = await converse(
        services,
        ApiKey.PRODUCE,
        version,
        acks=-1,
        topic_data=topic_records(services, 0, batch_of(*values, **batch), name),
    )
    return answer.responses[0].partition_responses[0]


def wanted(
    services: BrokerServices, offset: int, *, name: str = "t", bytes_max: int = 1 << 20
) -> list[dict[str, Any]]:
    partition = {"partition": 0, "fetch_offset": offset, "partition_max_bytes": bytes_max}
    return [
        {
            "topic": name,
            "topic_id": id_of(services, name),
            "partitions": [partition],
        }
    ]
