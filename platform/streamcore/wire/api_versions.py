"""ApiVersions (key 18), versions 0 to 4: what a broker answers to."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from streamcore.wire.reading import WireReader
from streamcore.wire.writing import WireWriter

FLEXIBLE_FROM = 3

# KIP-511's rule for the name and version of a client's software.
SOFTWARE_PATTERN = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")


class ApiRange(NamedTuple):
    """The versions of one API that a broker answers to, both ends included."""

    api_key: int
    min_version: int
    max_version: int


class ClientSoftware(NamedTuple):
    """What a client says it is; empty before version 3."""

    name: str
    version: str

    def is_legal(self) -> bool:
        return all(SOFTWARE_PATTERN.fullmatch(text) for text in self)


def decode_request(body: memoryview, version: int) -> ClientSoftware | None:
    """Read a request; None where the version says nothing. Raises `Malformed`."""
    if version < FLEXIBLE_FROM:
        return None
    reader = WireReader(body, flexible=True)
    software = ClientSoftware(reader.string(), reader.string())
    reader.skip_tags()
    return software


def encode_response(ranges: Sequence[ApiRange], version: int, *, error: int) -> bytes:
    """Write the response."""
    writer = WireWriter(flexible=version >= FLEXIBLE_FROM)
    writer.int16(error)
    writer.array_size(len(ranges))
    for api_range in ranges:
        for number in api_range:
            writer.int16(number)
        writer.end_of_struct()
    if version >= 1:
        writer.int32(0)  # not throttled
    writer.end_of_struct()
    return writer.done()
