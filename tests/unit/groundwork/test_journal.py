"""The journal: readable or JSON, and never a secret."""

import json
import logging

import pytest

from groundwork.journal import BLANK, JsonFormatter, TerminalFormatter

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
