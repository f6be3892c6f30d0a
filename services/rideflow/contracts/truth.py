"""What the simulator knows and the auditor compares the log with: the truth of a run.

A folder with `truth.npz` (arrays, below) and `result.json` (`SimulationResult`). Sequences of a
driver begin at 1 and grow by one per ping that its phone made, over both lanes. A ping is
acknowledged unless it is listed in `absent`: still buffered by a dark phone, or sent and not
yet acknowledged when the run ended (such a ping may be in the log or not).
"""

from enum import IntEnum

import msgspec
import numpy as np

TRUTH_FILE = "truth.npz"
RESULT_FILE = "result.json"

# truth.npz: `drivers` (n rows of DRIVER_TRUTH), `absent` and `faults` (rows of PING_TRUTH)
DRIVER_TRUTH = np.dtype([("driver", "<u8"), ("made_until", "<u4"), ("reserved", "<u4")])
PING_TRUTH = np.dtype(
    [("driver", "<u8"), ("sequence", "<u4"), ("kind", "u1"), ("reserved", "u1", (3,))]
)


class Fault(IntEnum):
    """What was injected on purpose into a ping (`kind` of a PING_TRUTH row in `faults`)."""

    DUPLICATE = 1  # sent a second time: one more copy is in the log
    DISORDER = 2  # sent after a later ping of the same driver on the same lane
    TELEPORT = 3
    JITTER = 4
    FUTURE = 5  # clock of the phone ahead, within what the gateway takes
    MOCKED = 6
    BACKLOG = 7  # sent on the backlog lane


class AgeSamples(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds from the phone's fix to receipt by the riders' process, as counts."""

    counts: dict[str, int]  # lower bound of the millisecond bucket -> samples


class SimulationResult(msgspec.Struct, frozen=True, kw_only=True):
    """result.json: what the simulator did and measured."""

    drivers: int
    seed: int
    wall_s: float  # of sending
    pings_made: int
    pings_sent: int  # counting each sending, so resends too
    pings_acknowledged: int  # the log has them; without those that were refused
    pings_refused: int  # by the gateway, by name
    pings_resent: int
    pings_late_ms_max: int  # how far behind its schedule the sender ever was
    injected: dict[str, int]  # fault name in lower case -> pings
    age_rider_matched: AgeSamples
    age_rider_area: AgeSamples
    rides_asked: int
    rides_matched: int
    rides_completed: int
    rides_cancelled: int
    route_digest: str
    demand_digest: str
