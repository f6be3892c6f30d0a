"""How long a broker takes to its first accepted record: empty, with a gigabyte, after a kill."""

import os
import statistics
import time
from pathlib import Path
from typing import Final

from loadlab.broker.measuring import Row, cpu_of, memory_mb
from loadlab.broker.raw import batch_of, connected, keep_in_flight
from loadlab.broker.topics import make_topic
from loadlab.broker_process import BrokerProcess

TOPIC: Final = "bench-starting"
STARTS: Final = 7
IDLE_S: Final = 2.0
BATCH_RECORDS: Final = 500
IN_FLIGHT: Final = 4
NEVER_MS: Final = 3_600_000


def run_starting(folder: Path, gigabytes: float) -> list[Row]:
    """Start brokers again and again over the same data, which grows."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has been compiled
    broker = BrokerProcess(folder / "starting")
    with broker:
        make_topic(broker.address, TOPIC, partitions=1)
    rows = [_started(broker, "start, empty log")]
    with broker:
        time.sleep(IDLE_S)
        before, started = cpu_of(broker), time.perf_counter()
        time.sleep(IDLE_S)
        idle = sum(cpu_of(broker).since(before)) / (time.perf_counter() - started)
        rows.append(Row(load="idle", figures={"MB": memory_mb(broker), "% of a core": 100 * idle}))
        filled = _fill(broker, gigabytes)
    rows.append(_started(broker, f"start, {filled / 1e9:.1f} GB in a partition, after a clean end"))
    return rows


def run_killed(folder: Path, gigabytes: float) -> Row:
    """Start behind a kill -9, with all of a partition behind the last checkpoint."""
    broker = BrokerProcess(folder / "killed", checkpoint_interval_ms=NEVER_MS)
    broker.start()
    make_topic(broker.address, TOPIC, partitions=1)
    filled = _fill(broker, gigabytes)
    broker.kill()
    started = time.perf_counter()
    broker.start()
    elapsed, cpu = time.perf_counter() - started, cpu_of(broker)
    broker.stop()
    return Row(
        load=f"start, {filled / 1e9:.1f} GB unchecked, after kill -9",
        figures={"s": elapsed, "s CPU": sum(cpu), "MB/s per core": filled / sum(cpu) / 1e6},
    )


def _started(broker: BrokerProcess, load: str) -> Row:
    seconds = []
    for _ in range(STARTS):
        began = time.perf_counter()
        broker.start()
        _produce_one(broker)
        seconds.append(time.perf_counter() - began)
        broker.stop()
    return Row(
        load=load,
        figures={
            "ms to the first record, median": 1000 * statistics.median(seconds),
            "ms, best": 1000 * min(seconds),
        },
    )


def _produce_one(broker: BrokerProcess) -> None:
    with connected(broker.address, TOPIC, batch_of(1), [0]) as connections:
        keep_in_flight(connections, 1, until=0)


def _fill(broker: BrokerProcess, gigabytes: float) -> int:
    """Write so much to the topic's partition; return how many bytes it was."""
    batch = batch_of(BATCH_RECORDS)
    filled = 0
    with connected(broker.address, TOPIC, batch, [0]) as connections:
        while filled < gigabytes * 1e9:
            filled += len(batch) * keep_in_flight(connections, IN_FLIGHT, until=0)
    return filled
