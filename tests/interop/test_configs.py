"""Configs of a topic: described, altered, and in force at once."""

import pytest

from groundwork.real.clocks import SystemClock
from tests.interop.scene import START_MS, becomes_true, numbered, read_all
from tests.support.clients.protocol import Refused, Sent
from tests.support.clients.remote import RemoteClient

pytestmark = pytest.mark.interop


@pytest.mark.feature("configs")
def test_configs_are_described_altered_and_take_effect(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    client.create_topic(name, configs={"retention.ms": "86400000"})
    told = client.configs(name)
    assert (told["retention.ms"], told["cleanup.policy"]) == ("86400000", "delete")
    client.alter_configs(name, {"max.message.bytes": "1000", "retention.ms": "86400000"})
    becomes_true(lambda: client.configs(name)["max.message.bytes"] == "1000", "the new config")
    assert client.configs(name)["retention.ms"] == "86400000"
    with pytest.raises(Refused, match="MESSAGE_TOO_LARGE"):
        helper.produce(name, [Sent(key=b"k", value=b"x" * 2000, timestamp_ms=START_MS)])
    with pytest.raises(Refused, match="INVALID_CONFIG"):
        client.alter_configs(name, {"retention.ms": "soon"})


@pytest.mark.feature("log-append-time")
def test_records_carry_the_time_of_the_broker_where_the_topic_says_so(
    client: RemoteClient, client_name: str, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name, configs={"message.timestamp.type": "LogAppendTime"})
    before_ms = SystemClock().now_ms()
    client.produce(name, numbered(10))
    after_ms = SystemClock().now_ms()
    for reader in (helper, client):
        read = read_all([reader.reader(name, {0: 0})], 10)
        assert all(before_ms <= one.sent.timestamp_ms <= after_ms for one in read), client_name
    assert client.offsets_at(name, 1, before_ms) == {0: 0}
