"""What the simulator writes for the auditor."""

from pathlib import Path

import msgspec
import numpy as np

from citysim.city.faults import FaultJournal, FaultKind
from citysim.drive.truth import Truth, injected_by_name, write_truth
from rideflow.contracts.pings import PING, PingFlag
from rideflow.contracts.truth import (
    DRIVER_TRUTH,
    PING_TRUTH,
    AgeSamples,
    Fault,
    SimulationResult,
)


def frame_of(*rows: tuple[int, int, int]) -> bytes:
    pings = np.zeros(len(rows), PING)
    for column, values in zip(
        ("driver", "sequence", "flags"), zip(*rows, strict=True), strict=True
    ):
        pings[column] = values
    return pings.tobytes()


RESULT = SimulationResult(
    drivers=3,
    seed=1,
    wall_s=1.0,
    pings_made=12,
    pings_sent=6,
    pings_acknowledged=5,
    pings_refused=0,
    pings_resent=0,
    pings_late_ms_max=3,
    injected={},
    age_rider_matched=AgeSamples(counts={}),
    age_rider_area=AgeSamples(counts={"7": 1}),
    rides_asked=0,
    rides_matched=0,
    rides_completed=0,
    rides_cancelled=0,
    route_digest="r",
    demand_digest="d",
)


class TestTruth:
    def test_it_says_per_driver_what_was_made_and_what_is_absent(self, tmp_path: Path) -> None:
        truth, journal = Truth(first_id=11, drivers=3), FaultJournal()
        journal.note(FaultKind.FUTURE, 12, 2, 90_000.0)
        truth.note_steps(0, 3, 4)
        truth.note_acknowledged(
            [
                frame_of((11, 1, 0), (12, 1, 0), (11, 3, 0)),
                frame_of((11, 2, PingFlag.BACKLOG), (12, 1, 0)),
            ]
        )
        columns = truth.columns([frame_of((13, 4, 0))], journal)
        write_truth(tmp_path / "deep" / "truth", columns, RESULT, {"seen": 1})
        with np.load(tmp_path / "deep" / "truth" / "truth.npz") as found:
            assert found["drivers"].dtype == DRIVER_TRUTH
            assert found["drivers"][["driver", "made_until"]].tolist() == [
                (11, 4),
                (12, 4),
                (13, 4),
            ]
            assert found["absent"].dtype == PING_TRUTH
            assert found["absent"][["driver", "sequence"]].tolist() == [(13, 4), (12, 2)]
            assert len(found["faults"]) == 0
        said = (tmp_path / "deep" / "truth" / "result.json").read_bytes()
        assert msgspec.json.decode(said, type=SimulationResult) == RESULT
        details = (tmp_path / "deep" / "truth" / "details.json").read_bytes()
        assert msgspec.json.decode(details) == {"seen": 1}
        assert (truth.pings_made, truth.pings_acknowledged) == (12, 5)
        assert truth.backlog_acknowledged == 1

    def test_faults_of_many_pings_have_a_row_for_each(self) -> None:
        truth, journal = Truth(first_id=1, drivers=3), FaultJournal()
        truth.note_steps(0, 3, 6)
        journal.note(FaultKind.MOCKED, 1, 0)
        journal.note(FaultKind.DARK, 2, 2, 3.0)
        journal.note(FaultKind.DARK, 3, 5, 30.0)
        journal.note(FaultKind.SWAPPED, 3, 1)
        faults = truth.columns([], journal)["faults"]
        rows = {tuple(row)[:3] for row in faults.tolist()}
        assert rows == {
            *((1, sequence, Fault.MOCKED) for sequence in range(1, 7)),
            *((2, sequence, Fault.BACKLOG) for sequence in (2, 3, 4)),
            *((3, sequence, Fault.BACKLOG) for sequence in (5, 6)),
            (3, 1, Fault.DISORDER),
        }
        assert injected_by_name(faults) == {
            "duplicate": 0,
            "disorder": 1,
            "teleport": 0,
            "jitter": 0,
            "future": 0,
            "mocked": 6,
            "backlog": 5,
        }
