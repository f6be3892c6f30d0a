"""compose.yaml runs what `hailstream up` runs, with the same flags."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from hailstream.processes import KEEP_MEMORY, ONE_THREAD, plan_processes
from tests.support.plans import a_plan

ROOT = Path(__file__).parents[3]


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return found


def flags(words: list[str] | tuple[str, ...]) -> set[str]:
    return {word for word in words if word.startswith("--")}


def test_both_run_the_same_processes() -> None:
    assert set(compose()["services"]) == {spec.name for spec in plan_processes(a_plan())}


def test_each_process_gets_the_same_flags_and_the_same_plain_values() -> None:
    for spec in plan_processes(a_plan()):
        if spec.program:
            continue  # Valkey is an image of its own there
        command = compose()["services"][spec.name]["command"]
        # A container must be told the name under which others reach it.
        assert flags(command) - {"--advertised"} == flags(spec.arguments), spec.name
        ours = dict(pairwise(spec.arguments))
        theirs = dict(pairwise(command))
        for flag in ("--engine", "--drivers", "--pings-per-second", "--riders", "--seed", "--port"):
            assert ours.get(flag) == theirs.get(flag), (spec.name, flag)


def test_the_image_has_the_environment_that_up_gives() -> None:
    words = (ROOT / "Dockerfile").read_text()
    for name, value in {**KEEP_MEMORY, **ONE_THREAD}.items():
        assert f"{name}={value}" in words, name
