"""The command line says of its subcommands what they say of themselves."""

import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command as as_click

from hailstream.subcommands import SUBCOMMANDS, app, real_command

HEAVY = ("numpy", "scipy", "aiohttp", "rideflow", "citysim", "loadlab", "confluent_kafka")


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_a_summary_is_the_first_sentence_of_the_commands_own_help(name: str) -> None:
    help_text = real_command(None, name).help or ""
    assert help_text.split("\n\n")[0].replace("\n", " ") == SUBCOMMANDS[name].summary


def test_the_command_that_is_run_is_the_real_one() -> None:
    group: Any = as_click(app)
    context = group.make_context("hailstream", ["topics", "list"])
    name, command, rest = group.resolve_command(context, ["topics", "list"])
    assert (name, rest) == ("topics", ["list"])
    assert "describe" in command.commands


@pytest.mark.parametrize("words", [["--help"], ["topics", "--help"], ["tail", "--help"]])
def test_help_imports_nothing_that_it_does_not_need(words: list[str]) -> None:
    script = (
        f"import sys; sys.argv[1:] = {words!r}\n"
        "from hailstream.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print([name for name in {list(HEAVY)!r} if name in sys.modules], file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.strip() == "[]"
