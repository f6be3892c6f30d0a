"""`topics trim`: deletes the oldest records of a topic."""

from typing import Annotated, Any

import typer

from streamcore.commands.moments import FORMS, moment
from streamcore.commands.options import (
    DEFAULT_BOOTSTRAP_SERVERS,
    AsJson,
    BootstrapServers,
    CommandConfig,
    DryRun,
    TopicName,
)
from streamcore.commands.texts import fail, print_rows

END = "end"


def trim_topic(
    topic: TopicName,
    before: Annotated[
        str,
        typer.Option("--before", help=f"What is older goes: an offset, `{END}` (all), or {FORMS}."),
    ],
    partition: Annotated[
        list[int] | None,
        typer.Option("--partition", "-p", help="Only this one; may be given again."),
    ] = None,
    dry_run: DryRun = False,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    as_json: AsJson = False,
) -> None:
    """Delete the oldest records of a topic: they can never be read again."""
    from streamcore.commands.cluster import Cluster

    cluster = Cluster(bootstrap_servers, command_config)
    places = _places(cluster, topic, partition)
    starts, ends = cluster.bounds(places)
    wanted = _wanted(cluster, before, starts, ends)
    after = wanted if dry_run else _trimmed(cluster, wanted)
    rows = [
        {
            "partition": place[1],
            "start_offset": starts[place],
            "new_start_offset": max(after[place], starts[place]),
            "deleted": max(0, after[place] - starts[place]),
        }
        for place in places
    ]
    columns = ("partition", "start_offset", "new_start_offset", "deleted")
    print_rows(rows, columns=columns, as_json=as_json)


def _places(cluster: Any, topic: str, partitions: list[int] | None) -> list[tuple[str, int]]:
    known = sorted(cluster.partitions_of(topic))
    for number in partitions or ():
        if number not in known:
            fail(f"{topic} has no partition {number}; it has {len(known)}")
    return [(topic, number) for number in sorted(set(partitions or known))]


def _wanted(
    cluster: Any, before: str, starts: dict[tuple[str, int], int], ends: dict[tuple[str, int], int]
) -> dict[tuple[str, int], int]:
    from groundwork.real.clocks import SystemClock
    from streamcore.commands.cluster import admin_api

    if before == END:
        return ends
    if before.isdecimal():
        return {place: min(max(int(before), starts[place]), ends[place]) for place in starts}
    when = moment(before, now_ms=SystemClock().now_ms())
    if when is None:
        fail(f"--before {before!r} is neither an offset, {END}, nor {FORMS}")
    found = cluster.offsets(dict.fromkeys(starts, admin_api.OffsetSpec.for_timestamp(when)))
    return {place: found[place] if found[place] >= 0 else ends[place] for place in starts}


def _trimmed(cluster: Any, wanted: dict[tuple[str, int], int]) -> dict[tuple[str, int], int]:
    from confluent_kafka import TopicPartition

    from streamcore.commands.progress import progress

    asked = [TopicPartition(*place, offset) for place, offset in wanted.items()]
    after = {}
    with progress("deleting records", len(asked)) as advance:
        for place, future in cluster.admin.delete_records(asked).items():
            deleted = cluster.result_of(future, f"{place.topic}-{place.partition}")
            after[place.topic, place.partition] = deleted.low_watermark
            advance(1)
    return after
