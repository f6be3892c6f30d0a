"""A compacted topic with a real worker process and real clients: it ends with the last writes."""

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka import admin as confluent_admin
from confluent_kafka.admin import AdminClient

from groundwork.real.clocks import SystemClock
from streamcore.broker import cleaner_process
from streamcore.record.batch import read_header, sealed
from streamcore.record.compression import Codec
from streamcore.record.records import Record, encode_batch
from streamcore.storage.compaction.job import CleanedGroup, WorkerDied
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_process import BrokerProcess
from tests.support.compaction_scene import LogOnDisk
from tests.support.eventually import eventually
from tests.support.kio_peer import request_bytes, response_of
from tests.support.raw_client import RawClient

pytestmark = pytest.mark.integration

TOPIC = "table"
KEYS = 200
CALL_TIMEOUT_S = 30.0
SETTINGS: dict[str, Any] = {
    "log_cleaner_backoff_ms": 50,
    "log_cleaner_min_cleanable_ratio": 0.2,
    "log_cleaner_delete_retention_ms": 0,
    "segment_bytes": 30_000,
    "checkpoint_interval_ms": 50,
}


class Table:
    """A compacted topic of one partition, and what its last writes were."""

    def __init__(self, broker: BrokerProcess, rng: random.Random, *, topic: str = TOPIC) -> None:
        self._broker = broker
        self._topic = topic
        self._rng = rng
        self._count = 0
        self.expected: dict[bytes, bytes] = {}

    def create(self, *, policy: str = "compact") -> None:
        from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]  # stubs in part

        admin: Any = AdminClient({"bootstrap.servers": self._broker.address})
        topic = NewTopic(self._topic, 1, 1, config={"cleanup.policy": policy})
        admin.create_topics([topic])[self._topic].result(CALL_TIMEOUT_S)

    def compact_from_now_on(self) -> None:
        of: Any = confluent_admin
        admin = of.AdminClient({"bootstrap.servers": self._broker.address})
        change = of.ConfigEntry(
            "cleanup.policy", "compact", incremental_operation=of.AlterConfigOpType.SET
        )
        topic = of.ConfigResource(
            of.ConfigResource.Type.TOPIC, self._topic, incremental_configs=[change]
        )
        admin.incremental_alter_configs([topic])[topic].result(CALL_TIMEOUT_S)

    def write(self, count: int, *, codec: str = "none") -> None:
        """Write values and tombstones; all of them are acknowledged on return."""
        producer = Producer(
            {
                "bootstrap.servers": self._broker.address,
                "enable.idempotence": True,
                "compression.type": codec,
                "linger.ms": 2,
                "batch.num.messages": 50,
            }
        )
        failures: list[Any] = []
        for _ in range(count):
            key = b"key-%d" % self._rng.randrange(KEYS)
            self._count += 1
            value = None
            if self._rng.random() < 0.9:
                value = b"%d:" % self._count + self._rng.randbytes(self._rng.randrange(100))
            producer.produce(
                self._topic,
                key=key,
                value=value,
                on_delivery=lambda error, _: failures.append(error) if error else None,
            )
            if value is None:
                self.expected.pop(key, None)
            else:
                self.expected[key] = value
        assert producer.flush(CALL_TIMEOUT_S) == 0
        assert not failures

    def read(self) -> tuple[dict[bytes, bytes], int]:
        """Read all of it from the start; return the table and how many records there were."""
        consumer = Consumer({"bootstrap.servers": self._broker.address, "group.id": "reader"})
        place = TopicPartition(self._topic, 0, 0)
        consumer.assign([place])
        _, end = consumer.get_watermark_offsets(place, timeout=CALL_TIMEOUT_S)
        table: dict[bytes, bytes] = {}
        count = 0
        while consumer.position([place])[0].offset < end:
            for message in consumer.consume(500, 0.2):
                assert message.error() is None
                count += 1
                key, value = message.key(), message.value()
                assert isinstance(key, bytes)
                if value is None:
                    table.pop(key, None)
                else:
                    assert isinstance(value, bytes)
                    table[key] = value
        consumer.close()
        return table, count

    def folder(self) -> Path:
        (folder,) = self._broker.data_dir.glob(f"logs/{self._topic}@*/0")
        return folder


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    process = BrokerProcess(tmp_path / "data", **SETTINGS)
    process.start()
    yield process
    assert process.stop() == 0


def cleaned_rounds(broker: BrokerProcess) -> int:
    return broker.journal_path.read_text().count("cleaned up to offset")


def process_state(pid: int) -> list[str]:
    """What proc(5) says of a process behind its name: state, parent...; nothing of none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def is_running(pid: int) -> bool:
    state = process_state(pid)
    return bool(state) and state[0] != "Z"


def worker_of(broker: BrokerProcess) -> int | None:
    """The broker's cleaning worker, if it has one."""
    pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    children = [pid for pid in pids if process_state(pid)[1:2] == [str(broker.pid)]]
    return children[0] if children else None


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
async def test_its_readers_see_the_last_writes_and_few_others(
    broker: BrokerProcess, codec: str
) -> None:
    table = Table(broker, random.Random(codec))
    table.create()
    for _ in range(4):
        table.write(2000, codec=codec)
        rounds = cleaned_rounds(broker)
        await eventually(lambda: cleaned_rounds(broker) > rounds)  # noqa: B023  # is called at once
    found, count = table.read()
    assert found == table.expected
    assert count < 8000 / 2


def is_cleaning(table: Table) -> bool:
    """Whether a new segment is being written, or is about to take its place."""
    names = os.listdir(table.folder())
    return any(name.endswith((".log.cleaned", ".log.swap")) for name in names)


@pytest.mark.parametrize("seed", range(2))
async def test_nothing_is_lost_when_the_broker_is_killed_in_the_middle_of_cleaning(
    tmp_path: Path, seed: int
) -> None:
    slow = {**SETTINGS, "log_cleaner_io_max_bytes_per_second": 300_000}
    broker = BrokerProcess(tmp_path / "data", **slow)
    broker.start()
    table = Table(broker, random.Random(seed))
    table.create()
    for _ in range(4):
        table.write(1000)
        await eventually(lambda: is_cleaning(table))
        worker = worker_of(broker)
        broker.kill()
        assert worker is not None
        await eventually(lambda: not is_running(worker))  # noqa: B023  # is called at once
        broker.start()
        assert not is_cleaning(table), "what was half done is gone or finished"
        assert table.read()[0] == table.expected
    rounds = cleaned_rounds(broker)
    table.write(1000)
    await eventually(lambda: cleaned_rounds(broker) > rounds)
    assert table.read()[0] == table.expected
    assert broker.stop() == 0


async def test_a_worker_that_is_killed_is_said_and_another_does_its_work(tmp_path: Path) -> None:
    slow = {**SETTINGS, "log_cleaner_io_max_bytes_per_second": 300_000}
    broker = BrokerProcess(tmp_path / "data", **slow)
    broker.start()
    table = Table(broker, random.Random(1))
    table.create()
    table.write(1000)
    await eventually(lambda: is_cleaning(table))
    worker = worker_of(broker)
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    await eventually(lambda: cleaned_rounds(broker) >= 1)
    assert "was not cleaned: the worker ended with status -9" in broker.journal_path.read_text()
    assert table.read()[0] == table.expected
    assert broker.stop() == 0


async def test_a_producer_goes_on_after_its_last_batch_was_emptied_and_the_broker_restarted(
    broker: BrokerProcess,
) -> None:
    table = Table(broker, random.Random(2))
    table.create()
    with RawClient(broker.address) as client:
        ours = [keyed_batch(b"key-0", number) for number in range(2)]
        assert base_offset(client.ask(ApiKey.PRODUCE, 7, produce_body(ours[0]))) == 0
    table.write(2000)
    await eventually(lambda: cleaned_rounds(broker) >= 1)
    broker.kill()
    (broker.data_dir / "checkpoint.json").unlink()
    broker.start()
    with RawClient(broker.address) as client:
        assert base_offset(client.ask(ApiKey.PRODUCE, 7, produce_body(ours[0]))) == 0, "a retry"
        assert base_offset(client.ask(ApiKey.PRODUCE, 7, produce_body(ours[1]))) > 2000


async def test_a_worker_that_has_nothing_to_do_ends(tmp_path: Path) -> None:
    broker = BrokerProcess(tmp_path / "data", **SETTINGS, log_cleaner_worker_idle_ms=100)
    broker.start()
    table = Table(broker, random.Random(3))
    table.create()
    table.write(1000)
    await eventually(lambda: cleaned_rounds(broker) >= 1)
    await eventually(lambda: worker_of(broker) is None)
    assert broker.stop() == 0


def keyed_batch(key: bytes, sequence: int) -> bytes:
    record = Record(timestamp=SystemClock().now_ms(), key=key, value=b"%d" % sequence)
    return encode_batch([record], producer_id=5, producer_epoch=0, base_sequence=sequence)


def produce_body(batch: bytes, *, topic: str = TOPIC) -> bytes:
    partitions = [{"index": 0, "records": batch}]
    return request_bytes(
        ApiKey.PRODUCE, 7, acks=-1, topic_data=[{"name": topic, "partition_data": partitions}]
    )


def base_offset(body: bytes) -> int:
    assert error_name(body) == "none"
    return int(produced(body).base_offset)


def error_name(body: bytes) -> str:
    return str(produced(body).error_code.name)


def produced(body: bytes) -> Any:
    return response_of(ApiKey.PRODUCE, 7, body).responses[0].partition_responses[0]


async def test_a_worker_that_talks_nonsense_counts_as_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaner_process, "MODULE", "platform")  # it prints what system this is
    worker = cleaner_process.ProcessWorker(tmp_path, key_map_bytes=1 << 20)
    job = LogOnDisk([[keyed_batch(b"key-0", 0)]]).job()

    async def take(group: CleanedGroup) -> bool:
        raise AssertionError("no group was cleaned")

    for _ in range(2):
        with pytest.raises(WorkerDied, match=r"the worker (said b'Linux|ended with status 0)"):
            await worker.clean(job, take)


async def test_records_that_unfold_into_gigabytes_stop_their_own_log_alone(
    broker: BrokerProcess,
) -> None:
    """A megabyte of zstd can be more than the machine has: the worker may not take that much.

    A topic that is compacted would not have let it in.
    """
    folder = zstandard.ZstdCompressor().compressobj()
    zeros = bytes(1 << 20)
    bomb = b"".join([*(folder.compress(zeros) for _ in range(2048)), folder.flush()])
    header = read_header(keyed_batch(b"key-0", 0))._replace(attributes=Codec.ZSTD)
    with RawClient(broker.address) as client:
        bad = Table(broker, random.Random("bad"), topic="bad")
        bad.create(policy="delete")
        Table(broker, random.Random("good"), topic="good").create()
        body = produce_body(sealed(header, bomb), topic="bad")
        assert base_offset(client.ask(ApiKey.PRODUCE, 7, body)) == 0
        bad.compact_from_now_on()
        assert error_name(client.ask(ApiKey.PRODUCE, 7, body)) == "invalid_record"
    for name in ("bad", "good"):
        Table(broker, random.Random(name), topic=name).write(1000)
    await eventually(lambda: "bad" in journal(broker, "is not cleaned any more"))
    await eventually(lambda: "good" in journal(broker, "cleaned up to offset"))
    assert "zstd: more than 134217728 bytes of records" in journal(
        broker, "is not cleaned any more"
    )


def journal(broker: BrokerProcess, words: str) -> str:
    """The lines with these words."""
    lines = broker.journal_path.read_text().splitlines()
    return "\n".join(line for line in lines if words in line)
