"""A broker whose use of the machine is read from /proc, and the rows that come of it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class CpuSeconds(NamedTuple):
    """What a process has used so far."""

    user: float
    system: float

    def since(self, before: "CpuSeconds") -> "CpuSeconds":
        return CpuSeconds(self.user - before.user, self.system - before.system)


class Measured(Protocol):
    """A broker that runs: `BrokerProcess`, or one of another make."""

    @property
    def address(self) -> str:
        """HOST:PORT, for `bootstrap.servers`."""
        ...

    @property
    def pid(self) -> int: ...


class OtherBroker(NamedTuple):
    """One that somebody else has started, of whatever make."""

    address: str
    pid: int


def cpu_of(broker: Measured) -> CpuSeconds:
    """CPU of all its threads."""
    stat = Path(f"/proc/{broker.pid}/stat").read_text()
    fields = stat.rpartition(")")[2].split()
    return CpuSeconds(int(fields[11]) / TICKS_PER_SECOND, int(fields[12]) / TICKS_PER_SECOND)


def memory_mb(broker: Measured) -> float:
    """Resident memory now."""
    status = Path(f"/proc/{broker.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One load. The name of a figure is its unit."""

    load: str
    figures: Mapping[str, float]

    def __str__(self) -> str:
        figures = "  ".join(f"{_short(value):>9} {unit}" for unit, value in self.figures.items())
        return f"{self.load:48} {figures}"


def _short(value: float) -> str:
    """Three figures, or all that are before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # as it says
