"""The journal: what a process says of itself. Readable on a terminal, JSON lines otherwise.

Modules write to `logging.getLogger("hailstream.<part>")` or under their own name. Values that
look like tokens never reach a line: the formatter blanks them, whoever forgot to.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime

# Three base64url parts: a JSON web token. Also whatever stands behind `token=` or `Bearer`.
_SECRETS = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+|(?<=token=)[^\s&]+|(?<=Bearer )\S+")
BLANK = "[secret]"
# Whose ordinary lines are wanted; of libraries the warnings are.
OURS = ("hailstream", "groundwork", "streamcore", "rideflow", "citysim")


def without_secrets(text: str) -> str:
    """The text with everything that looks like a token blanked."""
    return _SECRETS.sub(BLANK, text)


class TerminalFormatter(logging.Formatter):
    """`12:30:01.123 gateway: message`, with the level only where it is not INFO."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).astimezone()
        part = record.name.removeprefix("hailstream.")
        level = "" if record.levelno == logging.INFO else f" {record.levelname}"
        text = f"{at:%H:%M:%S}.{int(record.msecs):03d} {part}{level}: {record.getMessage()}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return without_secrets(text)


class JsonFormatter(logging.Formatter):
    """One object a line: at, part, level, message, and error where there was one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "part": record.name.removeprefix("hailstream."),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return without_secrets(json.dumps(line, ensure_ascii=False))


def setup_journal(*, level: int = logging.INFO) -> None:
    """Send the journal to standard error, in the form that fits what is behind it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(TerminalFormatter() if sys.stderr.isatty() else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(level)
