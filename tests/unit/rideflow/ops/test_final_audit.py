"""The audit of a finished run: a clean log passes, and each kind of harm is seen and named."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from groundwork.simulated.clocks import VirtualClock
from rideflow.contracts.ids import DriverId, driver_key
from rideflow.contracts.pings import PING
from rideflow.contracts.rides import RideState
from rideflow.contracts.topics import DRIVER_BACKLOG, DRIVER_PINGS, RIDE_EVENTS
from rideflow.contracts.truth import DRIVER_TRUTH, PING_TRUTH, TRUTH_FILE, Fault
from rideflow.ops.final_audit import AuditReport, audit_run
from streamcore.client.api import OutRecord, PartitionId, TopicName
from tests.support.fake_log import FakeLog
from tests.support.watching import ride_fact

Ping = tuple[int, int]
DRIVERS, MADE = 5, 20
LIVE, BACKLOG = DRIVER_PINGS.name, DRIVER_BACKLOG.name


class Run:
    """A small run: every driver made MADE pings, all sent live and acknowledged."""

    def __init__(self) -> None:
        self.log = FakeLog(VirtualClock())
        self.sent: list[tuple[str, Ping]] = [
            (LIVE, (driver, number))
            for number in range(1, MADE + 1)
            for driver in range(1, DRIVERS + 1)
        ]
        self.absent: list[Ping] = []
        self.faults: list[tuple[Ping, Fault]] = []

    async def audit(self, folder: Path) -> AuditReport:
        for topic, ping in self.sent:
            self.log.put(topic, driver_key(DriverId(ping[0])), _value(ping))
        drivers = np.zeros(DRIVERS, DRIVER_TRUTH)
        drivers["driver"] = np.arange(1, DRIVERS + 1)
        drivers["made_until"] = MADE
        np.savez(
            folder / TRUTH_FILE,
            drivers=drivers,
            absent=_rows([(ping, 0) for ping in self.absent]),
            faults=_rows([(ping, int(fault)) for ping, fault in self.faults]),
        )
        return await audit_run(self.log, folder)


def _value(ping: Ping) -> bytes:
    row = np.zeros(1, PING)
    row["driver"], row["sequence"] = ping
    return row.tobytes()


def _rows(pings: list[tuple[Ping, int]]) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    rows = np.zeros(len(pings), PING_TRUTH)
    for at, ((driver, sequence), kind) in enumerate(pings):
        rows[at] = driver, sequence, kind, (0, 0, 0)
    return rows


def _harm(report: AuditReport) -> dict[str, int]:
    named = ("lost", "duplicated", "out_of_order", "wrong_partition", "strangers", "odd")
    return {name: getattr(report, name) for name in named if getattr(report, name)}


async def test_a_clean_run_passes(tmp_path: Path) -> None:
    report = await Run().audit(tmp_path)
    assert _harm(report) == {}
    assert report.in_log == DRIVERS * MADE


def _lose(run: Run) -> None:
    run.sent.remove((LIVE, (3, 7)))


def _double(run: Run) -> None:
    run.sent.insert(40, (LIVE, (3, 7)))


def _disorder(run: Run) -> None:
    run.sent.remove((LIVE, (3, 7)))
    run.sent.append((LIVE, (3, 7)))


def _misplace(run: Run) -> None:
    run.sent.remove((LIVE, (3, 20)))
    right = run.log.place_of(TopicName(LIVE), OutRecord(key=driver_key(DriverId(3)), value=None))[1]
    record = OutRecord(
        key=driver_key(DriverId(3)), value=_value((3, 20)), partition=PartitionId((right + 1) % 12)
    )
    run.log.write((TopicName(LIVE), record.partition or PartitionId(0)), record)


def _invent(run: Run) -> None:
    run.sent += [(LIVE, (99, 1)), (LIVE, (3, MADE + 1))]


def _garble(run: Run) -> None:
    run.log.put(LIVE, b"key", b"no ping")


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (_lose, {"lost": 1}),
        (_double, {"duplicated": 1}),
        (_disorder, {"out_of_order": 1}),
        (_misplace, {"wrong_partition": 1}),
        (_invent, {"strangers": 2}),
        (_garble, {"odd": 1}),
    ],
    ids=["lost", "doubled", "out of order", "wrong partition", "invented", "garbled"],
)
async def test_each_harm_is_found_and_nothing_else(
    harm: Callable[[Run], None], found: dict[str, int], tmp_path: Path
) -> None:
    run = Run()
    harm(run)
    assert _harm(await run.audit(tmp_path)) == found


async def test_what_was_injected_on_purpose_is_explained(tmp_path: Path) -> None:
    run = Run()
    _double(run)
    _disorder_of = (LIVE, (4, 9))
    run.sent.remove(_disorder_of)
    run.sent.append(_disorder_of)
    run.sent = [(BACKLOG if ping == (5, 3) else lane, ping) for lane, ping in run.sent]
    run.faults = [
        ((3, 7), Fault.DUPLICATE),
        ((4, 9), Fault.DISORDER),
        ((5, 3), Fault.BACKLOG),
    ]
    report = await run.audit(tmp_path)
    assert _harm(report) == {}
    assert report.injected == report.injected_in_log
    assert report.injected["duplicate"] == report.injected["disorder"] == 1


async def test_what_was_never_acknowledged_may_be_absent(tmp_path: Path) -> None:
    run = Run()
    _lose(run)
    run.absent = [(3, 7), (1, 1)]
    assert _harm(await run.audit(tmp_path)) == {}


async def test_one_copy_more_than_was_injected_is_ours(tmp_path: Path) -> None:
    run = Run()
    _double(run)
    _double(run)
    run.faults = [((3, 7), Fault.DUPLICATE)]
    assert _harm(await run.audit(tmp_path)) == {"duplicated": 1}


async def test_a_double_assignment_is_found_in_the_log(tmp_path: Path) -> None:
    run = Run()
    for ride in ("a", "b"):
        fact = ride_fact(1, RideState.EN_ROUTE, ride=ride, driver=5)
        run.log.put(RIDE_EVENTS.name, ride.encode(), msgspec.json.encode(fact))
    report = await run.audit(tmp_path)
    assert (report.double_assigned, report.rides_checked) == (1, 2)
    assert "driver 5" in report.violations[0]
