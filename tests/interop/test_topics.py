"""Clients and a cluster's metadata: who is there, which topics, how many partitions."""

import pytest

from tests.interop.scene import becomes_true, numbered, read_all
from tests.support.clients.protocol import Refused
from tests.support.clients.remote import RemoteClient

pytestmark = pytest.mark.interop


@pytest.mark.feature("metadata")
def test_a_client_finds_the_broker_and_a_topic_that_was_not_there(
    client: RemoteClient, address: str, helper: RemoteClient, name: str
) -> None:
    found = client.cluster()
    assert found.brokers == (address,)
    assert found.controller >= 0
    assert found.cluster_id in ("", helper.cluster().cluster_id)
    assert client.partition_count(name) == 0
    helper.create_topic(name, partitions=3)
    becomes_true(lambda: client.partition_count(name) == 3, "the new topic")


@pytest.mark.feature("topics")
def test_topics_are_created_described_and_deleted(client: RemoteClient, name: str) -> None:
    client.create_topic(name, partitions=3)
    becomes_true(lambda: client.partition_count(name) == 3, "the new topic")
    with pytest.raises(Refused, match="TOPIC_ALREADY_EXISTS"):
        client.create_topic(name, partitions=3)
    with pytest.raises(Refused, match="INVALID_TOPIC_EXCEPTION"):
        client.create_topic("no/such:name")
    client.delete_topic(name)
    becomes_true(lambda: client.partition_count(name) == 0, "the topic's end")


@pytest.mark.feature("partitions")
def test_partitions_are_added_and_never_taken_away(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    client.create_topic(name, partitions=1)
    client.add_partitions(name, 4)
    becomes_true(lambda: client.partition_count(name) == 4, "new partitions")
    with pytest.raises(Refused, match="INVALID_PARTITIONS"):
        client.add_partitions(name, 2)
    client.produce(name, numbered(1), partition=3)
    assert read_all([helper.reader(name, {3: 0})], 1)[0].partition == 3
