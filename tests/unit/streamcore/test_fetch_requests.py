"""Fetch requests are read alike with and without tagged fields."""

from struct import pack

import pytest

from streamcore.wire.fetch import WantedTopic, decode_request
from streamcore.wire.reading import Malformed

TOPIC_ID = bytes(range(16))
ROWS = [(0, -1, 5, 1000), (3, 2, 1 << 40, 0)]


def request_v16(tags: list[bytes]) -> bytes:
    body = pack(">iiibii", 500, 1, 1 << 20, 0, 0, -1) + b"\x02" + TOPIC_ID
    body += bytes([len(ROWS) + 1])
    for (number, epoch, offset, bytes_max), tagged in zip(ROWS, tags, strict=True):
        body += pack(">iiqiqi", number, epoch, offset, -1, -1, bytes_max) + tagged
    return body + b"\x00" + b"\x01\x01\x00"


@pytest.mark.parametrize(
    "tags",
    [[b"\0", b"\0"], [b"\x01\x07\x02hi", b"\0"], [b"\0", b"\x01\x07\x00"]],
    ids=["none", "first", "last"],
)
def test_tagged_fields_of_a_partition_are_passed_over(tags: list[bytes]) -> None:
    body = request_v16(tags)
    assert decode_request(memoryview(body), 16).topics == [WantedTopic(TOPIC_ID, ROWS)]
    for size in range(len(body) - len(b"\x00\x01\x01\x00")):
        with pytest.raises(Malformed):
            decode_request(memoryview(body[:size]), 16)
