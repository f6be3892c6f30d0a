"""What goes wrong on purpose, how often, and the record of it that the checks are made against."""

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """Chance per ping, unless said otherwise. `scaled(0)` is a perfect world but for noise."""

    noise_m: float = 4.0  # not a chance: usual error of a fix, one standard deviation
    jitter: float = 0.01  # a fix 20 to 60 m beside the road
    teleport: float = 0.0001  # a fix 2 to 20 km away
    duplicate: float = 0.0005  # the same ping sent twice
    swapped: float = 0.0005  # sent after the ping that follows it
    dark: float = 0.0001  # the phone is offline from here for 3 to 30 pings, then sends them late
    clock_ahead: float = 0.00005  # fix time 5 to 50 s in the future: taken, to be filtered
    future: float = 0.00002  # fix time 90 to 600 s in the future: refused by the gateway
    mocked: float = 0.0005  # chance per driver: all its fixes say that they are mocked

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= (100 if field.name == "noise_m" else 1):
                raise ValueError(f"fault rate {field.name} is {value}: it is a share of 1")

    def scaled(self, factor: float) -> "FaultRates":
        """Return all chances times `factor`, at most 1; the noise stays."""
        chances = {
            field.name: min(1.0, getattr(self, field.name) * factor)
            for field in fields(self)
            if field.name != "noise_m"
        }
        return FaultRates(noise_m=self.noise_m, **chances)


class FaultKind(IntEnum):
    """The numbers under which faults stand in the truth file."""

    JITTER = 1
    TELEPORT = 2
    DUPLICATE = 3
    SWAPPED = 4
    DARK = 5
    CLOCK_AHEAD = 6
    FUTURE = 7
    MOCKED = 8


INJECTED = np.dtype(
    [
        ("kind", "u1"),  # FaultKind
        ("driver", "<u8"),
        ("sequence", "<u4"),  # of the ping; of the first one of a dark period; 0 for a driver
        ("size", "<f4"),  # metres, pings of a dark period, or milliseconds ahead
    ]
)

Injected = npt.NDArray[np.void]


class FaultJournal:
    """Remembers each injected fault, 17 bytes apiece; at the usual rates some MB an hour."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, int, float]] = []
        self._packed: list[Injected] = []

    def note(self, kind: FaultKind, driver: int, sequence: int, size: float = 0.0) -> None:
        self._rows.append((kind, driver, sequence, size))
        if len(self._rows) == 10_000:
            self._pack()

    def note_many(
        self,
        kind: FaultKind,
        drivers: npt.NDArray[np.uint64],
        sequence: int,
        sizes: npt.NDArray[np.float64],
    ) -> None:
        """Note the same fault of several drivers."""
        fresh = np.zeros(len(drivers), INJECTED)
        fresh["kind"], fresh["sequence"] = kind, sequence
        fresh["driver"], fresh["size"] = drivers, sizes
        if len(drivers):
            self._packed.append(fresh)

    def counts(self) -> dict[str, int]:
        """Return how many faults of each kind were injected, by name in lower case."""
        kinds = np.bincount(self.all()["kind"], minlength=len(FaultKind) + 1)
        return {kind.name.lower(): int(kinds[kind]) for kind in FaultKind}

    def all(self) -> Injected:
        """Return every fault as rows of `INJECTED`, those of a kind in the order of injection."""
        self._pack()
        self._packed = [np.concatenate([np.zeros(0, INJECTED), *self._packed])]
        return self._packed[0]

    def of(self, kind: FaultKind) -> Injected:
        """Return the faults of one kind, in the order of injection."""
        found = self.all()
        return np.asarray(found[found["kind"] == kind])

    def _pack(self) -> None:
        if self._rows:
            self._packed.append(np.array(self._rows, INJECTED))
            self._rows = []
