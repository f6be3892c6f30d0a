"""How much memory something takes at its worst: all of the process, or what Python allocates."""

import contextlib
import tracemalloc
from collections.abc import Iterator
from pathlib import Path


class Peak:
    """Bytes beyond what there was before, as soon as the block is over."""

    def __init__(self) -> None:
        self.grown_bytes = 0


@contextlib.contextmanager
def process_peak() -> Iterator[Peak]:
    """By all of the process: libraries and pages of the kernel's count too (Linux)."""
    peak = Peak()
    Path("/proc/self/clear_refs").write_text("5")  # the highest mark is now
    before = _status_bytes("VmHWM")
    try:
        yield peak
    finally:
        peak.grown_bytes = _status_bytes("VmHWM") - before


def _status_bytes(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) << 10
    raise AssertionError(f"no {name}")


@contextlib.contextmanager
def python_peak() -> Iterator[Peak]:
    """By what Python allocates in the block alone, to the byte."""
    peak = Peak()
    tracemalloc.start()
    try:
        yield peak
        peak.grown_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
