"""A real broker in a process of its own, on a free port: started, killed, started again."""

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

START_WITHIN_S = 20.0
STOP_WITHIN_S = 10.0
READY = "ready kafka://"
LISTENING = "listening "


class BrokerDidNotStart(Exception):
    """It ended, or said nothing, before it was ready. Holds what it wrote to standard error."""


class BrokerProcess:
    """A broker over one data directory. Keeps its port from one start to the next."""

    def __init__(self, data_dir: Path, *, port: int = 0, **settings: object) -> None:
        self.data_dir = data_dir
        self.addresses: dict[str, str] = {}
        self._listeners: list[str] = []
        self._settings = settings
        self._port = port
        self._process: subprocess.Popen[str] | None = None
        self.journal_path = data_dir.with_name(f"{data_dir.name}.journal")

    @property
    def address(self) -> str:
        """HOST:PORT, for `bootstrap.servers`."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    def listening_too(self, *protocols: str) -> Self:
        """Have more listeners, one of each protocol, where `addresses` says."""
        self._listeners = [f"{protocol}://127.0.0.1:0" for protocol in protocols]
        return self

    def start(self) -> str:
        """Start and wait until it is ready; return its address."""
        command = [sys.executable, "-m", "streamcore.commands", "broker"]
        command += ["--listen", self.address, "--data-dir", str(self.data_dir)]
        for listener in self._listeners:
            command += ["--listen", listener]
        for name, value in self._settings.items():
            command += ["-X", f"{name.replace('_', '.')}={_text(value)}"]
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        with self.journal_path.open("a") as journal:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=journal, text=True, env=os.environ
            )
        assert self._process.stdout is not None
        line = _line_within(self._process.stdout, START_WITHIN_S)
        while line.startswith(LISTENING):
            protocol, _, address = line.removeprefix(LISTENING).partition("://")
            self.addresses[protocol] = address
            line = self._process.stdout.readline().rstrip("\n")  # they come all at once
        if not line.startswith(READY):
            self.kill()
            raise BrokerDidNotStart(f"said {line!r}; {self.journal_path.read_text()}")
        self._port = int(line.removeprefix(READY).split()[0].rpartition(":")[2])
        return self.address

    def kill(self) -> None:
        """SIGKILL: it gets no chance to write anything more."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, as a supervisor does; return the exit status."""
        return self._end(signal.SIGTERM)

    def hang_up(self) -> None:
        """SIGHUP: it reads its certificates again."""
        assert self._process is not None, "not started"
        self._process.send_signal(signal.SIGHUP)

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        with process:
            process.send_signal(number)
            try:
                return process.wait(timeout=STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextlib.contextmanager
def running_broker(tmp_path: Path, **settings: object) -> Iterator[str]:
    """Run a broker over `tmp_path/broker`; yield its address. Settings as `num_partitions=2`."""
    with BrokerProcess(tmp_path / "broker", port=0, **settings) as broker:
        yield broker.address


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _line_within(stream: IO[str], timeout_s: float) -> str:
    readable, _, _ = select.select([stream], [], [], timeout_s)
    return stream.readline().rstrip("\n") if readable else ""
