"""Prepared Produce requests over plain sockets, so that the broker is what is measured."""

import select
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from struct import Struct
from typing import Final

from loadlab.broker.measuring import Measured, Row, cpu_of, memory_mb
from loadlab.broker.topics import CLIENT_TIMEOUT_S, PARTITIONS, check_count, make_topic
from streamcore.record.records import Record, encode_batch

KEY: Final = b"k" * 16
VALUE: Final = b"v" * 100
NOW_MS: Final = 1_700_000_000_000

# length; api key, version, correlation id, client id; transactional id, acks, time-out;
# one topic; one partition, its number, the size of its batch
REQUEST_HEAD: Final = Struct(">ihhih5shhiih")
PARTITION_HEAD: Final = Struct(">iii")
PRODUCE_VERSION: Final = 7
# length, correlation id, one topic with its name, one partition, then its error
ANSWER_ERROR_AT: Final = 4 + 4 + 4 + 2
ANSWER_SIZE_WITHOUT_NAME: Final = ANSWER_ERROR_AT + 4 + 4 + 2 + 8 + 8 + 8 + 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RawLoad:
    """Requests of one batch each, over many connections."""

    connections: int
    in_flight: int
    records: int

    @property
    def name(self) -> str:
        return f"raw, {self.connections} x {self.in_flight} in flight, {self.records} a batch"


RAW_LOADS: Final = (
    RawLoad(connections=50, in_flight=1, records=1),
    RawLoad(connections=50, in_flight=20, records=1),
    RawLoad(connections=4, in_flight=2, records=500),
)


def batch_of(records: int) -> bytes:
    return encode_batch([Record(timestamp=NOW_MS, key=KEY, value=VALUE)] * records)


def produce_frame(topic: str, partition: int, batch: bytes) -> bytes:
    """A whole Produce request for one partition, ready to be sent again and again."""
    name = topic.encode()
    tail = PARTITION_HEAD.pack(1, partition, len(batch)) + batch
    head = REQUEST_HEAD.pack(
        REQUEST_HEAD.size - 4 + len(name) + len(tail),
        *(0, PRODUCE_VERSION, 1, 5, b"bench"),
        *(-1, 1, 1000),
        *(1, len(name)),
    )
    return head + name + tail


class RawConnection:
    """Keeps a number of requests in flight and counts the answers."""

    def __init__(self, address: str, frame: bytes, *, topic: str) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._frame = frame
        self._answer_size = ANSWER_SIZE_WITHOUT_NAME + len(topic)
        self._partial = 0

    def send(self, count: int) -> None:
        self.socket.sendall(self._frame * count)

    def answers(self, buffer: bytearray) -> int:
        """Read what has come; return how many answers it completes."""
        size = self.socket.recv_into(buffer)
        if not size:
            raise ConnectionError("the broker hung up")
        count, self._partial = divmod(self._partial + size, self._answer_size)
        return count


@contextmanager
def connected(
    address: str, topic: str, batch: bytes, partitions: Sequence[int]
) -> Iterator[list[RawConnection]]:
    """Have a connection for each of these partitions, which may repeat."""
    connections = [
        RawConnection(address, produce_frame(topic, partition, batch), topic=topic)
        for partition in partitions
    ]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.socket.close()


def run_raw(broker: Measured, load: RawLoad, seconds: float) -> Row:
    topic = f"bench-raw-{load.connections}-{load.in_flight}-{load.records}"
    make_topic(broker.address, topic)
    partitions = [number % PARTITIONS for number in range(load.connections)]
    with connected(broker.address, topic, batch_of(load.records), partitions) as connections:
        before, started = cpu_of(broker), time.perf_counter()
        requests = keep_in_flight(connections, load.in_flight, until=started + seconds)
        elapsed, cpu = time.perf_counter() - started, cpu_of(broker).since(before)
    check_count(broker.address, topic, requests * load.records)
    return Row(
        load=load.name,
        figures={
            "records/s": requests * load.records / elapsed,
            "us user/request": cpu.user / requests * 1e6,
            "us system/request": cpu.system / requests * 1e6,
            "us/record": sum(cpu) / requests / load.records * 1e6,
            "MB": memory_mb(broker),
        },
    )


def keep_in_flight(connections: list[RawConnection], in_flight: int, *, until: float) -> int:
    """Send until `until`, wait for every answer; return how many there were."""
    by_fd = {connection.socket.fileno(): connection for connection in connections}
    buffer = bytearray(1 << 16)
    outstanding = in_flight * len(connections)
    answered = 0
    with select.epoll() as poll:
        for fd, connection in by_fd.items():
            poll.register(fd, select.EPOLLIN)
            connection.send(in_flight)
        while outstanding:
            for fd, _ in poll.poll(CLIENT_TIMEOUT_S):
                count = by_fd[fd].answers(buffer)
                answered += count
                outstanding -= count
                if count and time.perf_counter() < until:
                    by_fd[fd].send(count)
                    outstanding += count
    return answered
