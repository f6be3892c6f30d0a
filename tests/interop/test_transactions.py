"""Transactions: all of one is read, or nothing of it, with the offsets that belong to it."""

import pytest

from tests.interop.scene import becomes_true, numbered, read_all, values, values_of
from tests.support.clients.protocol import Refused
from tests.support.clients.remote import RemoteClient

pytestmark = pytest.mark.interop

FEW_POLLS = 3


@pytest.mark.feature("transactions")
def test_committed_records_are_read_and_aborted_ones_are_not(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name)
    transactor = client.transactor(name)
    for first, end in ((0, transactor.commit), (10, transactor.abort), (20, transactor.commit)):
        transactor.begin()
        transactor.send(name, numbered(10, first=first))
        end()
    committed = values_of(numbered(10) + numbered(10, first=20))
    for reader in (client, helper):
        read = read_all([reader.reader(name, {0: 0}, committed_only=True)], 20)
        assert values(read) == committed
        assert values(read_all([reader.reader(name, {0: 0})], 30)) == values_of(numbered(30))
    transactor.begin()
    transactor.send(name, numbered(10, first=30))
    following = client.reader(name, {0: 22}, committed_only=True)
    read_all([helper.reader(name, {0: 33})], 10)
    assert values(read for _ in range(FEW_POLLS) for read in following.poll()) == values_of(
        numbered(10, first=20)
    )
    transactor.commit()
    assert values(read_all([following], 10)) == values_of(numbered(10, first=30))


@pytest.mark.feature("fencing")
def test_a_producer_is_fenced_by_a_later_one_of_the_same_id(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name)
    first = client.transactor(name)
    first.begin()
    first.send(name, numbered(10))
    second = client.transactor(name)
    second.begin()
    second.send(name, numbered(10, first=10))
    with pytest.raises(Refused, match=r"(?i)fenced|INVALID_PRODUCER_EPOCH"):
        first.commit()
    second.commit()
    read = read_all([helper.reader(name, {0: 0}, committed_only=True)], 10)
    assert values(read) == values_of(numbered(10, first=10))


@pytest.mark.feature("transactional-offsets")
def test_offsets_of_a_group_come_true_with_the_transaction_or_not_at_all(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    out = f"{name}-out"
    helper.create_topic(name)
    helper.create_topic(out)
    helper.produce(name, numbered(10))
    member = client.member(name, name)
    read_all([member], 10)
    transactor = client.transactor(name)
    transactor.begin()
    transactor.send(out, numbered(10))
    transactor.send_offsets(member, name, {0: 4})
    transactor.abort()
    assert helper.committed(name, name) == {}
    transactor.begin()
    transactor.send(out, numbered(10, first=10))
    transactor.send_offsets(member, name, {0: 10})
    transactor.commit()
    becomes_true(lambda: helper.committed(name, name) != {}, "the group's offset")
    assert helper.committed(name, name)[0].offset == 10
    read = read_all([helper.reader(out, {0: 0}, committed_only=True)], 10)
    assert values(read) == values_of(numbered(10, first=10))


@pytest.mark.feature("transactions-told")
def test_transactions_and_producers_are_listed_and_described(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name)
    transactor = helper.transactor(name)
    transactor.begin()
    transactor.send(name, numbered(10))
    assert name in client.transactions()
    assert client.transaction_state(name).lower() == "ongoing"
    assert client.producers(name, 0) == 1
    transactor.commit()
    becomes_true(lambda: "ommit" in client.transaction_state(name), "the end of it")
    with pytest.raises(Refused, match="TRANSACTIONAL_ID_NOT_FOUND"):
        client.transaction_state(f"{name}-unknown")
