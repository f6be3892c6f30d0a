"""What commands read of people and how they tell how far they are."""

import io
import sys
from datetime import datetime

import pytest
from typer.testing import CliRunner

from streamcore.commands import completion
from streamcore.commands.completion import group_names, topic_names
from streamcore.commands.moments import moment, unix_ms
from streamcore.commands.progress import progress

NOW_MS = 1_700_000_000_000


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2023-11-14T22:13:20Z", NOW_MS),
        ("2023-11-14T23:13:20+01:00", NOW_MS),
        ("0s", NOW_MS),
        ("250ms", NOW_MS - 250),
        ("90s", NOW_MS - 90_000),
        ("15m", NOW_MS - 900_000),
        ("2h", NOW_MS - 7_200_000),
        ("7d", NOW_MS - 604_800_000),
        ("noon", None),
        ("-5m", None),
        ("5", None),
        ("2023-13-01", None),
        ("", None),
    ],
)
def test_moments_are_dates_or_how_long_ago(text: str, ms: int | None) -> None:
    assert moment(text, now_ms=NOW_MS) == ms


def test_a_date_without_a_zone_is_local() -> None:
    text = "2026-05-01T08:00"
    assert moment(text, now_ms=0) == int(datetime.fromisoformat(text).timestamp() * 1000)


def test_what_is_no_moment_ends_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        unix_ms("noon", "--since", now_ms=NOW_MS)
    assert "--since 'noon' is not a time" in capsys.readouterr().err


def test_nothing_but_a_terminal_gets_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("counting", 10) as advance:
        advance(5)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("counting", 10) as advance:
        advance(5)
    assert "counting" in terminal.getvalue()


@pytest.mark.parametrize("names", [topic_names, group_names])
def test_nothing_is_offered_where_no_broker_answers(
    names: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion, "TIMEOUT_S", 0.05)

    class Context:
        params = {"bootstrap_servers": "127.0.0.1:1", "command_config": None}  # noqa: RUF012  # as click has it

    assert names(Context, "a") == []  # type: ignore[operator]  # one of two functions


def test_help_comes_with_examples() -> None:
    from streamcore.commands.app import app

    for words in (["topics", "trim"], ["groups", "reset-offsets"], ["dump-segment"]):
        out = CliRunner().invoke(app, [*words, "--help"]).output
        assert f"Example: hailstream {' '.join(words)}" in " ".join(out.split())
