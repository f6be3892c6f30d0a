"""Records as JSON: values of our own topics unpacked, all else in the form that is read best."""

import base64
from typing import Any

import msgspec
import numpy as np

from rideflow.contracts.pings import PING
from rideflow.contracts.positions import FRAME_HEADER, FRAME_HEADER_SIZE, FRAME_MAGIC, POSITION
from rideflow.contracts.topics import DRIVER_BACKLOG, DRIVER_PINGS, DRIVER_POSITIONS

Json = dict[str, Any]


def value_as_json(topic: str, value: bytes) -> Any:
    """A record's value for a person, by what the topic holds."""
    if topic in (DRIVER_PINGS.name, DRIVER_BACKLOG.name) and len(value) == PING.itemsize:
        return rows_as_json(np.frombuffer(value, PING))[0]
    if topic == DRIVER_POSITIONS.name and len(value) >= FRAME_HEADER_SIZE:
        (header,) = np.frombuffer(value, FRAME_HEADER, count=1)
        if header["magic"] == FRAME_MAGIC:
            frame = rows_as_json(np.frombuffer(value, FRAME_HEADER, count=1))[0]
            rows = np.frombuffer(value, POSITION, offset=FRAME_HEADER_SIZE)
            return {**frame, "region": f"{frame['region']:x}", "positions": rows_as_json(rows)}
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return text_of(value)


def rows_as_json(rows: "np.ndarray[Any, np.dtype[Any]]") -> list[Json]:
    """Packed rows as objects; degrees instead of their ten-millionths."""
    names = rows.dtype.names or ()
    columns = {name: rows[name].tolist() for name in names if name != "reserved"}
    for name in ("lat", "lon"):
        if f"{name}_e7" in columns:
            columns[name] = [round(e7 / 1e7, 7) for e7 in columns.pop(f"{name}_e7")]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def text_of(data: bytes) -> str:
    """Text where it is text, else base64 that says so."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(data).decode()
