"""OffsetDelete (KIP-496) as a client: confluent-kafka does not offer it, so it is spoken here.

Two requests over plain sockets: who coordinates the group, and the deletion. A cluster that wants
TLS or a log-in is told apart beforehand.
"""

import socket
from collections.abc import Sequence
from struct import Struct
from typing import Any, Final, TypeVar

from streamcore.commands.texts import fail, parse_address
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import Message, decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.find_coordinator import (
    FindCoordinatorRequest,
    FindCoordinatorResponse,
)
from streamcore.wire.messages.offset_delete import (
    OffsetDeletePartition,
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetDeleteTopic,
)
from streamcore.wire.reading import Malformed

_TIMEOUT_S: Final = 10.0
# size of what follows, API key, version, correlation id, no client id
_HEAD: Final = Struct(">ihhih")
_SIZE: Final = Struct(">i")
_ANSWER_BYTES_MAX: Final = 16 << 20
_CORRELATION_BYTES: Final = 4
_FIND_VERSION: Final = 2
_DELETE_VERSION: Final = 0

M = TypeVar("M", bound=Message)


def delete_committed(cluster: Any, group: str, places: Sequence[tuple[str, int]]) -> None:
    """Delete a group's offsets of these partitions. Ends the command where that is refused."""
    protocol = cluster.properties.get("security.protocol", "plaintext").lower()
    if protocol != "plaintext":
        fail(f"delete-offsets speaks plaintext only, not {protocol}")
    first = cluster.bootstrap_servers.split(",")[0].strip()
    try:
        host, port = _coordinator(parse_address(first, "--bootstrap-servers"), group)
        answer = _asked(
            (host, port),
            ApiKey.OFFSET_DELETE,
            _DELETE_VERSION,
            OffsetDeleteRequest(group_id=group, topics=_topics(places)),
            OffsetDeleteResponse,
        )
    except (OSError, Malformed) as error:
        fail(f"offsets of {group}: {error}")
    _refuse_errors(group, answer)


def _topics(places: Sequence[tuple[str, int]]) -> tuple[OffsetDeleteTopic, ...]:
    by_topic: dict[str, list[OffsetDeletePartition]] = {}
    for topic, number in places:
        by_topic.setdefault(topic, []).append(OffsetDeletePartition(partition_index=number))
    return tuple(
        OffsetDeleteTopic(name=topic, partitions=tuple(partitions))
        for topic, partitions in by_topic.items()
    )


def _coordinator(address: tuple[str, int], group: str) -> tuple[str, int]:
    found = _asked(
        address,
        ApiKey.FIND_COORDINATOR,
        _FIND_VERSION,
        FindCoordinatorRequest(key=group),
        FindCoordinatorResponse,
    )
    if found.error_code:
        fail(f"no coordinator of {group}: {_word(found.error_code)}")
    return found.host, found.port


def _refuse_errors(group: str, answer: OffsetDeleteResponse) -> None:
    if answer.error_code:
        fail(f"offsets of {group}: {_word(answer.error_code)}; does it have members?")
    for topic in answer.topics:
        for partition in topic.partitions:
            if partition.error_code:
                where = f"{topic.name}-{partition.partition_index}"
                fail(f"offsets of {group}, {where}: {_word(partition.error_code)}")


def _word(code: int) -> str:
    try:
        return ErrorCode(code).name
    except ValueError:
        return f"error {code}"


def _asked(
    address: tuple[str, int], key: ApiKey, version: int, request: Message, answer: type[M]
) -> M:
    body = encode(request, version)
    head = _HEAD.pack(_HEAD.size - _SIZE.size + len(body), key, version, 1, -1)
    with socket.create_connection(address, timeout=_TIMEOUT_S) as connection:
        connection.sendall(head + body)
        (size,) = _SIZE.unpack(_exactly(connection, _SIZE.size))
        if not _CORRELATION_BYTES <= size <= _ANSWER_BYTES_MAX:
            raise OSError(f"{address[0]}:{address[1]} does not speak Kafka's protocol")
        return decode(answer, version, _exactly(connection, size)[_CORRELATION_BYTES:])


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise OSError("the broker hung up")
        data += piece
    return data
