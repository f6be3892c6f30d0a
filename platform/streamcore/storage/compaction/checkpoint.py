"""Up to where a log was cleaned: a small file in its folder, gone with it.

It says two things. From `first_dirty` on a next round looks for keys. Below `gaps_below`
segments may miss offsets; anywhere else a missing offset is damage. It is written before the
first segment of a round takes its place.
"""

import json
from typing import NamedTuple

from groundwork.seams import Directory
from streamcore.record.places import Offset

CLEANED_FILE = "cleaned.json"
CLEANED_FORMAT = 1


class CleanedUpTo(NamedTuple):
    """How far a log is clean. A log that was never cleaned is dirty from 0 on, without gaps."""

    first_dirty: Offset = Offset(0)
    gaps_below: Offset = Offset(0)


# What is unreadable may have said anything: then every gap is believed.
UNKNOWN = CleanedUpTo(first_dirty=Offset(0), gaps_below=Offset((1 << 63) - 1))


def write_cleaned(directory: Directory, folder: str, cleaned: CleanedUpTo) -> None:
    """Raises `OSError`."""
    data = {"format": CLEANED_FORMAT, **cleaned._asdict()}
    directory.write_atomically(f"{folder}/{CLEANED_FILE}", json.dumps(data).encode())


def read_cleaned(directory: Directory, folder: str) -> tuple[CleanedUpTo, str | None]:
    """Return what the file says, and a journal line when it could not be used."""
    path = f"{folder}/{CLEANED_FILE}"
    if not directory.exists(path):
        return CleanedUpTo(), None
    try:
        data = json.loads(directory.read(path))
        if data["format"] == CLEANED_FORMAT:
            return CleanedUpTo(Offset(data["first_dirty"]), Offset(data["gaps_below"])), None
        reason = f"has format {data['format']}"
    except (ValueError, KeyError, TypeError) as error:
        reason = f"is unreadable ({error!r})"
    return UNKNOWN, f"{path} {reason}: the whole log counts as dirty"
