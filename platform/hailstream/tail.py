"""`hailstream tail TOPIC`: a topic as JSON lines, our packed formats decoded."""

import asyncio
import base64
import signal
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import numpy as np
import orjson
import typer
import uvloop

from groundwork.real.clocks import SystemClock
from rideflow.contracts.pings import PING
from rideflow.contracts.positions import FRAME_HEADER, FRAME_HEADER_SIZE, FRAME_MAGIC, POSITION
from rideflow.contracts.topics import DRIVER_BACKLOG, DRIVER_PINGS, DRIVER_POSITIONS
from streamcore.client import connect
from streamcore.client.api import (
    InRecord,
    LogError,
    LogSettings,
    RecordBatch,
    StartAt,
    Subscription,
    TopicName,
)
from streamcore.commands.options import CommandConfig

app = typer.Typer()

Json = dict[str, Any]


@app.command("tail")
def tail(
    topic: Annotated[str, typer.Argument(help="A topic of the log, such as driver.pings.")],
    bootstrap_servers: Annotated[str, typer.Option(help="HOST:PORT.")] = "127.0.0.1:9092",
    command_config: CommandConfig = None,
    from_beginning: Annotated[bool, typer.Option(help="Not only what comes from now on.")] = False,
    count: Annotated[int | None, typer.Option("--count", "-n", help="Stop after so many.")] = None,
    key: Annotated[str | None, typer.Option(help="Only records with this key.")] = None,
) -> None:
    """Print the records of a topic as JSON lines, until Ctrl-C or --count."""
    settings = LogSettings(
        bootstrap_servers=bootstrap_servers,
        client_id="tail",
        connect_timeout_ms=5_000,
        client_config=str(command_config or ""),
    )
    start = StartAt.EARLIEST if from_beginning else StartAt.LATEST
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_tail(settings, TopicName(topic), start, count, key))
    except LogError as error:
        typer.echo(f"hailstream tail: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read us has seen enough: `hailstream tail driver.pings | head`.
        sys.stderr.close()


async def _tail(
    settings: LogSettings, topic: TopicName, start: StartAt, count: int | None, key: str | None
) -> None:
    log = await connect(settings, SystemClock())
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    try:
        await log.admin.partition_count(topic)  # an unknown topic is an error, not silence
        consumer = await log.consumer(Subscription(topics={topic: None}, start=start))
        printed = 0
        while not stopping.is_set() and (count is None or printed < count):
            for batch in await consumer.poll():
                assert isinstance(batch, RecordBatch), "asked for without a shape"
                for line in _lines(topic, batch, key):
                    if count is None or printed < count:
                        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
                        printed += 1
            sys.stdout.flush()
        await consumer.close()
    finally:
        await log.close()


def _lines(topic: TopicName, batch: RecordBatch, key: str | None) -> Iterator[Json]:
    for record in batch.records:
        shown = as_json(topic, record)
        if key is None or shown["key"] == key:
            yield {"partition": batch.partition, **shown}


def as_json(topic: str, record: InRecord) -> Json:
    """A record for a person: key as text, value decoded by what the topic holds."""
    line: Json = {
        "offset": record.offset,
        "timestamp_ms": record.timestamp_ms,
        "key": None if record.key is None else _text(record.key),
        "value": None if record.value is None else _value(topic, record.value),
    }
    if record.headers:
        line["headers"] = {name: _text(value) for name, value in record.headers}
    return line


def _value(topic: str, value: bytes) -> Any:
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
        return _text(value)


def rows_as_json(rows: "np.ndarray[Any, np.dtype[Any]]") -> list[Json]:
    """Packed rows as objects; degrees instead of their ten-millionths."""
    names = rows.dtype.names or ()
    columns = {name: rows[name].tolist() for name in names if name != "reserved"}
    for name in ("lat", "lon"):
        if f"{name}_e7" in columns:
            columns[name] = [round(e7 / 1e7, 7) for e7 in columns.pop(f"{name}_e7")]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(data).decode()
