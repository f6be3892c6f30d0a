"""Offsets of open transactions are found by transaction and by group: both ways are one truth."""

import random

import pytest

from streamcore.groups.ids import GroupId
from streamcore.groups.offsets import CommittedOffset, TopicPartition
from streamcore.groups.pending import PendingOffsets, TransactionPart
from streamcore.record.places import LeaderEpoch, Offset

PARTS = [TransactionPart(producer, partition) for producer in (1, 2) for partition in (0, 1)]
GROUPS = [GroupId(name) for name in "abc"]
PLACES = [TopicPartition("t", number) for number in range(3)]


@pytest.mark.parametrize("seed", range(20))
def test_what_is_pending_is_found_by_group_as_by_transaction(seed: int) -> None:
    rng = random.Random(seed)
    pending = PendingOffsets()
    kept: dict[tuple[TransactionPart, GroupId, TopicPartition], CommittedOffset] = {}
    for number in range(200):
        part, group, place = rng.choice(PARTS), rng.choice(GROUPS), rng.choice(PLACES)
        match rng.randrange(4):
            case 0:
                taken = pending.take(part)
                found = {
                    (part, g, p): o for g, offsets in taken.items() for p, o in offsets.items()
                }
                assert found == {key: kept[key] for key in kept if key[0] == part}
                kept = {key: offset for key, offset in kept.items() if key[0] != part}
            case 1:
                pending.forget(group, place)
                kept = {key: o for key, o in kept.items() if key[1:] != (group, place)}
            case _:
                offset = CommittedOffset(
                    offset=Offset(number),
                    leader_epoch=LeaderEpoch(-1),
                    metadata="x" * rng.randrange(9),
                    commit_ms=0,
                )
                pending.put(part, group, {place: offset})
                kept[part, group, place] = offset
        for each in GROUPS:
            assert pending.places_of(each) == {p for _, g, p in kept if g == each}
        assert pending.held_bytes == sum(offset.bytes_held() for offset in kept.values())
        assert pending.group_ids() >= {g for _, g, _ in kept}
    for part in PARTS:
        pending.take(part)
    assert pending.group_ids() == set()
