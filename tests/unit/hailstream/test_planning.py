"""`up` refuses what cannot work, by name, before it starts anything."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from hailstream.planning import CannotStart, UpOptions, make_plan
from hailstream.processes import Stage, plan_processes
from tests.support.plans import a_plan

OPTIONS = UpOptions(port=28080, broker_port=29092)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (replace(OPTIONS, brokers=3), "--brokers"),
        (replace(OPTIONS, broker_port=28083), "--broker-port 28083 is one of the ports"),
        (replace(OPTIONS, drivers=0), "--drivers must be at least 1, not 0"),
        (replace(OPTIONS, pings_per_second=-1), "--pings-per-second"),
        (replace(OPTIONS, riders=-1), "--riders"),
        (replace(OPTIONS, duration=0), "--duration"),
        (replace(OPTIONS, report=Path("r.json")), "--report is written at the end of --duration"),
        (
            replace(OPTIONS, report=Path("r.json"), duration=5, simulator=False),
            "--no-simulator",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    options: UpOptions, words: str, tmp_path: Path
) -> None:
    with pytest.raises(CannotStart, match=words):
        make_plan(replace(options, data_dir=tmp_path), city_dir=tmp_path)


def test_a_busy_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        options = UpOptions(data_dir=tmp_path, port=28080, broker_port=port)
        with pytest.raises(CannotStart, match=rf"127\.0\.0\.1:{port} cannot be used"):
            make_plan(options, city_dir=tmp_path)


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(CannotStart, match=f"--data-dir {path}"):
        make_plan(replace(OPTIONS, data_dir=path), city_dir=tmp_path)


def test_a_folder_that_a_person_named_is_never_emptied(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("log")
    make_plan(replace(OPTIONS, data_dir=tmp_path), city_dir=tmp_path)
    assert (tmp_path / "precious").read_text() == "log"


def test_an_outside_log_and_redis_need_no_process_of_ours(tmp_path: Path) -> None:
    options = replace(
        OPTIONS, data_dir=tmp_path, bootstrap_servers="kafka:9092", redis_url="redis://r"
    )
    names = {spec.name for spec in plan_processes(make_plan(options, city_dir=tmp_path))}
    assert not names & {"broker", "valkey"}


def test_secrets_never_stand_on_a_command_line(tmp_path: Path) -> None:
    plan = make_plan(replace(OPTIONS, data_dir=tmp_path), city_dir=tmp_path)
    for spec in plan_processes(plan):
        assert plan.token_secret not in " ".join(spec.command())


def test_stores_start_before_services_and_those_before_the_city() -> None:
    stages = [spec.stage for spec in plan_processes(a_plan())]
    assert stages == sorted(stages)
    assert stages[-1] is Stage.CITY


def test_a_simulator_with_a_duration_ends_by_itself() -> None:
    specs = {spec.name: spec for spec in plan_processes(a_plan(duration_s=60))}
    assert specs["simulate"].one_shot
    assert not plan_processes(a_plan())[-1].one_shot
