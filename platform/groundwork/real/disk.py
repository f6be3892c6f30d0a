"""Folders and append files of the operating system."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from groundwork.seams import SPARE_SUFFIX, DiskSpace

# Linux takes at most IOV_MAX (1024) pieces in one writev.
PIECES_MAX = 1000
FILE_MODE = 0o644
PRIVATE_MODE = 0o600


class OsAppendFile:
    """A file that is appended to with `writev` and read with `pread`: no seek, no buffer."""

    def __init__(self, path: Path, *, flags: int = os.O_CREAT) -> None:
        self._fd = os.open(path, flags | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)
        self._size = os.fstat(self._fd).st_size

    def append(self, pieces: Sequence[bytes | memoryview]) -> None:
        for start in range(0, len(pieces), PIECES_MAX):
            self._append_some(pieces[start : start + PIECES_MAX])

    def _append_some(self, pieces: Sequence[bytes | memoryview]) -> None:
        wanted = sum(map(len, pieces))
        written = os.writev(self._fd, pieces)
        self._size += written
        if written < wanted:
            # A short write is rare (nearly full disk, signal): finish it the plain way.
            rest = memoryview(b"".join(pieces))[written:]
            while rest:
                written = os.write(self._fd, rest)
                self._size += written
                rest = rest[written:]

    def fsync(self) -> None:
        os.fdatasync(self._fd)

    def read_at(self, position: int, size: int) -> bytes:
        return os.pread(self._fd, size, position)

    def size(self) -> int:
        return self._size

    def truncate(self, size: int) -> None:
        os.ftruncate(self._fd, size)
        self._size = size

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class OsDirectory:
    """A folder on the real disk."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    @property
    def root(self) -> Path:
        return self._root

    def open_append(self, path: str) -> OsAppendFile:
        whole = self._root / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        return OsAppendFile(whole)

    def open_existing(self, path: str) -> OsAppendFile:
        return OsAppendFile(self._root / path, flags=0)

    def open_new(self, path: str) -> OsAppendFile:
        return OsAppendFile(self._root / path, flags=os.O_CREAT | os.O_EXCL)

    def names(self, path: str = "") -> list[str]:
        whole = self._root / path
        return sorted(os.listdir(whole)) if whole.is_dir() else []

    def exists(self, path: str) -> bool:
        return (self._root / path).exists()

    def read(self, path: str) -> bytes:
        return (self._root / path).read_bytes()

    def write_atomically(self, path: str, data: bytes, *, private: bool = False) -> None:
        whole = self._root / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        spare = whole.with_name(whole.name + SPARE_SUFFIX)
        # What a crash left behind may have been made with other rights: never written on.
        spare.unlink(missing_ok=True)
        fd = os.open(
            spare,
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC,
            PRIVATE_MODE if private else FILE_MODE,
        )
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            spare.unlink()  # a full disk needs the room
            raise
        spare.replace(whole)
        _sync_folder(whole.parent)

    def rename(self, old: str, new: str) -> None:
        target = self._root / new
        target.parent.mkdir(parents=True, exist_ok=True)
        (self._root / old).rename(target)

    def sync_names(self, path: str) -> None:
        _sync_folder(self._root / path)

    def remove(self, path: str) -> None:
        whole = self._root / path
        if whole.is_dir():
            shutil.rmtree(whole)
        else:
            whole.unlink(missing_ok=True)

    def space(self) -> DiskSpace:
        volume = os.statvfs(self._root)
        # What is kept back for the administrator is no room for us.
        return DiskSpace(volume.f_blocks * volume.f_frsize, volume.f_bavail * volume.f_frsize)


def _sync_folder(folder: Path) -> None:
    """Make a renaming outlast a loss of power: POSIX promises that of the folder's sync alone."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
