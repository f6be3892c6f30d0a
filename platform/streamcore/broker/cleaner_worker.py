"""The process that cleans logs: `python -m streamcore.broker.cleaner_worker DIR MEMORY_BYTES`.

A line on standard input is a job. The answers are lines too: a cleaned group, which waits for
`go` or `stop`, then a summary, or what went wrong. It ends when its input does, at once and in
the middle of its work: then the broker is gone, and what was half done counts for nothing.
"""

import json
import os
import queue
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from groundwork.real.clocks import SystemClock
from groundwork.real.disk import OsDirectory
from groundwork.seams import Directory
from streamcore.storage.compaction.job import (
    CleaningJob,
    decode_job,
    encode_group,
    encode_summary,
)
from streamcore.storage.compaction.pace import Pace
from streamcore.storage.compaction.round import CleaningRound
from streamcore.storage.failures import SegmentCorrupt

# It takes what the broker and its clients leave.
NICENESS: Final = 10
GO: Final = b"go\n"


def main() -> None:
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the broker's: it ends the input
    memory = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    lines = _lines_of(sys.stdin.buffer)
    output = sys.stdout.buffer

    def say(line: bytes) -> None:
        output.write(line)
        output.flush()

    directory = OsDirectory(Path(sys.argv[1]))
    for line in lines:
        for answer in answers(directory, decode_job(line), lambda: next(lines) == GO):
            say(answer)


def _lines_of(stream: BinaryIO) -> Iterator[bytes]:
    """Yield lines; end the process when there are no more, whatever it is doing."""
    # It holds one line at most: the broker waits for an answer to each.
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read() -> None:
        for line in stream:
            waiting.put(line)
        os._exit(0)

    threading.Thread(target=read, name="input", daemon=True).start()
    while True:
        yield waiting.get()


def answers(
    directory: Directory, job: CleaningJob, may_go_on: Callable[[], bool]
) -> Iterator[bytes]:
    """Do a job; yield what to answer. `may_go_on` is asked behind each group."""
    pace = Pace(job.bytes_per_second, now_ms=SystemClock().monotonic_ms, pause=time.sleep)
    secret = int.from_bytes(os.urandom(16))
    work = CleaningRound(directory, job, secret=secret, on_bytes=pace.took)
    try:
        for group in work.groups():
            yield encode_group(group)
            if not may_go_on():
                yield _line(stopped=True)
                return
        yield encode_summary(work.summary())
    except SegmentCorrupt as fault:
        yield _line(corrupt=[fault.path, fault.position, fault.reason])
    except OSError as error:
        yield _line(failed=str(error))
    except MemoryError:
        yield _line(exhausted=True)


def _line(**answer: object) -> bytes:
    return json.dumps(answer).encode() + b"\n"


if __name__ == "__main__":
    main()
