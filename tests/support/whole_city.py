"""`hailstream up` as a user runs it: a process of its own, on free ports, in a small city."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.tiny_city import tiny_city

ROOT = Path(__file__).parents[2]
READY_WITHIN_S = 60.0
END_WITHIN_S = 90.0


@dataclass(slots=True, kw_only=True)
class WholeCity:
    """A running `up`."""

    process: asyncio.subprocess.Process
    port: int
    broker_port: int
    report_path: Path
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def pid_of(self, name: str) -> int | None:
        """The child that runs `hailstream NAME`, or None while there is none."""
        for path in Path("/proc").glob("[0-9]*/status"):
            try:
                parent = path.read_text().partition("PPid:\t")[2].split()[0]
                words = (path.parent / "cmdline").read_bytes().split(b"\0")
            except (OSError, IndexError):
                continue  # it ended while we looked
            if parent == str(self.process.pid) and name.encode() in words[:4]:
                return int(path.parent.name)
        return None

    def running(self, pids: list[int | None]) -> list[int | None]:
        """Those of these processes that still exist."""
        return [pid for pid in pids if Path(f"/proc/{pid}").exists()]

    async def end(self) -> int:
        """Return the status with which it ends by itself."""
        async with asyncio.timeout(END_WITHIN_S):
            return await self.process.wait()

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.report_path.read_text())
        return found


@asynccontextmanager
async def whole_city(folder: Path, *flags: str) -> AsyncIterator[WholeCity]:
    """Start `up` with these flags; yields when it says that it is ready; ends it on the way out."""
    tiny_city(folder / "city", columns=20, rows=20)
    port = free_ports(5)
    broker_port = port + 4
    report_path = folder / "report.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hailstream", "up", "--city", str(folder / "city")),
        *("--data-dir", str(folder / "data"), "--port", str(port)),
        *("--broker-port", str(broker_port), *flags),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    city = WholeCity(process=process, port=port, broker_port=broker_port, report_path=report_path)
    async with asyncio.TaskGroup() as tasks:
        ready = asyncio.Event()
        tasks.create_task(_read(city, ready))
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                await ready.wait()
            if process.returncode is not None:
                pytest.fail("up ended before it was ready:\n" + "\n".join(city.lines))
            yield city
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                await process.wait()


async def _read(city: WholeCity, ready: asyncio.Event) -> None:
    assert city.process.stdout is not None
    async for raw in city.process.stdout:
        city.lines.append(raw.decode().rstrip())
        if city.lines[-1].startswith("ready:"):
            ready.set()
    await city.process.wait()
    ready.set()


def free_ports(count: int) -> int:
    """The first of so many ports in a row that nobody listens on."""
    start = 21_000 + os.getpid() * 7 % 9_000  # below the ephemeral ports of Linux
    for first in range(start, start + 4_000, count):
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
