"""Clients that go on when the ground moves: a topic made anew, a broker killed and started."""

import pytest

from tests.interop.brokers import Restartable
from tests.interop.scene import Others, becomes_true, numbered, read_all, values
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
    becomes_true(lambda: helper.partition_count(name) == 0, "the topic's end")
    helper.create_topic(name)
    helper.produce(name, numbered(10, first=1000))
    expected = sorted(record.value or b"" for record in numbered(10, first=1000))
    assert values(read_all([member], 10)) == expected


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
        read = read_all([member], 50)
        member.commit()
        restartable.kill()
        restartable.start()
        producer.send(name, numbered(50, first=50))
        read += read_all([member], 50)
        member.commit()
    finally:
        client.process.kill()
        helper.process.kill()
    assert values(read) == sorted(record.value or b"" for record in numbered(100))
