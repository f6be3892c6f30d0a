"""Moments as people write them: a date, or how long ago."""

import re
from datetime import datetime
from typing import Final

from streamcore.commands.texts import fail

_AGO: Final = re.compile(r"([0-9]+)(ms|s|m|h|d)")
_UNITS_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
FORMS: Final = "a time (2026-05-01T08:00Z) or how long ago (90s, 15m, 2h, 7d)"


def unix_ms(text: str, option: str, *, now_ms: int) -> int:
    """Read a moment. Ends the command where the text is none."""
    found = moment(text, now_ms=now_ms)
    if found is None:
        fail(f"{option} {text!r} is not {FORMS}")
    return found


def moment(text: str, *, now_ms: int) -> int | None:
    """Read a moment as unix ms; None where the text is none. Without a zone, it is local time."""
    ago = _AGO.fullmatch(text)
    if ago:
        return now_ms - int(ago[1]) * _UNITS_MS[ago[2]]
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
