"""Has logs cleaned by a process of its own: it is started when needed and told its jobs by pipe.

In a thread of the broker the same work would hold the interpreter for milliseconds at a time,
and every answer to a client would wait for it. Only waiting is done in threads here, and the
starting: the loop's own way of starting a process copies the page tables of all the broker.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, Final, TypeAlias

from streamcore.storage.compaction.job import (
    CleaningFailed,
    CleaningJob,
    RoundSummary,
    TakesGroup,
    WorkerDied,
    decode_group,
    decode_summary,
    encode_job,
)
from streamcore.storage.failures import SegmentCorrupt

MODULE: Final = "streamcore.broker.cleaner_worker"
# What Python, numpy and some decompressed batches need beside the keys.
MEMORY_BYTES: Final = 1 << 30

Process: TypeAlias = "Popen[bytes]"


class ProcessWorker:
    """One worker process at a time, over the data directory `root`."""

    def __init__(self, root: Path, *, key_map_bytes: int) -> None:
        self._root = root
        self._memory_bytes = MEMORY_BYTES + key_map_bytes
        self._process: Process | None = None

    async def clean(self, job: CleaningJob, take: TakesGroup) -> RoundSummary | None:
        """See `CleaningWorker`."""
        process = self._process or await self._started()
        try:
            last = await _led_through(process, job, take)
        except BaseException:  # it died, or waits for a word that will not come
            await self.close()
            raise
        return _outcome(last)

    async def _started(self) -> Process:
        command = [sys.executable, "-m", MODULE, str(self._root), str(self._memory_bytes)]
        # One thread is all it should take; more would be started for linear algebra.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

        def start() -> None:
            self._process = Popen(command, stdin=PIPE, stdout=PIPE, env=environment)

        await asyncio.to_thread(start)
        assert self._process is not None, "it was just started"
        return self._process

    async def close(self) -> None:
        """End the process, if there is one, in the middle of whatever it does."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await asyncio.to_thread(_bury, process)


def _bury(process: Process) -> None:
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None, "it was started with pipes"
        try:
            pipe.close()
        except BrokenPipeError:  # it was killed before it took the last line
            continue


async def _led_through(process: Process, job: CleaningJob, take: TakesGroup) -> dict[str, Any]:
    """Have a job done; return the answer that ends it."""
    answer = await _asked(process, encode_job(job))
    while "group" in answer:
        goes_on = await take(decode_group(answer["group"]))
        answer = await _asked(process, b"go\n" if goes_on else b"stop\n")
    return answer


def _outcome(answer: dict[str, Any]) -> RoundSummary | None:
    if "corrupt" in answer:
        raise SegmentCorrupt(*answer["corrupt"])
    if "failed" in answer:
        raise CleaningFailed(answer["failed"])
    if "exhausted" in answer:
        raise WorkerDied("the worker had not enough memory")
    return decode_summary(answer["summary"]) if "summary" in answer else None


async def _asked(process: Process, line: bytes) -> dict[str, Any]:
    """Send a line and wait for the answer to it."""
    answer_line = await asyncio.to_thread(_ask, process, line)
    if not answer_line.endswith(b"\n"):
        raise WorkerDied(f"the worker ended with status {await asyncio.to_thread(process.wait)}")
    try:
        answer: dict[str, Any] = json.loads(answer_line)
    except ValueError:
        raise WorkerDied(f"the worker said {answer_line[:80]!r}") from None
    return answer


def _ask(process: Process, line: bytes) -> bytes:
    """What is not a whole line is the worker's end."""
    assert process.stdin is not None, "it was started with pipes"
    assert process.stdout is not None, "it was started with pipes"
    try:
        process.stdin.write(line)
        process.stdin.flush()
    except BrokenPipeError:
        return b""
    return process.stdout.readline()
