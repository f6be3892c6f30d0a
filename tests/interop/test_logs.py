"""What an administrator sees and changes of a log: offsets by time, records deleted, sizes."""

import pytest

from tests.interop.scene import START_MS, becomes_true, numbered, read_all
from tests.support.clients.remote import RemoteClient

pytestmark = pytest.mark.interop


@pytest.mark.feature("offsets-by-time")
def test_offsets_are_found_by_time(client: RemoteClient, helper: RemoteClient, name: str) -> None:
    helper.create_topic(name)
    helper.produce(name, numbered(100), codec="gzip")
    assert client.offsets_at(name, 1, START_MS) == {0: 0}
    assert client.offsets_at(name, 1, START_MS + 41_500) == {0: 42}
    assert client.offsets_at(name, 1, START_MS + 99_000) == {0: 99}
    assert client.offsets_at(name, 1, START_MS + 1_000_000) == {0: None}


@pytest.mark.feature("delete-records")
def test_deleted_records_are_not_read_any_more(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name)
    helper.produce(name, numbered(100))
    client.delete_records(name, 0, 60)
    read = read_all([helper.reader(name, {0: 0})], 40)
    assert sorted(one.offset for one in read) == list(range(60, 100))


@pytest.mark.feature("log-dirs")
def test_a_topics_size_on_disk_is_told(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name, partitions=2)
    assert client.log_bytes(name) == 0
    helper.produce(name, numbered(100))
    becomes_true(lambda: client.log_bytes(name) > 1000, "the topic's size")
