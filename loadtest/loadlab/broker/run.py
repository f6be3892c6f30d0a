"""`hailstream bench broker`: every kind of load on brokers of its own, a row each.

CPU rather than wall time: machines are shared. Every load checks that the log holds exactly what
was acknowledged: else its figures would be worthless.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

from loadlab.broker.librdkafka import run_librdkafka
from loadlab.broker.measuring import Measured, OtherBroker, Row
from loadlab.broker.paced import run_paced
from loadlab.broker.raw import RAW_LOADS, run_raw
from loadlab.broker.starting import run_killed, run_starting
from loadlab.broker.upkeep import run_upkeep
from loadlab.broker_process import BrokerProcess

Part: TypeAlias = Callable[[argparse.Namespace], Iterator[Row]]


def _raw(options: argparse.Namespace) -> Iterator[Row]:
    with _broker(options) as broker:
        for load in RAW_LOADS:
            yield run_raw(broker, load, options.seconds)


def _librdkafka(options: argparse.Namespace) -> Iterator[Row]:
    with _broker(options) as broker:
        yield from run_librdkafka(broker, options.records)


def _paced(options: argparse.Namespace) -> Iterator[Row]:
    with _broker(options) as broker:
        yield run_paced(broker, options.rate, options.paced_seconds)


def _starting(options: argparse.Namespace) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        yield from run_starting(Path(folder), options.gigabytes)
        yield run_killed(Path(folder), options.gigabytes)


def _upkeep(_: argparse.Namespace) -> Iterator[Row]:
    return run_upkeep()


LOADS: Mapping[str, Part] = {"raw": _raw, "librdkafka": _librdkafka, "paced": _paced}
OWN: Mapping[str, Part] = {"starting": _starting, "upkeep": _upkeep}
PARTS: Mapping[str, Part] = {**LOADS, **OWN}


@contextmanager
def _broker(options: argparse.Namespace) -> Iterator[Measured]:
    """One of ours, that nothing else uses; or the one that was named."""
    if options.against:
        yield OtherBroker(options.against, options.pid)
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        BrokerProcess(Path(folder) / "broker") as broker,
    ):
        yield broker


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hailstream bench broker", description="What requests, records and logs cost a broker."
    )
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each raw load")
    parser.add_argument("--records", type=int, default=1_000_000, help="through librdkafka")
    parser.add_argument("--rate", type=int, default=30_000, help="records a second, paced")
    parser.add_argument("--paced-seconds", type=float, default=15.0, help="length of that load")
    parser.add_argument("--gigabytes", type=float, default=1.0, help="in the log that is opened")
    parser.add_argument(
        "--against",
        metavar="HOST:PORT",
        help="a broker that runs, of any make; topics bench-* are made anew there",
    )
    parser.add_argument("--pid", type=int, help="its process, for its CPU and memory")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    return parser


def main(arguments: Sequence[str]) -> None:
    """Run what was asked for and print its rows."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.against is None) != (options.pid is None):
        parser.error("--against and --pid go together")
    can_run = LOADS if options.against else PARTS
    for part in options.parts:
        if part not in can_run:
            parser.error(f"{part!r} is not one of {', '.join(can_run)}")
    rows = []
    for part in options.parts or can_run:
        for row in can_run[part](options):
            print(row, flush=True)  # noqa: T201  # the table is what it is for
            rows.append(row)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
