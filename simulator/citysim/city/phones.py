"""Drivers' phones: from where a car is to the pings that are sent, with all that goes wrong.

Each step of a driver makes exactly one ping, of sequence step + 1. Ordinary pings leave in
the frame of their block; what is late, doubled or out of order follows in frames of extras.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from citysim.city.chance import Hashes, Purpose, hashes, key, unit, units
from citysim.city.faults import FaultJournal, FaultKind, FaultRates
from citysim.city.fleet import Moved
from rideflow.contracts.pings import (
    BEARING_CDEG_MAX,
    PING,
    PING_SIZE,
    PING_VERSION,
    DriverState,
    PingFlag,
)
from rideflow.roads.arrays import Bools, Floats, Longs
from rideflow.roads.plane import METRES_PER_DEGREE

DARK_PINGS_MAX = 30  # no phone buffers more: that bounds what a return from the dark sends

_E7_PER_M = 1e7 / METRES_PER_DEGREE
_LOW_HALF = np.uint64(0xFFFF)
_DICE = (
    FaultKind.JITTER,
    FaultKind.TELEPORT,
    FaultKind.DUPLICATE,
    FaultKind.SWAPPED,
    FaultKind.DARK,
    FaultKind.CLOCK_AHEAD,
    FaultKind.FUTURE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What one block of drivers sends now: `frame` first, `extras` after it; both may be empty."""

    block: int
    frame: bytes
    extras: bytes


class Phones:
    """The phones of all drivers. Drivers come in blocks of `block_size` that report together."""

    def __init__(
        self,
        *,
        driver_ids: npt.NDArray[np.uint64],
        block_size: int,
        latitude: float,
        rates: FaultRates,
        seed: int,
        journal: FaultJournal,
    ) -> None:
        self._seed, self._rates, self._journal = seed, rates, journal
        self._block_size = block_size
        self._lon_e7_per_m = _E7_PER_M / np.cos(np.radians(latitude))
        self._noise_salt = key(seed, Purpose.NOISE)
        self._fault_salt = key(seed, Purpose.FAULT)
        self._size_salt = key(seed, Purpose.FAULT_SIZE, 0)
        self._angle_salt = key(seed, Purpose.FAULT_SIZE, 1)
        self._chance_until = np.cumsum([getattr(rates, kind.name.lower()) for kind in _DICE])
        self._everyone = np.arange(len(driver_ids))
        self._pings = np.zeros(len(driver_ids), PING)
        self._pings["version"] = PING_VERSION
        self._pings["state"] = DriverState.OPEN
        self._pings["driver"] = driver_ids
        self._dark_until = np.zeros(len(driver_ids), np.int64)
        self._buffered: dict[int, list[bytes]] = {}
        self._held: dict[int, bytes] = {}
        self._mark_mocked()

    def set_state(self, driver: int, state: DriverState) -> None:
        self._pings["state"][driver] = state

    def is_dark(self, driver: int) -> bool:
        """Tell whether the phone is offline: it hears and says nothing."""
        return driver in self._buffered

    def report(self, moved: Moved, *, step: int, fix_ms: Longs) -> Iterator[Sending]:
        """Yield what each block sends, in order. `fix_ms` has the time of every moved driver."""
        first, last = moved.first, moved.first + len(moved.lon_e7)
        assert first % self._block_size == 0, "whole blocks report"
        pings = self._pings[first:last]
        pings["sequence"] = step + 1
        pings["fix_ms"] = fix_ms
        pings["accuracy_dm"] = round(self._rates.noise_m * 10)
        self._place(pings, moved, step)
        pings["speed_cm_s"] = moved.speed_mps * 100.0
        pings["bearing_cdeg"] = moved.bearing_cdeg
        kept = np.ones(last - first, np.bool_)
        extras: dict[int, list[bytes]] = {}
        self._go_on(first, last, step, kept, extras)
        self._throw_dice(first, last, step, kept, extras)
        yield from self._blocks(first, last, kept, extras)

    def leave(self) -> Iterator[Sending]:
        """Yield, per block, what phones still hold: at the end of a run all of them come back."""
        left: dict[int, list[bytes]] = {}
        for driver in sorted({*self._buffered, *self._held}):
            pings = left.setdefault(driver // self._block_size, [])
            pings += [self._held[driver]] if driver in self._held else []
            pings += self._buffered.get(driver, [])
        self._buffered, self._held = {}, {}
        for block, pings in left.items():
            yield Sending(block=block, frame=b"", extras=b"".join(pings))

    def _place(self, pings: npt.NDArray[np.void], moved: Moved, step: int) -> None:
        """Write the places, with the noise of an ordinary fix: two sums of two dice each."""
        who = self._everyone[moved.first : moved.first + len(pings)]
        bits = hashes(self._noise_salt, who, step)
        scale = self._rates.noise_m / (0.408 * 65_536)
        north = _die(bits, 0) + _die(bits, 16) - 65_535.0
        east = _die(bits, 32) + _die(bits, 48) - 65_535.0
        pings["lat_e7"] = moved.lat_e7 + north * (scale * _E7_PER_M)
        pings["lon_e7"] = moved.lon_e7 + east * (scale * self._lon_e7_per_m)

    def _go_on(
        self, first: int, last: int, step: int, kept: Bools, extras: dict[int, list[bytes]]
    ) -> None:
        """Carry on with what earlier steps began: dark periods and pings held back."""
        if not self._buffered and not self._held:
            return
        until = self._dark_until[first:last]
        for place in np.flatnonzero(until > step).tolist():
            kept[place] = False
            self._buffer(first + place)
        for place in np.flatnonzero((until == step) & (until > 0)).tolist():
            extras.setdefault(place, []).extend(self._buffered.pop(first + place, ()))
        for driver in [driver for driver in self._held if first <= driver < last]:
            extras.setdefault(driver - first, []).append(self._held.pop(driver))

    def _throw_dice(
        self, first: int, last: int, step: int, kept: Bools, extras: dict[int, list[bytes]]
    ) -> None:
        thrown = units(self._fault_salt, self._everyone[first:last], step)
        struck = np.flatnonzero(thrown < self._chance_until[-1])
        kinds = np.searchsorted(self._chance_until, thrown[struck], side="right")
        self._jitter(first + struck[(kinds == 0) & kept[struck]], step)
        rare = kinds > 0
        for place, number in zip(struck[rare].tolist(), kinds[rare].tolist(), strict=True):
            # One thing at a time: what has just come back or follows late is not struck again.
            if kept[place] and place not in extras:
                self._strike(first + place, place, step, _DICE[number], kept, extras)

    def _strike(
        self,
        driver: int,
        place: int,
        step: int,
        kind: FaultKind,
        kept: Bools,
        extras: dict[int, list[bytes]],
    ) -> None:
        """Let one fault happen to the ping of `driver`, and note it."""
        share = unit(self._seed, Purpose.FAULT_SIZE, driver, step)
        size = 0.0
        match kind:
            case FaultKind.TELEPORT:
                size = 2_000.0 + 18_000.0 * share
                self._displace(np.array([driver]), step, np.array([size]))
            case FaultKind.DUPLICATE:
                extras.setdefault(place, []).append(self._bytes(driver))
            case FaultKind.SWAPPED:
                kept[place] = False
                self._held[driver] = self._bytes(driver)
            case FaultKind.DARK:
                size = 3.0 + int((DARK_PINGS_MAX - 2) * share)
                kept[place] = False
                self._dark_until[driver] = step + size
                self._buffer(driver)
            case FaultKind.CLOCK_AHEAD:
                size = 5_000.0 + int(45_000 * share)
                self._pings["fix_ms"][driver] += int(size)
            case FaultKind.FUTURE:
                size = 90_000.0 + int(510_000 * share)
                self._pings["fix_ms"][driver] += int(size)
        self._journal.note(kind, int(self._pings["driver"][driver]), step + 1, size)

    def _jitter(self, drivers: Longs, step: int) -> None:
        """Put fixes beside the road: the one fault so common that it is done for many at once."""
        metres = 20.0 + 40.0 * units(self._size_salt, drivers, step)
        self._displace(drivers, step, metres)
        self._pings["accuracy_dm"][drivers] = np.rint(metres * 10.0)
        names = self._pings["driver"][drivers]
        self._journal.note_many(FaultKind.JITTER, names, step + 1, metres)

    def _displace(self, drivers: Longs, step: int, metres: Floats) -> None:
        angle = 2.0 * np.pi * units(self._angle_salt, drivers, step)
        lat_e7 = self._pings["lat_e7"][drivers] + metres * np.cos(angle) * _E7_PER_M
        lon_e7 = self._pings["lon_e7"][drivers] + metres * np.sin(angle) * self._lon_e7_per_m
        self._pings["lat_e7"][drivers], self._pings["lon_e7"][drivers] = lat_e7, lon_e7

    def _buffer(self, driver: int) -> None:
        self._buffered.setdefault(driver, []).append(as_backlog(self._bytes(driver)))

    def _bytes(self, driver: int) -> bytes:
        return self._pings[driver : driver + 1].tobytes()

    def _blocks(
        self, first: int, last: int, kept: Bools, extras: dict[int, list[bytes]]
    ) -> Iterator[Sending]:
        rows = self._pings[first:last].view(f"V{PING_SIZE}")
        size = self._block_size
        extra_by_block: dict[int, list[bytes]] = {}
        for place in sorted(extras):
            extra_by_block.setdefault(place // size, []).extend(extras[place])
        is_whole = np.logical_and.reduceat(kept, np.arange(0, last - first, size)).tolist()
        for block, whole in enumerate(is_whole):
            here = slice(block * size, (block + 1) * size)
            frame = rows[here] if whole else rows[here].take(np.flatnonzero(kept[here]))
            yield Sending(
                block=first // size + block,
                frame=frame.tobytes(),
                extras=b"".join(extra_by_block.get(block, ())),
            )

    def _mark_mocked(self) -> None:
        fakes = units(key(self._seed, Purpose.MOCKED), self._everyone) < self._rates.mocked
        self._pings["flags"][fakes] = PingFlag.MOCKED
        for driver in np.flatnonzero(fakes).tolist():
            self._journal.note(FaultKind.MOCKED, int(self._pings["driver"][driver]), 0)


def as_backlog(ping: bytes) -> bytes:
    """Return the ping with the flag that sends it to the backlog lane."""
    changed = np.frombuffer(bytearray(ping), PING)
    changed["flags"] |= np.uint16(PingFlag.BACKLOG)
    return changed.tobytes()


def _die(bits: Hashes, shift: int) -> Floats:
    return ((bits >> np.uint64(shift)) & _LOW_HALF).astype(np.float64)


assert BEARING_CDEG_MAX == 36_000, "Streets makes bearings below 360 degrees"
