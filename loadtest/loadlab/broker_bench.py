"""What requests and records cost the broker: its own CPU, from /proc, by kind of load.

    python -m loadlab.broker_bench [--seconds 3] [--json FILE]

Raw loads send prepared requests, so that the broker is what is measured; librdkafka's show
what a real client gets. Every row checks that the log holds exactly what was acknowledged:
else the figures would be worthless. CPU rather than wall time: the machine is shared.
"""

import argparse
import json
import os
import select
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from struct import Struct

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # stubs do not export it
    AdminClient,
    NewTopic,
)

from loadlab.measured_broker import MeasuredBroker
from streamcore.record.records import Record, encode_batch

PARTITIONS = 12
KEY, VALUE = b"k" * 16, b"v" * 100
NOW_MS = 1_700_000_000_000
CLIENT_TIMEOUT_S = 30.0

# length; api key, version, correlation id, client id; transactional id, acks, time-out;
# one topic; one partition, its number, the size of its batch
REQUEST_HEAD = Struct(">ihhih5shhiih")
PARTITION_HEAD = Struct(">iii")
PRODUCE_VERSION = 7
# length, correlation id, one topic with its name, one partition, then its error
ANSWER_ERROR_AT = 4 + 4 + 4 + 2
ANSWER_SIZE_WITHOUT_NAME = ANSWER_ERROR_AT + 4 + 4 + 2 + 8 + 8 + 8 + 4


class WrongCount(Exception):
    """The log does not hold what was acknowledged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One load. CPU in microseconds."""

    load: str
    records_per_second: int
    requests_per_second: int | None
    cpu_user_us_per_request: float | None
    cpu_system_us_per_request: float | None
    cpu_us_per_record: float
    broker_memory_mb: float
    load_average: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RawLoad:
    """Prepared requests of one batch each, over many connections."""

    connections: int
    in_flight: int
    records: int

    @property
    def name(self) -> str:
        return f"raw, {self.connections} x {self.in_flight} in flight, {self.records} a batch"


RAW_LOADS = (
    RawLoad(connections=50, in_flight=1, records=1),
    RawLoad(connections=50, in_flight=20, records=1),
    RawLoad(connections=4, in_flight=2, records=500),
)


def produce_frame(topic: bytes, partition: int, batch: bytes) -> bytes:
    """A whole Produce request for one partition, ready to be sent again and again."""
    tail = PARTITION_HEAD.pack(1, partition, len(batch)) + batch
    head = REQUEST_HEAD.pack(
        REQUEST_HEAD.size - 4 + len(topic) + len(tail),
        *(0, PRODUCE_VERSION, 1, 5, b"bench"),
        *(-1, 1, 1000),
        *(1, len(topic)),
    )
    return head + topic + tail


class RawConnection:
    """Keeps a number of requests in flight and counts the answers."""

    def __init__(self, address: str, frame: bytes, answer_size: int) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._frame = frame
        self._answer_size = answer_size
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


def run_raw(broker: MeasuredBroker, load: RawLoad, seconds: float) -> Row:
    topic = f"raw-{load.connections}-{load.in_flight}-{load.records}"
    make_topic(broker.address, topic)
    batch = encode_batch([Record(timestamp=NOW_MS, key=KEY, value=VALUE)] * load.records)
    answer_size = ANSWER_SIZE_WITHOUT_NAME + len(topic)
    connections = [
        RawConnection(
            broker.address,
            produce_frame(topic.encode(), number % PARTITIONS, batch),
            answer_size,
        )
        for number in range(load.connections)
    ]
    before, started = broker.cpu(), time.perf_counter()
    requests = keep_in_flight(connections, load.in_flight, until=started + seconds)
    elapsed, cpu = time.perf_counter() - started, broker.cpu().since(before)
    for connection in connections:
        connection.socket.close()
    check_count(broker.address, topic, requests * load.records)
    return Row(
        load=load.name,
        records_per_second=round(requests * load.records / elapsed),
        requests_per_second=round(requests / elapsed),
        cpu_user_us_per_request=round(cpu.user / requests * 1e6, 2),
        cpu_system_us_per_request=round(cpu.system / requests * 1e6, 2),
        cpu_us_per_record=round(sum(cpu) / requests / load.records * 1e6, 3),
        broker_memory_mb=round(broker.memory_mb(), 1),
        load_average=os.getloadavg()[0],
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


def run_librdkafka(broker: MeasuredBroker, records: int) -> list[Row]:
    topic = "librdkafka"
    make_topic(broker.address, topic)
    rows = []
    steps: list[tuple[str, Callable[[str, str, int], None]]] = [
        ("librdkafka, produce", produce_all),
        ("librdkafka, consume", consume_all),
    ]
    for name, step in steps:
        before, started = broker.cpu(), time.perf_counter()
        step(broker.address, topic, records)
        elapsed, cpu = time.perf_counter() - started, broker.cpu().since(before)
        rows.append(
            Row(
                load=name,
                records_per_second=round(records / elapsed),
                requests_per_second=None,
                cpu_user_us_per_request=None,
                cpu_system_us_per_request=None,
                cpu_us_per_record=round(sum(cpu) / records * 1e6, 3),
                broker_memory_mb=round(broker.memory_mb(), 1),
                load_average=os.getloadavg()[0],
            )
        )
    check_count(broker.address, topic, records)
    return rows


def produce_all(address: str, topic: str, records: int) -> None:
    producer = Producer(
        {
            "bootstrap.servers": address,
            "acks": 1,
            "linger.ms": 5,
            "batch.size": 65_536,
            "batch.num.messages": 100_000,
            "queue.buffering.max.messages": 2_000_000,
            "queue.buffering.max.kbytes": 2_000_000,
            "partitioner": "murmur2_random",
            "log_level": 3,
        }
    )
    failed: list[KafkaError] = []

    def note(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failed.append(error)

    for number in range(records):
        producer.produce(topic, VALUE, b"%016d" % (number % 1000), on_delivery=note)
        if number % 1024 == 0:
            producer.poll(0)
    left = producer.flush(CLIENT_TIMEOUT_S)
    if left or failed:
        raise WrongCount(f"{left} records not sent, {len(failed)} refused: {failed[:1]}")


def consume_all(address: str, topic: str, records: int) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": address,
            "group.id": "bench",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 5,
            "queued.min.messages": 1_000_000,
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    count = 0
    while count < records:
        messages = consumer.consume(1000, CLIENT_TIMEOUT_S)
        if not messages:
            raise WrongCount(f"{count} of {records} records could be read")
        count += sum(message.error() is None for message in messages)
    consumer.close()


def make_topic(address: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    for future in admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
        future.result(CLIENT_TIMEOUT_S)


def check_count(address: str, topic: str, expected: int) -> None:
    """Compare the log with what was acknowledged. Raises `WrongCount`."""
    consumer = Consumer({"bootstrap.servers": address, "group.id": "bench-check"})
    ends = [
        consumer.get_watermark_offsets(TopicPartition(topic, number), CLIENT_TIMEOUT_S)[1]
        for number in range(PARTITIONS)
    ]
    consumer.close()
    if sum(ends) != expected:
        raise WrongCount(f"{topic}: {sum(ends)} records in the log, {expected} acknowledged")


def measure(seconds: float, records: int) -> list[Row]:
    """Run every load on a broker of its own."""
    with tempfile.TemporaryDirectory() as folder, MeasuredBroker(Path(folder) / "broker") as broker:
        rows = [run_raw(broker, load, seconds) for load in RAW_LOADS]
        return rows + run_librdkafka(broker, records)


def shown(row: Row) -> str:
    """One line of the table."""
    request = (
        f"{row.cpu_user_us_per_request:6.1f} + {row.cpu_system_us_per_request:5.1f} us/request"
        if row.cpu_user_us_per_request is not None
        else " " * 26
    )
    return (
        f"{row.load:38} {row.records_per_second:>10,} records/s  {request}  "
        f"{row.cpu_us_per_record:8.3f} us/record  {row.broker_memory_mb:6.1f} MB  "
        f"load {row.load_average:.1f}"
    )


def main(arguments: Sequence[str]) -> None:
    """Run every load and print the table."""
    parser = argparse.ArgumentParser(description="What requests and records cost the broker.")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each raw load")
    parser.add_argument("--records", type=int, default=1_000_000, help="through librdkafka")
    parser.add_argument("--json", type=Path, help="write the rows there too")
    options = parser.parse_args(arguments)
    rows = measure(options.seconds, options.records)
    for row in rows:
        print(shown(row))  # noqa: T201  # the table is what it is for
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
