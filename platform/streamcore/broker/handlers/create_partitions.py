"""CreatePartitions (key 37), versions 0 to 3 (KIP-195).

Not done: assignments by hand other than to this one broker.
"""

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.broker.topic_admin import AdminRefused, grow_topic
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.reading import WireReader
from streamcore.wire.writing import WireWriter

FLEXIBLE_FROM = 2


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    reader = WireReader(body, flexible=request.flexible)
    wanted = [_read_topic(reader) for _ in range(reader.array_size())]
    reader.int32()  # time-out: nothing here takes long
    only_check = reader.boolean()
    writer = WireWriter(flexible=request.flexible)
    writer.int32(0)  # not throttled
    writer.array_size(len(wanted))
    for name, count, replicas in wanted:
        error, message = ErrorCode.NONE, None
        try:
            if any(on_brokers != [services.settings.node_id] for on_brokers in replicas):
                _refuse_assignment(services.settings.node_id)
            grow_topic(services, name, count, only_check=only_check)
        except AdminRefused as refusal:
            error, message = refusal.error, refusal.message
        writer.string(name)
        writer.int16(error)
        writer.string(message)
        writer.end_of_struct()
    writer.end_of_struct()
    return writer.done()


def _read_topic(reader: WireReader) -> tuple[str, int, list[list[int]]]:
    name, count = reader.string(), reader.int32()
    replicas = []
    for _ in range(reader.array_size()):
        replicas.append([reader.int32() for _ in range(reader.array_size())])
        reader.skip_tags()
    reader.skip_tags()
    return name, count, replicas


def _refuse_assignment(node_id: int) -> None:
    raise AdminRefused(
        ErrorCode.INVALID_REPLICA_ASSIGNMENT, f"each partition has broker {node_id} as its replica"
    )


HANDLER = Handler(
    api_key=ApiKey.CREATE_PARTITIONS,
    name="CreatePartitions",
    min_version=0,
    max_version=3,
    flexible_from=FLEXIBLE_FROM,
    answer=answer,
)
