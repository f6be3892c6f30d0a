"""JSON lines between the suite and a client: `{"call", "on", "with"}` in, `{"gave"}` or
`{"refused", "why"}` out.

A call is a method of `protocol.Client`, or, with `on`, of the member, reader or producer that
an earlier call gave as `{"handle": n}`. Bytes are base64; a mapping of partitions is a list of
pairs, because JSON has no numbers for keys.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.clients.protocol import Read, Sent


def text_of(data: bytes | None) -> str | None:
    return None if data is None else b64encode(data).decode()


def bytes_of(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)


def record_out(record: Sent) -> dict[str, Any]:
    return {
        "key": text_of(record.key),
        "value": text_of(record.value),
        "time": record.timestamp_ms,
        "headers": [[name, text_of(value)] for name, value in record.headers],
    }


def record_in(told: Mapping[str, Any]) -> Sent:
    return Sent(
        key=bytes_of(told["key"]),
        value=bytes_of(told["value"]),
        timestamp_ms=told["time"],
        headers=tuple((name, bytes_of(value) or b"") for name, value in told["headers"]),
    )


def read_out(read: Read) -> dict[str, Any]:
    return {"partition": read.partition, "offset": read.offset, **record_out(read.sent)}


def read_in(told: Mapping[str, Any]) -> Read:
    return Read(partition=told["partition"], offset=told["offset"], sent=record_in(told))


def pairs_out(mapping: Mapping[int, Any]) -> list[list[Any]]:
    return [[number, value] for number, value in mapping.items()]


def pairs_in(pairs: Sequence[Sequence[Any]]) -> dict[int, Any]:
    return {pair[0]: pair[1] for pair in pairs}
