"""Records on their way through the log: nothing is lost of them, whatever they are wrapped in."""

import random

import pytest

from tests.interop.scene import START_MS, contents, numbered, read_all, values, values_of
from tests.support.clients.protocol import Refused, Sent
from tests.support.clients.remote import RemoteClient
from tests.support.raw_log import batches_of

pytestmark = pytest.mark.interop

HEADERS = (("source", b"interop"), ("empty", b""))


@pytest.mark.feature("records")
def test_keys_headers_and_null_values_come_back_as_they_were(
    client: RemoteClient, client_name: str, helper: RemoteClient, name: str
) -> None:
    sent = [
        Sent(key=b"k", value=b"v", timestamp_ms=START_MS, headers=HEADERS),
        Sent(key=None, value=b"no key", timestamp_ms=START_MS + 1),
        Sent(key=b"gone", value=None, timestamp_ms=START_MS + 2),
        Sent(key=b"long", value=b"x" * 100_000, timestamp_ms=START_MS + 3),
    ]
    helper.create_topic(name)
    client.produce(name, sent)
    for reader in (helper, client):
        read = read_all([reader.reader(name, {0: 0})], len(sent))
        told = [one.sent for one in sorted(read, key=lambda one: one.offset)]
        assert contents(told, client_name) == contents(sent, client_name)
        assert sorted(one.offset for one in read) == [0, 1, 2, 3]


@pytest.mark.feature("acks")
def test_records_arrive_with_every_kind_of_acknowledgement(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name)
    for number, acks in enumerate((0, 1, -1)):
        client.produce(name, numbered(20, first=20 * number), acks=acks)
        # One that was not acknowledged may still be under way.
        read_all([helper.reader(name, {0: 20 * number})], 20)
    read = read_all([client.reader(name, {0: 0})], 60)
    assert values(read) == values_of(numbered(60))


def compressed(client: RemoteClient, helper: RemoteClient, name: str, codec: str) -> None:
    helper.create_topic(name)
    sent = numbered(300)
    client.produce(name, sent, codec=codec)
    assert codec in {batch.codec for batch in batches_of(helper.cluster().brokers[0], name)}
    read = read_all([helper.reader(name, {0: 0})], len(sent))
    assert values(read) == values_of(sent)
    other = numbered(300, first=300)
    helper.produce(name, other, codec=codec)
    again = read_all([client.reader(name, {0: len(sent)})], len(other))
    assert values(again) == values_of(other)


@pytest.mark.feature("gzip")
def test_gzip_passes_unharmed(client: RemoteClient, helper: RemoteClient, name: str) -> None:
    compressed(client, helper, name, "gzip")


@pytest.mark.feature("snappy")
def test_snappy_passes_unharmed(client: RemoteClient, helper: RemoteClient, name: str) -> None:
    compressed(client, helper, name, "snappy")


@pytest.mark.feature("lz4")
def test_lz4_passes_unharmed(client: RemoteClient, helper: RemoteClient, name: str) -> None:
    compressed(client, helper, name, "lz4")


@pytest.mark.feature("zstd")
def test_zstd_passes_unharmed(client: RemoteClient, helper: RemoteClient, name: str) -> None:
    compressed(client, helper, name, "zstd")


@pytest.mark.feature("large-messages")
def test_a_message_may_be_as_large_as_its_topic_says(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name, configs={"max.message.bytes": "3000000"})
    # Text that does not compress, without line ends: kcat takes lines.
    large = random.Random(7).randbytes(1_300_000).hex().encode()
    client.produce(name, [Sent(key=b"large", value=large, timestamp_ms=START_MS)])
    (read,) = read_all([client.reader(name, {0: 0})], 1)
    assert read.sent.value == large
    with pytest.raises(Refused, match="MESSAGE_TOO_LARGE"):
        client.produce(name, [Sent(key=b"k", value=large + large, timestamp_ms=START_MS)])
    client.produce(name, [Sent(key=b"after", value=b"it", timestamp_ms=START_MS)])
    assert values(read_all([client.reader(name, {0: 1})], 1)) == [b"it"]


@pytest.mark.feature("idempotence")
def test_an_idempotent_producer_numbers_its_batches_without_a_gap(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name)
    client.produce(name, numbered(500), idempotent=True)
    batches = batches_of(helper.cluster().brokers[0], name)
    (first, *_) = batches
    assert first.producer_id >= 0
    expected = 0
    for batch in batches:
        assert (batch.producer_id, batch.producer_epoch) == (first.producer_id, 0)
        assert batch.base_sequence == expected
        expected += batch.record_count
    assert expected == 500


@pytest.mark.feature("seek")
def test_a_reader_starts_where_it_is_told_and_moves_to_and_fro(
    client: RemoteClient, helper: RemoteClient, name: str
) -> None:
    helper.create_topic(name)
    helper.produce(name, numbered(100))
    reader = client.reader(name, {0: 90})
    assert {one.offset for one in read_all([reader], 10)} == set(range(90, 100))
    reader.seek(0, 20)
    assert [one.offset for one in read_all([reader], 80)][:3] == [20, 21, 22]
