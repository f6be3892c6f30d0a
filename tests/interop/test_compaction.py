"""Compacted topics: the newest record of each key, however many gaps stand between."""

from collections.abc import Iterator

import pytest

from tests.interop.scene import START_MS, becomes_true, read_all
from tests.support.clients.remote import RemoteClient
from tests.support.kafka_clients import Refused, Sent

pytestmark = pytest.mark.interop

KEYS = 5
ROUNDS = 20
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
    with pytest.raises(Refused, match="INVALID_RECORD"):
        client.produce(compacted, [Sent(key=None, value=b"no key", timestamp_ms=START_MS)])
    last = KEYS * (ROUNDS - 1)
    read = read_all([client.reader(compacted, {0: 0})], KEYS)
    found = {one.sent.key: (one.offset, one.sent.value) for one in read}
    assert found == {
        b"key-%d" % number: (last + number, b"value-%d" % (last + number))
        for number in range(KEYS)
    }
    assert helper.offsets_at(compacted, 1, START_MS) == {0: last}


@pytest.fixture(scope="session")
def compacted_topics() -> dict[str, str]:
    """The topic of each broker: compacting takes its time, so it is done once."""
    return {}


@pytest.fixture
def compacted(
    helper: RemoteClient, address: str, name: str, compacted_topics: dict[str, str]
) -> Iterator[str]:
    if address not in compacted_topics:
        compacted_topics[address] = name
        helper.create_topic(name, configs=COMPACTED)
        for number in range(KEYS * ROUNDS):
            record = Sent(
                key=b"key-%d" % (number % KEYS),
                value=b"value-%d" % number,
                timestamp_ms=START_MS + number,
            )
            helper.produce(name, [record])
        becomes_true(lambda: _is_compacted(helper, name), "compaction")
    yield compacted_topics[address]


def _is_compacted(helper: RemoteClient, topic: str) -> bool:
    """The active segment is left alone: a record more makes an old one of it."""
    reader = helper.reader(topic, {0: 0})
    read = read_all([reader], KEYS)
    reader.close()
    return min(one.offset for one in read) >= KEYS * (ROUNDS - 1)
