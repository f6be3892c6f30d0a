"""Has logs cleaned by a process of its own: it is started when needed and told its jobs by pipe.

In a thread of the broker the same work would hold the interpreter for milliseconds at a time,
and every answer to a client would wait for it.
"""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

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
# Of one answer; most of it may be aborted transactions.
LINE_BYTES_MAX: Final = 64 << 20
# What Python, numpy and some decompressed batches need beside the keys.
MEMORY_BYTES: Final = 1 << 30


class ProcessWorker:
    """One worker process at a time, over the data directory `root`."""

    def __init__(self, root: Path, *, key_map_bytes: int) -> None:
        self._root = root
        self._memory_bytes = MEMORY_BYTES + key_map_bytes
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """The process that is there now, if any."""
        return self._process.pid if self._process is not None else None

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
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, env=environment, limit=LINE_BYTES_MAX
        )
        return self._process

    async def close(self) -> None:
        """End the process, if there is one, in the middle of whatever it does."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            assert process.stdin is not None, "it was started with a pipe"
            process.stdin.close()
            await process.wait()


async def _led_through(process: Process, job: CleaningJob, take: TakesGroup) -> dict[str, Any]:
    """Have a job done; return the answer that ends it."""
    await _write(process, encode_job(job))
    while "group" in (answer := await _read(process)):
        goes_on = await take(decode_group(answer["group"]))
        await _write(process, b"go\n" if goes_on else b"stop\n")
    return answer


def _outcome(answer: dict[str, Any]) -> RoundSummary | None:
    if "corrupt" in answer:
        raise SegmentCorrupt(*answer["corrupt"])
    if "failed" in answer:
        raise CleaningFailed(answer["failed"])
    return decode_summary(answer["summary"]) if "summary" in answer else None


async def _write(process: Process, line: bytes) -> None:
    assert process.stdin is not None, "it was started with a pipe"
    try:
        process.stdin.write(line)
        await process.stdin.drain()
    except ConnectionError:
        raise await _death(process) from None


async def _read(process: Process) -> dict[str, Any]:
    assert process.stdout is not None, "it was started with a pipe"
    line = await process.stdout.readline()
    if not line.endswith(b"\n"):
        raise await _death(process)
    answer: dict[str, Any] = json.loads(line)
    return answer


async def _death(process: Process) -> WorkerDied:
    return WorkerDied(f"the worker ended with status {await process.wait()}")
