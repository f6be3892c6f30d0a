"""`hailstream bench faults`: random faults on a broker that idempotent producers write to and
an exactly-once mover reads from; then a proof from the log.

Status 0 when no acknowledged record was lost, none of an idempotent producer is there twice,
and readers of committed records see each record moved exactly once.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # stubs do not export it
    AdminClient,
    NewTopic,
)
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from loadlab.broker_process import BrokerProcess
from loadlab.faults.audit import Verdict, audit
from loadlab.faults.injector import PAUSE_S, FaultInjector
from loadlab.faults.mover import ExactlyOnceMover
from loadlab.faults.writers import NumberWriter

SOURCE: Final = "numbers"
TARGET: Final = "moved"
GROUP: Final = "faults"
PARTITIONS: Final = 6
WRITERS: Final = 3
CAUGHT_UP_WITHIN_S: Final = 180.0
ADMIN_WITHIN_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The threads of a run."""

    writing: list[Future[None]]
    moving: Future[None]
    injecting: Future[None]


class MoverStuck(Exception):
    """The broker runs, and what was written is not moved."""


def run(
    folder: Path,
    *,
    seconds: float,
    per_second: int,
    seed: int,
    pause_s: tuple[float, float] = PAUSE_S,
    show: bool = False,
) -> tuple[Verdict, dict[str, int]]:
    """Run for so long, with faults as far apart as `pause_s` says.

    Returns the verdict, and what happened on the way, by name.
    """
    rng = random.Random(seed)
    with BrokerProcess(folder / "broker", segment_bytes=8 << 20) as broker:
        _make_topics(broker.address)
        writers = [
            NumberWriter(broker.address, SOURCE, writer=number, per_second=per_second // WRITERS)
            for number in range(WRITERS)
        ]
        mover = ExactlyOnceMover(
            broker.address,
            source=SOURCE,
            target=TARGET,
            group=GROUP,
            rng=random.Random(rng.random()),
        )
        injector = FaultInjector(broker, random.Random(rng.random()), pause_s=pause_s)
        with ThreadPoolExecutor(WRITERS + 2) as threads:
            running = Running(
                writing=[threads.submit(writer.run) for writer in writers],
                moving=threads.submit(mover.run),
                injecting=threads.submit(injector.run),
            )
            try:
                _pass_time(seconds, writers, injector, running.injecting, show=show)
                injector.stop()
                running.injecting.result()
                for writer in writers:
                    writer.stop()
                for written in running.writing:
                    written.result()
                _wait_until_moved(broker.address, running.moving)
            finally:
                injector.stop()
                for writer in writers:
                    writer.stop()
                mover.stop()
            running.moving.result()
        verdict = audit(broker.address, writers, source=SOURCE, target=TARGET)
    happened = {str(fault): count for fault, count in sorted(injector.injected.items())}
    happened |= {
        "transactions committed": mover.committed,
        "aborted on purpose": mover.aborted,
        "mover begun again": mover.restarts,
        "not acknowledged": sum(writer.failed for writer in writers),
    }
    return verdict, happened


def _make_topics(address: str) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    topics = [NewTopic(name, PARTITIONS, 1) for name in (SOURCE, TARGET)]
    for made in admin.create_topics(topics, request_timeout=ADMIN_WITHIN_S).values():
        made.result()


def _pass_time(
    seconds: float,
    writers: Sequence[NumberWriter],
    injector: FaultInjector,
    injecting: Future[None],
    *,
    show: bool,
) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not (show and console.is_terminal)) as bar:
        task = bar.add_task("faults", total=seconds)
        started = time.perf_counter()
        while (passed := time.perf_counter() - started) < seconds and not injecting.done():
            written = sum(len(writer.acknowledged) for writer in writers)
            faults = sum(injector.injected.values())
            bar.update(task, completed=passed, description=f"{written:,} records, {faults} faults")
            wait([injecting], timeout=min(0.5, seconds - passed))


def _wait_until_moved(address: str, moving: Future[None]) -> None:
    reader = Consumer({"bootstrap.servers": address, "group.id": GROUP})
    places = [TopicPartition(SOURCE, partition) for partition in range(PARTITIONS)]
    deadline = time.perf_counter() + CAUGHT_UP_WITHIN_S
    try:
        ends = [reader.get_watermark_offsets(place, ADMIN_WITHIN_S)[1] for place in places]
        while not moving.done():
            committed = [place.offset for place in reader.committed(places, ADMIN_WITHIN_S)]
            if all(at >= end or end == 0 for at, end in zip(committed, ends, strict=True)):
                return
            if time.perf_counter() > deadline:
                raise MoverStuck(f"committed {committed}, ends {ends}")
            wait([moving], timeout=0.5)
    finally:
        reader.close()


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="hailstream bench faults", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long (default 600)")
    parser.add_argument("--per-second", type=int, default=3000, help="records (default 3000)")
    parser.add_argument("--seed", type=int, default=1, help="of the faults (default 1)")
    parser.add_argument("--data-dir", type=Path, help="keep the log here (default: thrown away)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        verdict, happened = run(
            chosen.data_dir or Path(folder),
            seconds=chosen.seconds,
            per_second=chosen.per_second,
            seed=chosen.seed,
            show=True,
        )
    figures = {**asdict(verdict), **happened}
    if chosen.json:
        sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    else:
        for name, count in figures.items():
            sys.stdout.write(f"{name.replace('_', ' '):<24}{count:>14,}\n")
    sys.exit(0 if verdict.is_clean else 1)
