"""What the simulator knows to be true: what was made, what was acknowledged, what was made wrong.

Becomes `truth.npz` of `rideflow.contracts.truth`, which the auditor holds the log against.
"""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from citysim.city.faults import FaultJournal, FaultKind
from groundwork.metrics import Histogram, quantile_ms
from rideflow.contracts.pings import PING, PingFlag
from rideflow.contracts.truth import (
    DRIVER_TRUTH,
    PING_TRUTH,
    RESULT_FILE,
    TRUTH_FILE,
    Fault,
    SimulationResult,
)
from rideflow.roads.arrays import Longs

DETAILS_FILE = "details.json"  # what was measured besides: for people

_FAULT_OF = {
    FaultKind.DUPLICATE: Fault.DUPLICATE,
    FaultKind.SWAPPED: Fault.DISORDER,
    FaultKind.TELEPORT: Fault.TELEPORT,
    FaultKind.JITTER: Fault.JITTER,
    FaultKind.CLOCK_AHEAD: Fault.FUTURE,
    FaultKind.MOCKED: Fault.MOCKED,
    FaultKind.DARK: Fault.BACKLOG,
}
Rows = npt.NDArray[np.void]


class Truth:
    """Counts by driver. Index = driver id - `first_id`."""

    def __init__(self, *, first_id: int, drivers: int) -> None:
        self._first_id = first_id
        self._made: Longs = np.zeros(drivers, np.int64)
        self.pings_acknowledged = 0
        self.backlog_acknowledged = 0

    def note_steps(self, first: int, last: int, sequence: int) -> None:
        """The drivers of this range of indexes have made their ping of that sequence."""
        self._made[first:last] = sequence

    @property
    def pings_made(self) -> int:
        return int(self._made.sum())

    def note_acknowledged(self, payloads: list[bytes]) -> None:
        """These frames are in the log, or their pings were refused by name."""
        pings = np.frombuffer(b"".join(payloads), PING)
        self.pings_acknowledged += len(pings)
        is_backlog = (pings["flags"] & np.uint16(PingFlag.BACKLOG)) != 0
        self.backlog_acknowledged += int(np.count_nonzero(is_backlog))

    def columns(self, held: list[bytes], journal: FaultJournal) -> dict[str, Rows]:
        """Return the arrays of the truth file. `held`: frames never acknowledged.

        Absent are the pings of those frames, and the ones that the gateway had to refuse.
        """
        drivers = np.zeros(len(self._made), DRIVER_TRUTH)
        drivers["driver"] = np.arange(len(drivers)) + self._first_id
        drivers["made_until"] = self._made
        unheard = np.frombuffer(b"".join(held), PING)
        refused = journal.of(FaultKind.FUTURE)
        absent = np.concatenate(
            [
                _rows(unheard["driver"], unheard["sequence"], 0),
                _rows(refused["driver"], refused["sequence"], 0),
            ]
        )
        faults = [self._rows_of(kind, journal.of(kind)) for kind in _FAULT_OF]
        return {"drivers": drivers, "absent": absent, "faults": np.concatenate(faults)}

    def _rows_of(self, kind: FaultKind, noted: Rows) -> Rows:
        """Return one row for each ping of the noted faults, some of which are of many pings."""
        driver, first = noted["driver"], noted["sequence"].astype(np.int64)
        count = np.ones(len(noted), np.int64)
        if kind is FaultKind.MOCKED:
            first = np.ones(len(noted), np.int64)
            count = self._made[(driver - np.uint64(self._first_id)).astype(np.int64)]
        elif kind is FaultKind.DARK:
            count = self._within_run(driver, first, noted["size"].astype(np.int64))
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return _rows(np.repeat(driver, count), np.repeat(first, count) + within, _FAULT_OF[kind])

    def _within_run(self, driver: npt.NDArray[np.uint64], first: Longs, count: Longs) -> Longs:
        """Return how many pings of dark periods were made before the run ended."""
        made = self._made[(driver - np.uint64(self._first_id)).astype(np.int64)]
        return np.asarray(np.minimum(count, made - first + 1), np.int64)


def injected_by_name(faults: Rows) -> dict[str, int]:
    """Return how many pings each fault was put into, by name in lower case."""
    counts = np.bincount(faults["kind"], minlength=len(Fault) + 1)
    return {fault.name.lower(): int(counts[fault]) for fault in Fault}


def write_truth(
    folder: Path, columns: dict[str, Rows], result: SimulationResult, details: dict[str, Any]
) -> None:
    """Write the truth's folder: arrays, result, details."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / TRUTH_FILE, allow_pickle=False, **columns)
    for name, said in ((RESULT_FILE, result), (DETAILS_FILE, details)):
        text = msgspec.json.format(msgspec.json.encode(said), indent=2)
        (folder / name).write_bytes(text + b"\n")


def histogram_summary(histogram: Histogram) -> dict[str, float | int | None]:
    """Return the quantiles in ms."""
    counts = histogram.counts
    quantiles = {"p50": 0.50, "p90": 0.90, "p99": 0.99, "max": 1.0}
    found = {name: quantile_ms(counts, share) for name, share in quantiles.items()}
    return {"samples": int(counts.sum())} | found


def _rows(driver: npt.NDArray[Any], sequence: npt.NDArray[Any], kind: int) -> Rows:
    rows = np.zeros(len(driver), PING_TRUTH)
    rows["driver"], rows["sequence"], rows["kind"] = driver, sequence, kind
    return rows
