"""What the kernel says of a process: CPU time and memory, from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessUsage:
    """User + system seconds since the process began, and resident memory now."""

    cpu_s: float
    rss_mb: float


def usage_of(pid: int) -> ProcessUsage | None:
    """None when the process is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        statm = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")
    except OSError:
        return None
    # The name, in brackets, may hold blanks: what follows the last bracket is regular.
    fields = stat.rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return ProcessUsage(
        cpu_s=(user + system) / _TICKS_PER_S, rss_mb=int(statm.split()[1]) * _PAGE_MB
    )
