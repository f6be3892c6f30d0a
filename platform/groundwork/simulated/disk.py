"""A disk that forgets: what was not fsynced may be lost, whole or in part, on a crash.

It can also be told to be full. Names and sizes that were made durable by
`write_atomically` survive, as they do on a journalling file system.
"""

import errno
from collections.abc import Sequence

from groundwork.seams import DiskSpace, Rng

# What a disk without bounds says is left.
ENDLESS_BYTES = 1 << 40


class SimulatedFile:
    """An append file whose unsynced tail a crash may tear."""

    def __init__(self, disk: "SimulatedDirectory") -> None:
        self._disk = disk
        self._data = bytearray()
        self._durable_size = 0

    def append(self, pieces: Sequence[bytes | memoryview]) -> None:
        for piece in pieces:
            room = self._disk.take_room(len(piece))
            self._data += piece[:room]
            if room < len(piece):
                raise OSError(errno.ENOSPC, "No space left on device")

    def fsync(self) -> None:
        self._durable_size = len(self._data)

    def read_at(self, position: int, size: int) -> bytes:
        return bytes(self._data[position : position + size])

    def size(self) -> int:
        return len(self._data)

    def truncate(self, size: int) -> None:
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
        self.truncate(rng.randint(self._durable_size, len(self._data)))


class SimulatedDirectory:
    """A folder in memory. `room_bytes` is what the disk still takes; None is endless."""

    def __init__(self, *, room_bytes: int | None = None) -> None:
        self._files: dict[str, SimulatedFile] = {}
        self.room_bytes = room_bytes

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
        for _, file in sorted(self._files.items()):
            file.crash(rng)

    def file(self, path: str) -> SimulatedFile:
        """The file itself, for a test that wants to corrupt it."""
        return self._files[path]

    def open_append(self, path: str) -> SimulatedFile:
        return self._files.setdefault(path, SimulatedFile(self))

    def names(self, path: str = "") -> list[str]:
        prefix = f"{path}/" if path else ""
        inside = (name.removeprefix(prefix) for name in self._files if name.startswith(prefix))
        return sorted({name.split("/", 1)[0] for name in inside})

    def exists(self, path: str) -> bool:
        return path in self._files or bool(self.names(path))

    def read(self, path: str) -> bytes:
        if path not in self._files:
            raise FileNotFoundError(errno.ENOENT, "No such file", path)
        return self._files[path].read_at(0, self._files[path].size())

    def write_atomically(self, path: str, data: bytes, *, private: bool = False) -> None:
        fresh = SimulatedFile(self)
        fresh.append([data])
        fresh.fsync()
        self.remove(path)
        self._files[path] = fresh

    def rename(self, old: str, new: str) -> None:
        moved = [name for name in self._files if name == old or name.startswith(f"{old}/")]
        if not moved:
            raise FileNotFoundError(errno.ENOENT, "No such file", old)
        for name in moved:
            self._files[new + name.removeprefix(old)] = self._files.pop(name)

    def remove(self, path: str) -> None:
        for name in [n for n in self._files if n == path or n.startswith(f"{path}/")]:
            self.give_room(self._files.pop(name).size())

    def space(self) -> DiskSpace:
        used = sum(file.size() for file in self._files.values())
        usable = ENDLESS_BYTES if self.room_bytes is None else self.room_bytes
        return DiskSpace(used + usable, usable)
