"""A disk that remembers how it was before each of its changes, and what a crash there leaves."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from groundwork.simulated.disk import SimulatedDirectory, SimulatedFile


class CrashKind(Enum):
    """How a broker ends that does not end in order."""

    KILL = "kill -9"  # the operating system keeps what it was given
    POWER = "loss of power"  # what was not synced is lost, in part or whole


@dataclass(frozen=True, slots=True)
class _FileThen:
    data: bytes
    durable_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePoint:
    """A disk just before one of its changes. Names stand for files by number."""

    moment: int  # how many changes had been made
    files: Sequence[_FileThen]
    names: Mapping[str, int]
    names_before: Sequence[Mapping[str, int | None]]
    appended_to: int | None  # of which file the change is an append
    appended: bytes

    def left(self, kind: CrashKind, rng: random.Random) -> "RecordingDisk":
        """What is on the disk after a crash here, perhaps with a part of what was under way."""
        disk = RecordingDisk()
        files = [SimulatedFile(disk) for _ in self.files]
        for file, then in zip(files, self.files, strict=True):
            file._data += then.data
            file._durable_size = then.durable_size
        if self.appended_to is not None:
            files[self.appended_to]._data += self.appended[: rng.randint(0, len(self.appended))]
        for name, number in self.names.items():
            disk._put(name, files[number])
        disk._names_before = [
            {name: None if number is None else files[number] for name, number in names.items()}
            for names in self.names_before
        ]
        if kind is CrashKind.POWER:
            disk.crash(rng)
        return disk


class RecordingDisk(SimulatedDirectory):
    """Calls `before_change` with the number of changes made, and keeps the points it asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.points: list[WritePoint] = []
        self.before_change: Callable[[int], bool] | None = None

    def change(
        self, file: SimulatedFile | None = None, pieces: Sequence[bytes | memoryview] = ()
    ) -> None:
        is_dead = self.changes_left == 0
        if not is_dead and self.before_change is not None and self.before_change(self.changes):
            self.points.append(self._point(file, b"".join(pieces)))
        super().change(file, pieces)

    def _point(self, appended_to: SimulatedFile | None, appended: bytes) -> WritePoint:
        numbers: dict[SimulatedFile, int] = {}
        for file_then in self._files.values():
            numbers.setdefault(file_then, len(numbers))
        for names in self._names_before:
            for file_before in names.values():
                if file_before is not None:
                    numbers.setdefault(file_before, len(numbers))
        if appended_to is not None:
            numbers.setdefault(appended_to, len(numbers))
        return WritePoint(
            moment=self.changes,
            files=[_FileThen(bytes(file._data), file.durable_size) for file in numbers],
            names={name: numbers[file] for name, file in self._files.items()},
            names_before=[
                {name: None if file is None else numbers[file] for name, file in names.items()}
                for names in self._names_before
            ],
            appended_to=None if appended_to is None else numbers[appended_to],
            appended=appended,
        )

    def all_names(self) -> list[str]:
        return sorted(self._files)

    def names_ever(self) -> set[str]:
        """What files were called at any of the points."""
        return {name for point in self.points for name in point.names}
