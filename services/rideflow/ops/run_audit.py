"""The exact audit of a finished run: every ping of the log against the simulator's truth.

One byte counts each sequence number that a phone made, so nothing is sampled or believed.
A driver's ping is out of order when a larger number of its lane came before it; what the
simulator sent late or twice on purpose is explained by the truth and not held against us.
"""

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from rideflow.columns.arrays import I64, U64, Bools
from rideflow.columns.driver_keys import KeysBySlot
from rideflow.columns.driver_slots import NO_SLOT, DriverSlots
from rideflow.contracts.truth import DRIVER_TRUTH, PING_TRUTH, Fault

_SEQUENCE_BITS: Final = 32
_SEQUENCE_MASK: Final = (1 << _SEQUENCE_BITS) - 1
_EXPLAINS_ORDER: Final = (Fault.DISORDER, Fault.DUPLICATE)

Truth = NDArray[np.void]


class PingAudit(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the pings of a run. `in_log` counts records, so copies too."""

    in_log: int
    lost: int  # acknowledged and not in the log
    duplicated: int  # copies that the simulator did not send on purpose
    out_of_order: int
    wrong_partition: int
    strangers: int  # pings of drivers or numbers that the simulator did not make
    injected: dict[str, int]  # fault in lower case -> pings that it was put into
    injected_in_log: dict[str, int]  # the same -> those of them that the log holds


class RunAudit:
    """Takes the log's pings in the order of each partition. Memory: a byte a ping made."""

    def __init__(
        self, drivers: Truth, absent: Truth, faults: Truth, *, partitions: dict[int, int]
    ) -> None:
        """Rows of DRIVER_TRUTH and PING_TRUTH; `partitions`: lane -> its topic's partitions."""
        assert drivers.dtype == DRIVER_TRUTH
        assert absent.dtype == faults.dtype == PING_TRUTH
        ids = np.ascontiguousarray(drivers["driver"])
        self._slots = DriverSlots(drivers_max=max(1, len(ids)))
        slots = self._slots.slots_of(ids, create=True)
        # One more than there are slots: a stranger's slot, -1, finds a driver without pings.
        self._made_until = np.zeros(len(self._slots) + 1, np.int64)
        self._made_until.put(slots, drivers["made_until"])
        self._first = np.cumsum(self._made_until + 1) - (self._made_until + 1)
        self._copies = np.zeros(int((self._made_until + 1).sum()), np.uint8)
        self._highest = {lane: np.zeros(len(self._slots), np.int64) for lane in partitions}
        self._expected_partition = {
            lane: _partitions(self._slots, count) for lane, count in partitions.items()
        }
        self._absent = self._places_of(absent)
        self._faults = {fault: self._places_of(faults[faults["kind"] == fault]) for fault in Fault}
        explained = [self._faults[fault] for fault in _EXPLAINS_ORDER]
        self._explained = np.unique(np.concatenate(explained))
        self._in_log = self._strangers = self._wrong_partition = 0
        self._smaller: list[I64] = []

    def take(
        self, drivers: U64, sequences: NDArray[np.uint32], *, lane: int, partition: int
    ) -> None:
        """Pings of one partition in the order of its log."""
        self._in_log += len(drivers)
        slots = self._slots.slots_of(drivers).astype(np.int64)
        numbers = sequences.astype(np.int64)
        known = slots != NO_SLOT
        known &= (numbers >= 1) & (numbers <= self._made_until.take(slots))
        if not known.all():
            self._strangers += int(np.count_nonzero(~known))
            slots, numbers = slots[known], numbers[known]
        places = self._first.take(slots) + numbers
        np.add.at(self._copies, places, np.uint8(1))
        expected = self._expected_partition[lane].take(slots)
        self._wrong_partition += int(np.count_nonzero(expected != partition))
        smaller = self._smaller_after_larger(slots, numbers, lane)
        if smaller.any():
            self._smaller.append(places[smaller])

    def result(self) -> PingAudit:
        """What has been proven by all that was taken."""
        return PingAudit(
            in_log=self._in_log,
            lost=self._lost(),
            duplicated=self._duplicated(),
            out_of_order=self._out_of_order(),
            wrong_partition=self._wrong_partition,
            strangers=self._strangers,
            injected={fault.name.lower(): len(places) for fault, places in self._faults.items()},
            injected_in_log={fault.name.lower(): self._found(fault) for fault in Fault},
        )

    def _lost(self) -> int:
        is_lost = self._copies == 0
        is_lost[self._first] = False  # numbers begin at 1: place 0 of a driver is no ping
        is_lost[self._absent] = False
        return int(np.count_nonzero(is_lost))

    def _duplicated(self) -> int:
        several = np.flatnonzero(self._copies > 1)
        sent_again = np.sort(self._faults[Fault.DUPLICATE])
        on_purpose = np.searchsorted(sent_again, several, "right") - np.searchsorted(
            sent_again, several, "left"
        )
        extra = self._copies.take(several).astype(np.int64) - 1 - on_purpose
        return int(np.maximum(extra, 0).sum())

    def _found(self, fault: Fault) -> int:
        wanted = 2 if fault is Fault.DUPLICATE else 1
        return int(np.count_nonzero(self._copies.take(self._faults[fault]) >= wanted))

    def _out_of_order(self) -> int:
        if not self._smaller:
            return 0
        places = np.concatenate(self._smaller)
        # A second copy is judged as a duplicate, wherever it stands.
        alone = places[self._copies.take(places) == 1]
        return int(np.count_nonzero(~np.isin(alone, self._explained)))

    def _smaller_after_larger(self, slots: I64, numbers: I64, lane: int) -> Bools:
        """For each ping whether a larger number of its driver came before it on this lane."""
        smaller = np.zeros(len(slots), np.bool_)
        if not len(slots):
            return smaller
        by_slot = np.argsort(slots, kind="stable")
        ordered = slots.take(by_slot)
        number = numbers.take(by_slot)
        # The slot stands in the high bits: the running maximum starts afresh with each driver.
        so_far = np.maximum.accumulate((ordered << _SEQUENCE_BITS) | number) & _SEQUENCE_MASK
        is_first = np.concatenate(([True], ordered[1:] != ordered[:-1]))
        before = np.concatenate(([0], so_far[:-1]))
        before[is_first] = 0
        highest = self._highest[lane]
        smaller.put(by_slot, number < np.maximum(before, highest.take(ordered)))
        is_last = np.concatenate((is_first[1:], [True]))
        last = ordered[is_last]
        highest.put(last, np.maximum(highest.take(last), so_far[is_last]))
        return smaller

    def _places_of(self, pings: NDArray[Any]) -> I64:
        """Where pings are counted; those of unknown drivers are left out."""
        slots = self._slots.slots_of(np.ascontiguousarray(pings["driver"])).astype(np.int64)
        numbers = pings["sequence"].astype(np.int64)
        known = (slots != NO_SLOT) & (numbers <= self._made_until.take(slots))
        places: I64 = self._first.take(slots[known]) + numbers[known]
        return places


def _partitions(slots: DriverSlots, count: int) -> NDArray[np.int32]:
    keys = KeysBySlot()
    keys.learn(slots.drivers)
    return keys.partitions_of(np.arange(len(slots)), partition_count=count)
