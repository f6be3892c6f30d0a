"""What clients get wrong without losing their connection: what is sent, and what it comes to."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.services import BrokerServices
from streamcore.record.batch import HEADER_SIZE, read_header, sealed
from streamcore.record.places import LeaderEpoch
from streamcore.record.records import Record, encode_batch
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from tests.support.broker_questions import create, produce, topic_parts
from tests.support.simulated_broker import batch_of

NOWHERE: Final = UUID(int=77)
PRODUCER_ID: Final = 4242
GOOD: Final = batch_of(b"v")
TOPIC_RESOURCE, BROKER_RESOURCE = 2, 4
SHA_256: Final = 1
OVERSIZE: Final = batch_of(bytes(20_000))
MESSAGE_BYTES_MAX: Final = 10_000
SECRET: Final = b"geheim"
FUTURE_MS: Final = 10**15
FUTURE: Final = encode_batch([Record(timestamp=FUTURE_MS, key=None, value=b"v")])

Fields = Mapping[str, Any]
Sent = Fields | Callable[[BrokerServices], Fields]


class BadInput(NamedTuple):
    """A request that is refused, and what the journal says of it, but for who has sent it."""

    line: str
    sent: Sent

    @property
    def api(self) -> ApiKey:
        name = self.line.split(" ")[0]
        return next(h.api_key for h in REGISTRY.handlers if h.name == name)

    @property
    def version(self) -> int:
        return int(self.line.split(":")[0].split(" v")[1])

    @property
    def error(self) -> str:
        return next(part for part in self.line.split(": ") if part in ErrorCode.__members__)

    def said_of(self, peer: str) -> str:
        request, _, rest = self.line.partition(": ")
        return f"refused {request} of {peer}: {rest}"

    def fields(self, services: BrokerServices) -> Fields:
        return self.sent(services) if callable(self.sent) else self.sent


async def prepare(services: BrokerServices) -> None:
    """The topics, producers and groups that the table is about."""
    create(services)
    create(services, "compacted", 1, cleanup_policy="compact")
    create(services, "strict", 1, message_timestamp_after_max_ms="1000")
    for partition in (0, 1):
        topic = services.topics.find("t")
        assert topic is not None
        topic.replicas[partition].leader_epoch = LeaderEpoch(3)
    await produce(services, b"v", producer_id=PRODUCER_ID, producer_epoch=2, base_sequence=0)


def codes_in(answer: Any) -> set[str]:
    """The error codes of an answer as kio reads it, wherever they are."""
    if isinstance(answer, tuple):
        return set().union(*map(codes_in, answer))
    if not is_dataclass(answer):
        return {answer.name.upper()} if type(answer).__name__ == "ErrorCode" else set()
    return set().union(*(codes_in(getattr(answer, each.name)) for each in fields(answer)))


def records(
    data: bytes | None, *, topic: str = "t", partition: int = 0, acks: int = -1, **more: Any
) -> Callable[[BrokerServices], Fields]:
    def asked(services: BrokerServices) -> Fields:
        part = {"index": partition, "records": data}
        return {"acks": acks, "topic_data": [topic_parts(services, [part], topic)], **more}

    return asked


def altered(**header: int) -> bytes:
    return sealed(read_header(GOOD)._replace(**header), GOOD[HEADER_SIZE:])


def from_producer(epoch: int, sequence: int) -> bytes:
    return batch_of(b"v", producer_id=PRODUCER_ID, producer_epoch=epoch, base_sequence=sequence)


def fetch(
    *, topic: str = "t", topic_id: UUID = NOWHERE, partition: int = 0, epoch: int = -1
) -> Fields:
    part = {"partition": partition, "partition_max_bytes": 100, "current_leader_epoch": epoch}
    return {
        "topics": [{"topic": topic, "topic_id": topic_id, "partitions": [part]}],
        "max_bytes": 100,
        "session_epoch": -1,
    }


def list_offsets(*, topic: str = "t", partition: int = 0, epoch: int = -1) -> Fields:
    part = {"partition_index": partition, "current_leader_epoch": epoch, "timestamp": -1}
    return {"replica_id": -1, "topics": [{"name": topic, "partitions": [part]}]}


def new_topic(
    name: str = "new", *, partitions: int = 1, replicas: int = 1, **configs: str
) -> Fields:
    entries = [{"name": key.replace("_", "."), "value": value} for key, value in configs.items()]
    topic = {
        "name": name,
        "num_partitions": partitions,
        "replication_factor": replicas,
        "configs": entries,
    }
    return {"topics": [topic]}


def resource(name: str, *configs: Fields, kind: int = TOPIC_RESOURCE) -> Fields:
    return {"resources": [{"resource_type": kind, "resource_name": name, "configs": list(configs)}]}


def join(group: str, *, timeout_ms: int = 10_000) -> Fields:
    return {
        "group_id": group,
        "session_timeout": timeout_ms,
        "rebalance_timeout": 10_000,
        "protocol_type": "consumer",
        "protocols": [{"name": "range", "metadata": b""}],
        "member_id": "",
    }


def of_transaction(*, producer_id: int = 1, **more: Any) -> Fields:
    return {"transactional_id": "tx", "producer_id": producer_id, "producer_epoch": 0, **more}


def commit(topic: str = "nowhere", **more: Any) -> Fields:
    part = {"partition_index": 0, "committed_offset": 1}
    return {
        "group_id": "g",
        "generation_id_or_member_epoch": -1,
        "topics": [{"name": topic, "topic_id": NOWHERE, "partitions": [part]}],
        **more,
    }


def change(name: str, value: str) -> Fields:
    return {"name": name, "value": value, "config_operation": 0}


def joined_transaction() -> Fields:
    """Under the names that kio has for a field that older versions have alone, too."""
    topics = [{"name": "t", "partitions": [0]}]
    asked = of_transaction(topics=topics)
    return {f"v3_and_below_{name}": value for name, value in asked.items()}
