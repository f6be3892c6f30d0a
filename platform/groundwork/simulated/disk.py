"""A disk that forgets: what was not fsynced may be lost, whole or in part, on a crash.

It can also be told to be full, or to lose power at its nth change. Names come and go in order,
as on a journalling file system: a crash may undo the latest of what was made, renamed and
removed. `sync_names`, with which `write_atomically` ends, makes all before it last.
"""

import errno
import sys
from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence

from groundwork.seams import SPARE_SUFFIX, DiskSpace, Rng

# What a disk without bounds says is left.
ENDLESS_BYTES = 1 << 40
LAST_CHARACTER = chr(sys.maxunicode)


class PowerLost(Exception):
    """The machine has stopped in the middle of it all; `crash` says what is left."""


class SimulatedFile:
    """An append file whose unsynced tail a crash may tear."""

    def __init__(self, disk: "SimulatedDirectory") -> None:
        self._disk = disk
        self._data = bytearray()
        self._durable_size = 0

    def append(self, pieces: Sequence[bytes | memoryview]) -> None:
        self._disk.change(self, pieces)
        for piece in pieces:
            room = self._disk.take_room(len(piece))
            self._data += piece[:room]
            if room < len(piece):
                raise OSError(errno.ENOSPC, "No space left on device")

    def fsync(self) -> None:
        self._disk.change()
        self._durable_size = len(self._data)

    def read_at(self, position: int, size: int) -> bytes:
        return bytes(self._data[position : position + size])

    def size(self) -> int:
        return len(self._data)

    def truncate(self, size: int) -> None:
        self._disk.change()
        self._cut(size)

    def _cut(self, size: int) -> None:
        self._disk.give_room(max(0, len(self._data) - size))
        del self._data[size:]
        self._durable_size = min(self._durable_size, size)

    def close(self) -> None:
        """Nothing to give back: the bytes belong to the disk."""

    @property
    def durable_size(self) -> int:
        """How much of it a loss of power would leave for certain."""
        return self._durable_size

    def flip_bit(self, position: int, bit: int) -> None:
        """Corrupt one bit, as a bad sector would."""
        self._data[position] ^= 1 << bit

    def crash(self, rng: Rng) -> None:
        """Lose power: keep all that was fsynced and a random part of the rest."""
        self._cut(rng.randint(self._durable_size, len(self._data)))


class SimulatedDirectory:
    """A folder in memory. `room_bytes` is what the disk still takes; None is endless."""

    def __init__(self, *, room_bytes: int | None = None) -> None:
        self._files: dict[str, SimulatedFile] = {}
        self._sorted: list[str] = []  # their names
        # Of each step that a crash may undo: what the names stood for that it changed.
        self._names_before: list[dict[str, SimulatedFile | None]] = []
        self.room_bytes = room_bytes
        self.changes_left: int | None = None  # set: the power goes when there are none
        self.changes = 0

    def change(
        self,
        file: SimulatedFile | None = None,
        pieces: Sequence[bytes | memoryview] = (),
    ) -> None:
        """Count a step that changes the disk: `pieces` that come to a file's end, or another.

        Raises `PowerLost`.
        """
        if self.changes_left is not None:
            if self.changes_left == 0:
                raise PowerLost
            self.changes_left -= 1
        self.changes += 1

    def take_room(self, wanted: int) -> int:
        if self.room_bytes is None:
            return wanted
        taken = min(wanted, self.room_bytes)
        self.room_bytes -= taken
        return taken

    def give_room(self, size: int) -> None:
        if self.room_bytes is not None:
            self.room_bytes += size

    def crash(self, rng: Rng) -> None:
        self.changes_left = None
        if self._names_before:
            lasting = rng.randint(0, len(self._names_before))
            for names in reversed(self._names_before[lasting:]):
                self._undo(names)
            self._names_before.clear()
        for _, file in sorted(self._files.items()):
            file.crash(rng)

    def _undo(self, names: Mapping[str, SimulatedFile | None]) -> None:
        for name, file in names.items():
            if file is not None:
                self._put(name, file)
            elif name in self._files:
                self._take(name)

    def _put(self, name: str, file: SimulatedFile) -> None:
        if name not in self._files:
            insort(self._sorted, name)
        self._files[name] = file

    def _take(self, name: str) -> SimulatedFile:
        del self._sorted[bisect_left(self._sorted, name)]
        return self._files.pop(name)

    def file(self, path: str) -> SimulatedFile:
        """The file itself, for a test that wants to corrupt it."""
        return self._files[path]

    def open_append(self, path: str) -> SimulatedFile:
        return self._files[path] if path in self._files else self._made(path)

    def open_existing(self, path: str) -> SimulatedFile:
        if path not in self._files:
            raise FileNotFoundError(errno.ENOENT, "No such file", path)
        return self._files[path]

    def open_new(self, path: str) -> SimulatedFile:
        if path in self._files:
            raise FileExistsError(errno.EEXIST, "File exists", path)
        folder, _, _ = path.rpartition("/")
        if folder and not self._within(folder):
            raise FileNotFoundError(errno.ENOENT, "No such folder", folder)
        return self._made(path)

    def _made(self, path: str) -> SimulatedFile:
        self._change_names([path])
        self._put(path, SimulatedFile(self))
        return self._files[path]

    def names(self, path: str = "") -> list[str]:
        prefix = f"{path}/" if path else ""
        inside = (name.removeprefix(prefix) for name in self._beginning(prefix))
        return sorted({name.split("/", 1)[0] for name in inside})

    def _beginning(self, prefix: str) -> list[str]:
        first = bisect_left(self._sorted, prefix)
        last = bisect_left(self._sorted, prefix + LAST_CHARACTER)
        return self._sorted[first:last]

    def exists(self, path: str) -> bool:
        return path in self._files or bool(self.names(path))

    def read(self, path: str) -> bytes:
        file = self.open_existing(path)
        return file.read_at(0, file.size())

    def write_atomically(self, path: str, data: bytes, *, private: bool = False) -> None:
        spare = path + SPARE_SUFFIX
        self.remove(spare)
        file = self._made(spare)
        try:
            file.append([data])
        except OSError:
            self.remove(spare)
            raise
        file.fsync()
        self.rename(spare, path)
        self.sync_names(path.rpartition("/")[0])

    def rename(self, old: str, new: str) -> None:
        moved = self._within(old)
        if not moved:
            raise FileNotFoundError(errno.ENOENT, "No such file", old)
        renamed = {name: new + name.removeprefix(old) for name in moved}
        self._change_names([*renamed, *renamed.values()])
        if new in self._files:
            self.give_room(self._files[new].size())
        for name, after in renamed.items():
            self._put(after, self._take(name))

    def sync_names(self, path: str) -> None:
        self.change()
        self._names_before.clear()

    def remove(self, path: str) -> None:
        for name in self._within(path):
            self._change_names([name])
            self.give_room(self._take(name).size())

    def _within(self, path: str) -> list[str]:
        return [path] if path in self._files else self._beginning(f"{path}/")

    def _change_names(self, names: Sequence[str]) -> None:
        """A crash may bring back what these names stand for now."""
        self.change()
        self._names_before.append({name: self._files.get(name) for name in names})

    def space(self) -> DiskSpace:
        used = sum(file.size() for file in self._files.values())
        usable = ENDLESS_BYTES if self.room_bytes is None else self.room_bytes
        return DiskSpace(used + usable, usable)
