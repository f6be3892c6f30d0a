"""Keeps two brokers from writing to one data directory."""

import fcntl
import os
from pathlib import Path

LOCK_FILE = ".lock"


class DataDirInUse(Exception):
    """Another process holds the data directory."""


class DataDirLock:
    """Held until `release`, or until the process ends in whatever way."""

    def __init__(self, data_dir: Path) -> None:
        """Take the lock. Raises `DataDirInUse` and `OSError`."""
        data_dir.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(data_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise DataDirInUse(f"{data_dir} is in use by another broker") from None

    def release(self) -> None:
        os.close(self._fd)
