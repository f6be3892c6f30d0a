"""Clients that go on when the ground moves: a topic made anew, a broker killed and started."""

from itertools import count

import pytest

from tests.interop.brokers import Restartable
from tests.interop.scene import Others, numbered, poll_until, read_all, values, values_of
from tests.support.clients.protocol import Read, Refused
from tests.support.clients.remote import RemoteClient

pytestmark = pytest.mark.interop


@pytest.mark.feature("topic-anew")
def test_a_running_member_reads_a_topic_that_was_deleted_and_made_anew(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name)
    helper.produce(name, numbered(30))
    member = client.member(name, name)
    read_all([member], 30)
    member.commit()
    helper.delete_topic(name)
    try:
        helper.create_topic(name)
    except Refused as error:
        # The member asked for it in between, which makes a topic too.
        assert error.error == "TOPIC_ALREADY_EXISTS"  # noqa: PT017  # either way is right
    # Where it goes on is its own affair: a client that asks for the end of a leader epoch takes
    # the new topic for the old one, cut short, and goes on at its end, with Apache Kafka too.
    numbers = count(1000)
    new: set[bytes] = set()

    def has_read_on(read: list[Read]) -> bool:
        new.update(values_of(sent := numbered(1, first=next(numbers))))
        helper.produce(name, sent)
        return bool(read)

    assert set(values(poll_until([member], has_read_on))) <= new


@pytest.mark.feature("broker-restart")
def test_producer_and_member_go_on_after_the_broker_was_killed(
    client_name: str, restartable: Restartable, others: Others, name: str
) -> None:
    client = others.fresh(client_name, restartable.address)
    helper = others.fresh("kafka-python", restartable.address)
    try:
        helper.create_topic(name)
        producer, member = client.producer(), client.member(name, name)
        producer.send(name, numbered(50))
        assert values(read_all([member], 50)) == values_of(numbered(50))
        member.commit()
        restartable.kill()
        restartable.start()
        producer.send(name, numbered(50, first=50))
        # A member that has to join anew reads on from what it has committed.
        expected = {record.value for record in numbered(50, first=50)}
        poll_until([member], lambda more: {one.sent.value for one in more} == expected)
    finally:
        client.process.kill()
        helper.process.kill()
