"""The supervisor with real processes: small Python programs that live and die as told."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from groundwork.real.clocks import SystemClock
from hailstream.processes import ProcessSpec, Stage
from hailstream.supervisor import StartFailed, Supervisor
from tests.support.eventually import eventually

pytestmark = pytest.mark.integration

GOOD = "import time; print('ready x', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('ready x', flush=True); time.sleep(600)"
)
BROKEN = "import sys; print('the disk is on fire', file=sys.stderr); sys.exit(7)"


def python(name: str, code: str, *, one_shot: bool = False) -> ProcessSpec:
    return ProcessSpec(
        name=name, stage=Stage.STORES, program=(sys.executable, "-c", code), one_shot=one_shot
    )


@asynccontextmanager
async def running(
    tmp_path: Path, *specs: ProcessSpec
) -> AsyncIterator[tuple[Supervisor, list[str]]]:
    troubles: list[str] = []
    supervisor = Supervisor(
        specs, clock=SystemClock(), journal_dir=tmp_path, trouble=troubles.append
    )
    async with asyncio.TaskGroup() as tasks:
        try:
            await supervisor.start(Stage.STORES, tasks)
            yield supervisor, troubles
        finally:
            await supervisor.stop(Stage.STORES)


async def test_a_process_that_is_killed_is_started_again(tmp_path: Path) -> None:
    async with running(tmp_path, python("good", GOOD)) as (supervisor, troubles):
        managed = supervisor.managed["good"]
        first = managed.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: managed.pid not in (None, first))
        assert managed.policy.restarts == 1
        assert troubles == ["good died (SIGKILL): started again in 100 ms"]


async def test_a_process_that_ends_before_it_is_ready_fails_the_start_with_its_words(
    tmp_path: Path,
) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        async with running(tmp_path, python("broken", BROKEN)):
            pass
    group = caught.value
    assert group.subgroup(StartFailed) is not None
    assert "the disk is on fire" in str(_leaf(group))


async def test_one_that_ignores_the_signal_to_end_is_killed_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hailstream.supervisor.STOP_WAIT_S", 0.2)
    async with running(tmp_path, python("stubborn", STUBBORN)) as (supervisor, troubles):
        pass
    assert supervisor.managed["stubborn"].status == -signal.SIGKILL
    assert troubles == ["stubborn did not end in 0.2 s: killed"]


async def test_a_one_shot_process_that_succeeds_is_not_started_again(tmp_path: Path) -> None:
    code = "print('ready x', flush=True)"
    async with running(tmp_path, python("once", code, one_shot=True)) as (supervisor, troubles):
        async with asyncio.timeout(20):
            await supervisor.wait_ended("once")
        assert supervisor.managed["once"].policy.restarts == 0
        assert troubles == []


async def test_warnings_reach_the_person_and_the_rest_only_the_journal(tmp_path: Path) -> None:
    code = (
        """import time; print('{"level":"warning","message":"low"}');"""
        """print('{"level":"info","message":"fine"}');""" + GOOD
    )
    async with running(tmp_path, python("talker", code)) as (_, troubles):
        assert troubles == ["talker: low"]
    assert "fine" in (tmp_path / "talker.log").read_text()


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
