"""What the simulator knows to be true: what was sent, what was acknowledged, what was made wrong.

The auditor holds the log against it. Every driver sent the sequences 1 to `sent`; all of them
must be in the log exactly once, but for those listed as unacknowledged (in the log or not) and
those that were to be refused; duplicates are there twice where both were acknowledged.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from citysim.city.faults import FaultJournal, FaultKind
from groundwork.metrics import Histogram, quantile_ms
from rideflow.contracts.pings import PING, PingFlag
from rideflow.roads.arrays import Longs

TRUTH_VERSION = 1
UNACKNOWLEDGED = np.dtype([("driver", "<u8"), ("sequence", "<u4")])


class Truth:
    """Counts by driver. Index = driver id - `first_id`."""

    def __init__(self, *, first_id: int, drivers: int) -> None:
        self._first_id = first_id
        self._sent: Longs = np.zeros(drivers, np.int64)
        self._acknowledged: Longs = np.zeros(drivers, np.int64)
        self._backlog: Longs = np.zeros(drivers, np.int64)
        self._highest_live: Longs = np.zeros(drivers, np.int64)
        self.pings_acknowledged = 0

    def note_steps(self, first: int, last: int, sequence: int) -> None:
        """The drivers of this range of indexes have made their ping of that sequence."""
        self._sent[first:last] = sequence

    @property
    def pings_made(self) -> int:
        return int(self._sent.sum())

    def note_acknowledged(self, payloads: list[bytes]) -> None:
        """These frames are in the log, or their pings were refused by name."""
        pings = np.frombuffer(b"".join(payloads), PING)
        driver = (pings["driver"] - np.uint64(self._first_id)).astype(np.int64)
        is_backlog = (pings["flags"] & np.uint16(PingFlag.BACKLOG)) != 0
        np.add.at(self._acknowledged, driver, 1)
        np.add.at(self._backlog, driver[is_backlog], 1)
        live = ~is_backlog
        np.maximum.at(self._highest_live, driver[live], pings["sequence"][live])
        self.pings_acknowledged += len(pings)

    def columns(self, held: list[bytes], faults: FaultJournal) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays of the truth file. `held`: frames never acknowledged."""
        pings = np.frombuffer(b"".join(held), PING)
        unacknowledged = np.zeros(len(pings), UNACKNOWLEDGED)
        for column in ("driver", "sequence"):
            unacknowledged[column] = pings[column]
        injected = faults.all()
        return {
            "driver": np.arange(len(self._sent), dtype=np.uint64) + np.uint64(self._first_id),
            "sent": self._sent,
            "acknowledged": self._acknowledged,
            "acknowledged_backlog": self._backlog,
            "highest_live": self._highest_live,
            "unacknowledged": unacknowledged,
            "injected": injected,
        }


def write_truth(path: Path, columns: dict[str, npt.NDArray[Any]], said: dict[str, Any]) -> None:
    """Write `path`.npz and `path`.json, whatever suffix the path has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path.with_suffix(".npz"), allow_pickle=False, **columns)
    text = json.dumps({"version": TRUTH_VERSION} | said, indent=2, ensure_ascii=False)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


def refused_by_design(faults: FaultJournal) -> int:
    """Return how many pings the gateway had to refuse."""
    return int((faults.all()["kind"] == FaultKind.FUTURE).sum())


def histogram_summary(histogram: Histogram) -> dict[str, Any]:
    """Return the quantiles and the counts themselves, for whoever adds several up."""
    counts = histogram.counts
    return {
        "samples": int(counts.sum()),
        "p50": quantile_ms(counts, 0.50),
        "p90": quantile_ms(counts, 0.90),
        "p99": quantile_ms(counts, 0.99),
        "max": quantile_ms(counts, 1.0),
        "counts": histogram.sparse(),
    }
