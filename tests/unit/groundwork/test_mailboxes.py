"""What bounded hand-overs do when they are full."""

from groundwork.mailboxes import DroppingMailbox


def test_a_dropping_mailbox_drops_the_new_and_counts_it() -> None:
    box = DroppingMailbox[int](items_max=2)
    assert [box.put(n) for n in (1, 2, 3)] == [True, True, False]
    assert box.take_all() == [1, 2]
    assert box.dropped_total == 1
