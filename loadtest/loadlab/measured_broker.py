"""A broker that a bench starts itself, so that nothing else can be measured by mistake."""

import os
from pathlib import Path
from typing import NamedTuple

from loadlab.broker_process import BrokerProcess

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class CpuSeconds(NamedTuple):
    """What a process has used so far."""

    user: float
    system: float

    def since(self, before: "CpuSeconds") -> "CpuSeconds":
        return CpuSeconds(self.user - before.user, self.system - before.system)


class MeasuredBroker(BrokerProcess):
    """A broker whose use of the machine is read from /proc."""

    def cpu(self) -> CpuSeconds:
        """CPU of all its threads."""
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return CpuSeconds(int(fields[11]) / TICKS_PER_SECOND, int(fields[12]) / TICKS_PER_SECOND)

    def memory_mb(self) -> float:
        """Resident memory now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024
