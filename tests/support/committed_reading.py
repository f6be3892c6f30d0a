"""Reads a partition as a consumer with isolation.level=read_committed does."""

from streamcore.broker.services import BrokerServices
from streamcore.record.batch import CONTROL_BIT, TRANSACTIONAL_BIT, read_header
from streamcore.record.control import MarkerType, decode_marker
from streamcore.record.records import read_records
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code, id_of
from tests.support.kio_peer import converse


async def committed_values(
    services: BrokerServices, topic: str, partition: int = 0, *, version: int = 11
) -> list[bytes | None]:
    """All values that a reader of committed records sees, in their order."""
    found: list[bytes | None] = []
    offset = 0
    while True:
        answer = await converse(
            services,
            ApiKey.FETCH,
            version,
            max_bytes=1 << 20,
            isolation_level=1,
            topics=[
                {
                    "topic": topic,
                    "topic_id": id_of(services, topic),
                    "partitions": [
                        {
                            "partition": partition,
                            "fetch_offset": offset,
                            "partition_max_bytes": 300,
                        }
                    ],
                }
            ],
        )
        (part,) = answer.responses[0].partitions
        assert code(part) == NONE
        data = bytes(part.records or b"")
        if not data:
            assert offset == part.last_stable_offset, "the stable records were not all there"
            return found
        aborted = [(each.first_offset, each.producer_id) for each in part.aborted_transactions]
        values, offset = _without_aborted(data, sorted(aborted), offset)
        found += values


def _without_aborted(
    data: bytes, aborted: list[tuple[int, int]], offset: int
) -> tuple[list[bytes | None], int]:
    """Kafka's rule: from its first offset on an aborted producer's records are skipped, until
    its abort marker."""
    values: list[bytes | None] = []
    skipped: set[int] = set()
    position = 0
    while position < len(data):
        header = read_header(data, position)
        batch = data[position : position + header.size]
        while aborted and aborted[0][0] < header.next_offset:
            skipped.add(aborted.pop(0)[1])
        if header.attributes & CONTROL_BIT:
            marker = decode_marker(batch)
            if marker is not None and marker.type is MarkerType.ABORT:
                skipped.discard(header.producer_id)
        elif not (header.attributes & TRANSACTIONAL_BIT and header.producer_id in skipped):
            values += [record.value for record in read_records(batch) if record.offset >= offset]
        position += header.size
    return values, header.next_offset
