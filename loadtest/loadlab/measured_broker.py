"""A broker that a bench starts itself, so that nothing else can be measured by mistake."""

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
STOP_WITHIN_S = 10.0


class BrokerDidNotStart(Exception):
    """It ended before it said that it was ready."""


class CpuSeconds(NamedTuple):
    """What a process has used so far."""

    user: float
    system: float

    def since(self, before: "CpuSeconds") -> "CpuSeconds":
        return CpuSeconds(self.user - before.user, self.system - before.system)


class MeasuredBroker:
    """A broker process over `data_dir`, on a free port."""

    def __init__(self, data_dir: Path) -> None:
        self._process = subprocess.Popen(  # our own command, no shell
            [
                *(sys.executable, "-m", "streamcore.commands", "broker"),
                *("--listen", "127.0.0.1:0", "--data-dir", str(data_dir)),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("ready kafka://"):
            self._process.wait()
            raise BrokerDidNotStart(f"the broker said {line!r}")
        self.address = line.removeprefix("ready kafka://").split()[0]

    def cpu(self) -> CpuSeconds:
        """CPU of all its threads, from /proc."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return CpuSeconds(int(fields[11]) / TICKS_PER_SECOND, int(fields[12]) / TICKS_PER_SECOND)

    def memory_mb(self) -> float:
        """Resident memory now."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def __enter__(self) -> "MeasuredBroker":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        with self._process:
            self._process.wait(timeout=STOP_WITHIN_S)
