"""Slots are dense, stay what they are, and are found again from any id."""

import numpy as np
import pytest

from rideflow.columns.driver_keys import KeysBySlot, driver_keys
from rideflow.columns.driver_slots import NO_SLOT, DriverSlots, SlotsFull
from rideflow.columns.paged_table import PagedTable, TableFull
from rideflow.contracts.ids import DRIVER_ID_MAX, DriverId, driver_key
from streamcore.record.murmur2 import partition_of


def _ids(*drivers: int) -> np.typing.NDArray[np.uint64]:
    return np.array(drivers, np.uint64)


def test_a_driver_has_no_slot_until_one_is_made() -> None:
    slots = DriverSlots()
    assert slots.slot_of(7) == NO_SLOT
    assert slots.slots_of(_ids(7), create=True).tolist() == [0]
    assert slots.slot_of(7) == 0


def test_ids_that_no_driver_can_have_never_get_a_slot() -> None:
    slots = DriverSlots()
    odd = _ids(0, DRIVER_ID_MAX + 1, (1 << 64) - 1, 1 << 63)
    assert slots.slots_of(odd, create=True).tolist() == [NO_SLOT] * 4
    assert len(slots) == 0


@pytest.mark.parametrize("seed", range(5))
def test_slots_are_those_a_dictionary_would_give(seed: int) -> None:
    rng = np.random.default_rng(seed)
    slots, truth = DriverSlots(), dict[int, int]()
    for _ in range(20):
        drivers = rng.integers(1, 5_000, 200).astype(np.uint64)
        drivers[:5] = rng.integers(1, DRIVER_ID_MAX, 5)
        given = slots.slots_of(drivers, create=True)
        for driver, slot in zip(drivers.tolist(), given.tolist(), strict=True):
            assert truth.setdefault(driver, slot) == slot
    assert sorted(truth.values()) == list(range(len(slots)))
    assert slots.drivers.tolist() == sorted(truth, key=truth.__getitem__)


def test_one_driver_too_many_is_refused_and_the_others_stay() -> None:
    slots = DriverSlots(drivers_max=2)
    slots.slots_of(_ids(1, 2), create=True)
    with pytest.raises(SlotsFull):
        slots.slots_of(_ids(3), create=True)
    assert slots.slots_of(_ids(1, 2, 3)).tolist() == [0, 1, NO_SLOT]


def test_a_table_out_of_pages_says_so_and_forgets_on_demand() -> None:
    table = PagedTable(keys_max=1 << 20, page_bits=4, pages_max=2)
    table.put(np.array([3, 40]), np.array([1, 2], np.int32))
    with pytest.raises(TableFull):
        table.put(np.array([400]), np.array([3], np.int32))
    table.clear()
    assert table.take(np.array([3, 40])).tolist() == [0, 0]


def test_keys_and_partitions_are_those_of_one_driver_at_a_time() -> None:
    drivers = _ids(1, 42, 9_999_999_999, 1_234_567_890)
    keys = KeysBySlot()
    keys.learn(drivers[:2])
    keys.learn(drivers)
    expected = [driver_key(DriverId(driver)) for driver in drivers.tolist()]
    assert [row.tobytes() for row in driver_keys(drivers)] == expected
    index = np.array([3, 0, 1, 2])
    assert [row.tobytes() for row in keys.keys_of(index)] == [expected[i] for i in index]
    for count in (1, 4, 12):
        expected_partitions = [partition_of(expected[i], count) for i in index]
        assert keys.partitions_of(index, partition_count=count).tolist() == expected_partitions
