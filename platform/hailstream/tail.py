"""`hailstream tail TOPIC`: a topic as JSON lines, our packed formats decoded."""

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any, Final

import typer

from streamcore.commands.moments import FORMS, unix_ms
from streamcore.commands.options import (
    DEFAULT_BOOTSTRAP_SERVERS,
    BootstrapServers,
    CommandConfig,
    TopicName,
)
from streamcore.commands.texts import fail

app = typer.Typer(add_completion=False)

MESSAGES_MAX: Final = 500
# How long a signal, or a reader that has gone, may go unnoticed.
POLL_S: Final = 0.2
Places = dict[tuple[str, int], int]


@app.command(
    "tail",
    epilog="Examples: hailstream tail driver.pings -n 3 · hailstream tail ride.events --since 15m"
    " --key 42 · hailstream tail driver.states --from earliest --follow",
)
def tail(
    topic: TopicName,
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="PLACE", help="earliest, latest, or an offset."),
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help=f"From {FORMS}.")] = None,
    last: Annotated[
        int | None, typer.Option("--last", min=1, help="The last so many of each partition.")
    ] = None,
    partition: Annotated[
        list[int] | None,
        typer.Option("--partition", "-p", help="Only this one; may be given again."),
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", "-n", min=0, help="Stop after so many.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="Only records with this key.")] = None,
    headers: Annotated[bool, typer.Option("--headers", help="Show headers too.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes after the end.")
    ] = False,
    uncommitted: Annotated[
        bool,
        typer.Option("--uncommitted", help="Show records of open and aborted transactions too."),
    ] = False,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
) -> None:
    """Print the records of a topic as JSON lines.

    Without --from, --since or --last: what comes from now on, until Ctrl-C.

    With one of them: up to the end as it is now, or on and on with --follow.
    """
    from streamcore.commands.cluster import Cluster

    if sum(option is not None for option in (start, since, last)) > 1:
        fail("give one of --from, --since and --last")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cluster = Cluster(bootstrap_servers, command_config)
    starts = _starts(cluster, topic, partition, start=start, since=since, last=last)
    stops = not follow and (start, since, last) != (None, None, None)
    records = _records(cluster, starts, stops_at_end=stops, uncommitted=uncommitted)
    lines = _lines(topic, records, key=key, with_headers=headers)
    with suppress(KeyboardInterrupt):
        try:
            _print(lines, count)
        except BrokenPipeError:
            # Whoever read us has seen enough: `hailstream tail driver.pings | head`.
            sys.stderr.close()


def _starts(
    cluster: Any,
    topic: str,
    partitions: list[int] | None,
    *,
    start: str | None,
    since: str | None,
    last: int | None,
) -> Places:
    """The offset at which each partition is begun."""
    from groundwork.real.clocks import SystemClock
    from streamcore.commands.cluster import admin_api

    known = sorted(cluster.partitions_of(topic))
    for number in partitions or ():
        if number not in known:
            fail(f"{topic} has no partition {number}; it has {len(known)}")
    begins, ends = cluster.bounds([(topic, number) for number in sorted(partitions or known)])
    if since is not None:
        when = unix_ms(since, "--since", now_ms=SystemClock().now_ms())
        found = cluster.offsets(dict.fromkeys(begins, admin_api.OffsetSpec.for_timestamp(when)))
        return {place: found[place] if found[place] >= 0 else ends[place] for place in begins}
    if last is not None:
        return {place: max(begins[place], ends[place] - last) for place in begins}
    if start is None or start == "latest":
        return dict(ends)
    if start == "earliest":
        return dict(begins)
    if not start.isdecimal():
        fail(f"--from {start!r} is neither earliest, latest nor an offset")
    return {place: min(max(int(start), begins[place]), ends[place]) for place in begins}


def _records(
    cluster: Any, starts: Mapping[tuple[str, int], int], *, stops_at_end: bool, uncommitted: bool
) -> Iterator[list[Any]]:
    """Yield messages as they come, some at a time, none when it was quiet."""
    from confluent_kafka import KafkaError, TopicPartition

    unread = set(starts)
    settings = {
        "enable.partition.eof": True,
        "isolation.level": "read_uncommitted" if uncommitted else "read_committed",
        # Records may be deleted between the question and the reading.
        "auto.offset.reset": "earliest",
    }
    with cluster.consumer(**settings) as consumer:
        consumer.assign([TopicPartition(*place, offset) for place, offset in starts.items()])
        while unread or not stops_at_end:
            with cluster.failures_as_sentences("reading"):
                messages = consumer.consume(MESSAGES_MAX, POLL_S)
            for message in messages:
                error = message.error()
                if error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
                    unread.discard((message.topic(), message.partition()))
                elif error is not None and error.fatal():
                    fail(f"reading: {error.str()}")
            yield [message for message in messages if message.error() is None]


def _lines(
    topic: str, records: Iterator[list[Any]], *, key: str | None, with_headers: bool
) -> Iterator[list[dict[str, Any]]]:
    from hailstream.decoding import text_of, value_as_json

    for messages in records:
        lines = []
        for message in messages:
            shown = None if message.key() is None else text_of(message.key())
            if key is not None and shown != key:
                continue
            value = message.value()
            line = {
                "partition": message.partition(),
                "offset": message.offset(),
                "timestamp_ms": message.timestamp()[1],
                "key": shown,
                "value": None if value is None else value_as_json(topic, value),
            }
            if with_headers:
                line["headers"] = {
                    name: None if content is None else text_of(content)
                    for name, content in message.headers() or ()
                }
            lines.append(line)
        yield lines


def _print(some_lines: Iterator[list[dict[str, Any]]], count: int | None) -> None:
    import orjson

    left = sys.maxsize if count is None else count
    while left > 0:
        lines = next(some_lines, None)
        if lines is None:
            return
        for line in lines[:left]:
            sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
        sys.stdout.flush()
        left -= len(lines)
