"""The journal: readable or JSON, and never a secret."""

import json
import logging
from collections.abc import Iterator

import pytest

from groundwork.journal import BLANK, OURS, JsonFormatter, TerminalFormatter, setup_journal

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


def line_of(formatter: logging.Formatter, message: str, *args: object) -> str:
    record = logging.LogRecord("hailstream.gateway", logging.WARNING, "f", 1, message, args, None)
    return formatter.format(record)


def test_json_lines_name_part_level_and_message() -> None:
    line = json.loads(line_of(JsonFormatter(), "socket %d closed", 7))
    assert (line["part"], line["level"], line["message"]) == (
        "gateway",
        "warning",
        "socket 7 closed",
    )


def test_terminal_lines_say_the_level_only_where_it_matters() -> None:
    assert line_of(TerminalFormatter(), "hot").endswith(" gateway WARNING: hot")


@pytest.mark.parametrize("formatter", [JsonFormatter(), TerminalFormatter()])
@pytest.mark.parametrize("text", [TOKEN, f"Bearer {TOKEN}", "GET /x?token=hunter2 HTTP/1.1"])
def test_a_token_never_reaches_a_line(formatter: logging.Formatter, text: str) -> None:
    line = line_of(formatter, "refused %s", text)
    assert BLANK in line
    assert TOKEN not in line
    assert "hunter2" not in line


@pytest.fixture
def logging_restored() -> Iterator[None]:
    loggers = [logging.getLogger(), *map(logging.getLogger, OURS)]
    levels, handlers = [each.level for each in loggers], loggers[0].handlers[:]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    loggers[0].handlers[:] = handlers


@pytest.mark.usefixtures("logging_restored")
def test_ordinary_lines_are_ours_and_warnings_are_everybodys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    setup_journal()
    for name in (*OURS, "aiohttp.access"):
        logging.getLogger(f"{name}.part").info("ordinary")
        logging.getLogger(f"{name}.part").warning("wrong")
    heard = [
        (line["part"], line["message"])
        for line in map(json.loads, capsys.readouterr().err.splitlines())
    ]
    ours = [("part" if name == "hailstream" else f"{name}.part") for name in OURS]
    expected = [(part, message) for part in ours for message in ("ordinary", "wrong")]
    assert heard == [*expected, ("aiohttp.access.part", "wrong")]
