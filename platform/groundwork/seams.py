"""The outside world, as protocols. Real and simulated versions live in sibling packages.

A function that needs time, chance or a disk takes one of these as an argument, so
that a test can hand it a clock that jumps or a disk that forgets.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

# `Directory.write_atomically` has it behind the name of what it is writing: a file that is called
# so was left there by a crash.
SPARE_SUFFIX = ".new"


class Clock(Protocol):
    """Where time comes from."""

    def now_ms(self) -> int:
        """Wall-clock milliseconds since 1970. May step back; never subtract two of them."""
        ...

    def monotonic_ms(self) -> int:
        """Milliseconds that only go forward. For deadlines and durations."""
        ...

    async def sleep_until(self, deadline_ms: int) -> None:
        """Return once `monotonic_ms()` has reached `deadline_ms`; at once if it has already."""
        ...


class Rng(Protocol):
    """Chance, made from a seed: the part of `random.Random` that we use."""

    def random(self) -> float: ...
    def uniform(self, a: float, b: float) -> float: ...
    def randint(self, a: int, b: int) -> int: ...
    def randbytes(self, n: int) -> bytes: ...


class AppendFile(Protocol):
    """An open file that grows at its end: the only thing that storage may write to.

    Raises `OSError` as the operating system does; `errno.ENOSPC` is a full disk.
    """

    def append(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Write all pieces one after another at the end. After an error the size is unknown."""
        ...

    def fsync(self) -> None:
        """Return once all that was appended survives a loss of power."""
        ...

    def read_at(self, position: int, size: int) -> bytes:
        """Return up to `size` bytes from `position`; fewer only at the end of the file."""
        ...

    def size(self) -> int: ...
    def truncate(self, size: int) -> None: ...
    def close(self) -> None: ...


class DiskSpace(NamedTuple):
    """How large the volume is that a folder lies on, and how much of it can still be written."""

    total_bytes: int
    usable_bytes: int


class Directory(Protocol):
    """A folder of a data directory. Paths are relative to it and use `/`."""

    def open_append(self, path: str) -> AppendFile:
        """Open `path` for reading and appending; make it (and its folders) where missing."""
        ...

    def open_existing(self, path: str) -> AppendFile:
        """Open `path` as `open_append` does. Raises `FileNotFoundError` where it is missing."""
        ...

    def open_new(self, path: str) -> AppendFile:
        """Make `path` in a folder that is there, and open it as `open_append` does.

        Raises `FileExistsError` where it is there already, `FileNotFoundError` without folder.
        """
        ...

    def names(self, path: str = "") -> list[str]:
        """Return the sorted names of what lies directly in `path`; empty where it is missing."""
        ...

    def exists(self, path: str) -> bool: ...
    def read(self, path: str) -> bytes: ...

    def write_atomically(self, path: str, data: bytes, *, private: bool = False) -> None:
        """Replace `path` by `data` so that a crash leaves the old file or the new, never half.

        Once it has returned, a loss of power leaves the new one. A `private` file is at no
        time readable by other users of the machine.
        """
        ...

    def rename(self, old: str, new: str) -> None: ...

    def sync_names(self, path: str) -> None:
        """Return once what was made, renamed and removed in the folder `path` survives a loss of
        power; so it has to be for the folders that `path` lies in, where they are new.

        Without it a crash may undo the latest of that, never an earlier one alone.
        """
        ...

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with all in it. No error where it is missing."""
        ...

    def space(self) -> DiskSpace: ...
