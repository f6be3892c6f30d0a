"""Brokers that a test may kill: ours, or a real Kafka when the suite is held against one."""

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from groundwork.real.clocks import SystemClock
from tests.support.broker_process import BrokerProcess
from tests.support.raw_kafka import RawConnection

KAFKA = os.environ.get("HAILSTREAM_TEST_KAFKA")
# A command that takes a port and a folder, and runs a Kafka there.
KAFKA_COMMAND = os.environ.get("HAILSTREAM_TEST_KAFKA_COMMAND")
# Kafka grants no shorter session than this, unless it is told to.
SESSION_TIMEOUT_MS = 6_000 if KAFKA else 2_000
KAFKA_STARTS_WITHIN_MS = 40_000


class Restartable(Protocol):
    """A broker over one folder, at one address."""

    @property
    def address(self) -> str: ...
    def start(self) -> str: ...
    def kill(self) -> None: ...


class KafkaProcess:
    """Somebody else's broker, started by a command."""

    def __init__(self, command: str, data_dir: Path) -> None:
        self._command = command
        self._data_dir = data_dir
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> str:
        self._process = subprocess.Popen(
            [*self._command.split(), str(self._port), str(self._data_dir)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        clock = SystemClock()
        deadline_ms = clock.monotonic_ms() + KAFKA_STARTS_WITHIN_MS
        while not self._answers():
            assert clock.monotonic_ms() < deadline_ms, "Kafka did not start"
        return self.address

    def _answers(self) -> bool:
        try:
            with RawConnection(self.address) as connection:
                return connection.is_answered()
        except OSError:
            return False

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def own_broker(data_dir: Path, **settings: object) -> Iterator[Restartable]:
    """Run a broker that its user may kill and start. The settings are ours, not Kafka's."""
    if KAFKA is not None and KAFKA_COMMAND is None:
        pytest.skip("HAILSTREAM_TEST_KAFKA_COMMAND does not say how to start a Kafka")
    broker: Restartable = (
        KafkaProcess(KAFKA_COMMAND, data_dir)
        if KAFKA_COMMAND is not None
        else BrokerProcess(data_dir, port=0, **settings)
    )
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
