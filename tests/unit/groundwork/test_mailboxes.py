"""What bounded hand-overs do when they are full."""

import asyncio

import pytest

from groundwork.mailboxes import BlockingMailbox, ConflatingMailbox, DroppingMailbox, MailboxFull


def test_a_conflating_mailbox_keeps_the_newest_of_each_key_and_counts_the_rest() -> None:
    box = ConflatingMailbox[str, int](keys_max=2)
    for key, value in (("a", 1), ("b", 2), ("a", 3)):
        box.put(key, value)
    assert box.take_all() == {"a": 3, "b": 2}
    assert box.conflated_total == 1
    assert box.take_all() == {}


def test_a_conflating_mailbox_refuses_a_key_too_many_and_still_takes_known_ones() -> None:
    box = ConflatingMailbox[str, int](keys_max=1)
    box.put("a", 1)
    with pytest.raises(MailboxFull):
        box.put("b", 2)
    box.put("a", 4)
    assert box.take_all() == {"a": 4}


def test_a_dropping_mailbox_drops_the_new_and_counts_it() -> None:
    box = DroppingMailbox[int](items_max=2)
    assert [box.put(n) for n in (1, 2, 3)] == [True, True, False]
    assert box.take_all() == [1, 2]
    assert box.dropped_total == 1


async def test_a_blocking_mailbox_makes_the_writer_wait_until_there_is_room() -> None:
    box = BlockingMailbox[int](items_max=1)
    await box.put(1)
    async with asyncio.TaskGroup() as tasks:
        second = tasks.create_task(box.put(2))
        await asyncio.sleep(0)
        assert not second.done()
        assert await box.take() == 1
        assert await box.take() == 2
    assert len(box) == 0
