"""Runs the processes of a plan: starts them by stage, restarts the dead, stops all in time."""

import asyncio
import logging
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from groundwork.journal import without_secrets
from groundwork.seams import Clock
from hailstream.processes import KEEP_MEMORY, ONE_THREAD, ProcessSpec, Stage
from hailstream.procfs import ProcessUsage, usage_of
from hailstream.restarts import RestartPolicy

journal = logging.getLogger("hailstream.up")

READY_WAIT_S = 60.0
# Three stages stop one after another within the five seconds that are promised.
STOP_WAIT_S = 1.6
JOURNAL_BYTES_MAX = 16 << 20
_LINE_BYTES_MAX = 1 << 20


class StartFailed(Exception):
    """A process did not become ready; the message holds its last words."""


@dataclass(slots=True)
class Managed:
    """A process of the plan as it runs."""

    spec: ProcessSpec
    policy: RestartPolicy = field(default_factory=RestartPolicy)
    process: asyncio.subprocess.Process | None = None
    started_ms: int = 0
    is_ready: bool = False
    settled: asyncio.Event = field(default_factory=asyncio.Event)  # ready, or ended before
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    status: int | None = None  # of the last end
    cpu_s_before: float = 0.0  # of earlier lives
    cpu_s_to_start: float = 0.0  # spent before the city began
    rss_mb_max: float = 0.0
    last_usage: ProcessUsage | None = None
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=20))

    def mark_ready(self) -> None:
        self.is_ready = True
        self.settled.set()

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.returncode is None else None

    @property
    def cpu_s(self) -> float:
        return self.cpu_s_before + (self.last_usage.cpu_s if self.last_usage else 0.0)


class Supervisor:
    """Owns the child processes. `trouble` is called with each sentence a person should read."""

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        *,
        clock: Clock,
        journal_dir: Path,
        trouble: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._journal_dir = journal_dir
        self._trouble = trouble
        self._stopping = False
        self.managed = {spec.name: Managed(spec) for spec in specs}
        self.gave_up = asyncio.Event()
        journal_dir.mkdir(parents=True, exist_ok=True)

    async def start(self, stage: Stage, tasks: asyncio.TaskGroup) -> None:
        """Start a stage's processes; return when each is ready. Raises `StartFailed`."""
        started = [m for m in self.managed.values() if m.spec.stage is stage]
        for managed in started:
            tasks.create_task(self._keep_running(managed), name=f"keep {managed.spec.name}")
        async with asyncio.TaskGroup() as waits:
            for managed in started:
                waits.create_task(self._until_ready(managed))

    def sample(self) -> None:
        """Read CPU and memory of all from the kernel. Cheap: call it once a second."""
        for managed in self.managed.values():
            usage = usage_of(managed.pid) if managed.pid else None
            if usage is not None:
                managed.last_usage = usage
                managed.rss_mb_max = max(managed.rss_mb_max, usage.rss_mb)

    def note_start_cost(self) -> None:
        """What was spent so far was spent on starting: imports, the road network, joining."""
        self.sample()
        for managed in self.managed.values():
            managed.cpu_s_to_start = managed.cpu_s

    async def wait_ended(self, name: str) -> None:
        """Return when a one-shot process has ended for good."""
        await self.managed[name].ended.wait()

    async def stop(self, stage: Stage) -> None:
        """SIGTERM to the stage's processes together; SIGKILL to what is left after the wait."""
        self._stopping = True
        leaving = [m for m in self.managed.values() if m.spec.stage is stage and m.pid]
        for managed in leaving:
            _signal(managed, signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_WAIT_S):
                await _all_ended(leaving)
        except TimeoutError:
            for managed in leaving:
                if not managed.ended.is_set():
                    self._trouble(f"{managed.spec.name} did not end in {STOP_WAIT_S} s: killed")
                    _signal(managed, signal.SIGKILL)
            await _all_ended(leaving)

    async def _until_ready(self, managed: Managed) -> None:
        try:
            async with asyncio.timeout(READY_WAIT_S):
                await managed.settled.wait()
        except TimeoutError:
            pass
        if not managed.is_ready:
            why = "ended" if managed.settled.is_set() else f"was not ready in {READY_WAIT_S:.0f} s"
            words = "\n    ".join(managed.last_lines) or "(it said nothing)"
            raise StartFailed(f"{managed.spec.name} {why}; its last words:\n    {words}")

    async def _keep_running(self, managed: Managed) -> None:
        """Start, watch, restart, until stopping or given up."""
        name = managed.spec.name
        while True:
            managed.started_ms = self._clock.monotonic_ms()
            managed.status = await self._run_once(managed)
            if self._stopping or (managed.spec.one_shot and managed.status == 0):
                break
            lived_ms = self._clock.monotonic_ms() - managed.started_ms
            never_ready = not managed.is_ready
            wait_ms = None if never_ready else managed.policy.wait_after_death(lived_ms=lived_ms)
            if wait_ms is None:
                if not never_ready:
                    self._trouble(f"{name} keeps dying ({_end(managed.status)}): given up")
                self.gave_up.set()
                break
            self._trouble(f"{name} died ({_end(managed.status)}): started again in {wait_ms} ms")
            await self._clock.sleep_until(self._clock.monotonic_ms() + wait_ms)
            if self._stopping:
                break
        managed.ended.set()
        managed.settled.set()

    async def _run_once(self, managed: Managed) -> int:
        spec = managed.spec
        process = await asyncio.create_subprocess_exec(
            *spec.command(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **KEEP_MEMORY, **ONE_THREAD, **spec.environment},
            start_new_session=True,  # Ctrl-C is for us: we stop them in order
            limit=_LINE_BYTES_MAX,
        )
        managed.process = process
        _step_back(process.pid, spec.nice)
        if spec.ready_prefix is None:
            managed.mark_ready()
        try:
            async with asyncio.TaskGroup() as readers:
                readers.create_task(self._read_output(managed, process.stdout))
                readers.create_task(self._read_output(managed, process.stderr))
            return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
            if managed.last_usage is not None:
                managed.cpu_s_before += managed.last_usage.cpu_s
                managed.last_usage = None

    async def _read_output(self, managed: Managed, stream: asyncio.StreamReader | None) -> None:
        assert stream is not None
        path = self._journal_dir / f"{managed.spec.name}.log"
        with path.open("ab", buffering=0) as file:
            async for raw in stream:
                line = without_secrets(raw.decode("utf-8", errors="replace").rstrip())
                if file.tell() < JOURNAL_BYTES_MAX:
                    file.write(line.encode() + b"\n")
                self._hear(managed, line)

    def _hear(self, managed: Managed, line: str) -> None:
        prefix = managed.spec.ready_prefix
        if prefix is not None and line.startswith(prefix):
            managed.mark_ready()
            return
        told = readable(line)
        managed.last_lines.append(told.text)
        if told.serious:
            self._trouble(f"{managed.spec.name}: {told.text}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A line of a process's journal for a person, and whether they should see it at once."""

    text: str
    serious: bool


def readable(line: str) -> Told:
    """Take the message out of a JSON line; other lines are as they are."""
    try:
        fields = orjson.loads(line)
        return Told(text=fields["message"], serious=fields["level"] in ("warning", "error"))
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return Told(text=line, serious=False)


async def _all_ended(leaving: Sequence[Managed]) -> None:
    for managed in leaving:
        await managed.ended.wait()


def _step_back(pid: int, nice: int) -> None:
    # One that has ended already is told of elsewhere.
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, nice)


def _signal(managed: Managed, number: signal.Signals) -> None:
    if managed.pid is not None and managed.process is not None:
        managed.process.send_signal(number)


def _end(status: int | None) -> str:
    if status is not None and status < 0:
        return signal.Signals(-status).name
    return f"status {status}"
