"""Compacted topics: the newest record of each key, however many gaps stand between."""

from collections.abc import Sequence

import pytest

from tests.interop.scene import START_MS, becomes_true, poll_until
from tests.support.clients.protocol import Read, Refused, Sent
from tests.support.clients.remote import RemoteClient

pytestmark = pytest.mark.interop

KEYS = 5
COUNT = 100
COMPACTED = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.01",
    "segment.ms": "100",
    "max.compaction.lag.ms": "1000",
}


@pytest.mark.feature("compaction")
def test_a_compacted_topic_is_read_across_its_gaps_and_takes_no_record_without_a_key(
    client: RemoteClient, helper: RemoteClient, compacted: str
) -> None:
    # aiokafka and @platformatic/kafka do not know the number of this error.
    with pytest.raises(Refused, match=r"INVALID_RECORD|UNKNOWN_SERVER_ERROR"):
        client.produce(compacted, [Sent(key=None, value=b"no key", timestamp_ms=START_MS)])
    read = poll_until([client.reader(compacted, {0: 0})], _is_whole)
    assert len(read) < COUNT / 2, "most records have a newer one of their key"
    newest = {one.sent.key: one.sent.value for one in sorted(read, key=lambda one: one.offset)}
    assert newest == {_record(number).key: _record(number).value for number in range(COUNT)}


@pytest.fixture(scope="session")
def compacted_topics() -> dict[str, str]:
    """The topic of each broker: compacting takes its time, so it is done once."""
    return {}


@pytest.fixture
def compacted(
    helper: RemoteClient, address: str, name: str, compacted_topics: dict[str, str]
) -> str:
    if address not in compacted_topics:
        compacted_topics[address] = name
        helper.create_topic(name, configs=COMPACTED)
        for number in range(COUNT):
            helper.produce(name, [_record(number)])
        becomes_true(lambda: _is_compacted(helper, name), "compaction")
    return compacted_topics[address]


def _record(number: int) -> Sent:
    # Kafka closes segments by the time of the records, not by its own.
    time_ms = START_MS + 1000 * number
    return Sent(key=b"key-%d" % (number % KEYS), value=b"value-%d" % number, timestamp_ms=time_ms)


def _is_whole(read: Sequence[Read]) -> bool:
    return bool(read) and max(one.offset for one in read) == COUNT - 1


def _is_compacted(helper: RemoteClient, topic: str) -> bool:
    """The active segment is left alone, and so is what was not yet old enough."""
    reader = helper.reader(topic, {0: 0})
    read = poll_until([reader], _is_whole)
    reader.close()
    return len(read) < COUNT / 2
