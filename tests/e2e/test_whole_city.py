"""The product as a whole: a city runs, ends by itself, and proves what became of every ping."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.whole_city import whole_city

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CITY = ("--drivers", "500", "--pings-per-second", "1000", "--riders", "10")


def assert_nothing_was_harmed(report: dict[str, dict[str, int]]) -> None:
    pings = report["pings"]
    harms = ("lost", "duplicated", "out_of_order", "wrong_partition")
    assert {name: pings[name] for name in harms} == dict.fromkeys(harms, 0)
    assert report["rides"]["double_assigned"] == 0


async def test_a_city_runs_and_proves_that_nothing_was_lost(tmp_path: Path) -> None:
    report_path = tmp_path / "report.json"
    flags = (*CITY, "--duration", "12", "--report", str(report_path))
    async with whole_city(tmp_path, *flags) as city:
        status = await city.end()
    assert status == 0, "\n".join(city.lines)
    report = city.report()
    assert_nothing_was_harmed(report)
    assert report["pings"]["acknowledged"] >= 12_000
    assert report["pings"]["in_log"] > 0
    assert report["rides"]["matched"] > 0
    for name in ("gateway", "log", "position", "rider_matched", "rider_area"):
        assert report["age_ms"][name]["p99"] is not None, name
    # What was injected was found, kind by kind.
    assert report["pings"]["filtered"]["repeat"] == report["pings"]["injected"]["duplicate"]


async def test_a_broker_that_is_killed_under_load_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    report_path = tmp_path / "report.json"
    flags = (*CITY, "--duration", "15", "--report", str(report_path))
    async with whole_city(tmp_path, *flags) as city:
        first = city.pid_of("broker")
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: city.pid_of("broker") not in (None, first))
        status = await city.end()
    assert status == 0, "\n".join(city.lines)
    report = city.report()
    assert report["processes"]["broker"]["restarts"] == 1
    assert_nothing_was_harmed(report)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_one_signal_ends_everything_in_time(tmp_path: Path, number: signal.Signals) -> None:
    async with whole_city(tmp_path, *CITY) as city:
        names = ("broker", "gateway", "positions", "eta", "matching", "fanout", "ops", "simulate")
        pids = [city.pid_of(name) for name in names]
        assert None not in pids
        city.process.send_signal(number)
        async with asyncio.timeout(20):  # 5 s are promised; a loaded test machine gets more
            assert await city.process.wait() == 0
        assert city.running(pids) == []
