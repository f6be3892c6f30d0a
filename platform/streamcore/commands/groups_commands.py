"""`groups`: list, describe with lag, reset offsets, delete; of any Kafka cluster."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer

from streamcore.commands.options import (
    DEFAULT_BOOTSTRAP_SERVERS,
    AsJson,
    BootstrapServers,
    CommandConfig,
)
from streamcore.commands.texts import fail, print_json, print_line, print_rows

groups_app = typer.Typer(
    help="Consumer groups: list, describe, reset offsets, delete.", no_args_is_help=True
)
GroupName = Annotated[str, typer.Argument(metavar="GROUP")]
Places = dict[tuple[str, int], int]


@groups_app.command("list")
def list_groups(
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    as_json: AsJson = False,
) -> None:
    """List all groups with their state."""
    from streamcore.commands.cluster import admin_client, result_of

    admin = admin_client(bootstrap_servers, command_config)
    listed = result_of(admin.list_consumer_groups(), "groups")
    rows = [
        {"group": group.group_id, "state": group.state.name.lower() if group.state else None}
        for group in sorted(listed.valid, key=lambda group: group.group_id)
    ]
    print_rows(rows, columns=("group", "state"), as_json=as_json)


@groups_app.command("describe")
def describe_group(
    group: GroupName,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    as_json: AsJson = False,
) -> None:
    """Show who reads what: committed offset, end of the log and lag of every partition."""
    from streamcore.commands.cluster import admin_client, result_of, the_only

    admin = admin_client(bootstrap_servers, command_config)
    described = result_of(the_only(admin.describe_consumer_groups([group])), group)
    owners = _owners(described)
    committed = _committed(admin, group)
    state = described.state.name.lower()
    if state == "dead":  # Kafka's way to say that nobody knows it
        fail(f"no group {group!r} at {bootstrap_servers}")
    rows = _lag_rows(admin, committed, owners)
    if as_json:
        print_json({"group": group, "state": state, "partitions": rows})
        return
    print_line(f"{group}: {state}, {len(described.members)} members")
    columns = ("topic", "partition", "committed", "end_offset", "lag", "client", "host")
    print_rows(rows, columns=columns, as_json=False)


def _owners(described: Any) -> dict[tuple[str, int], dict[str, str]]:
    return {
        (place.topic, place.partition): {
            "member": member.member_id,
            "client": member.client_id,
            "host": member.host,
        }
        for member in described.members
        for place in (member.assignment.topic_partitions if member.assignment else ())
    }


def _committed(admin: Any, group: str) -> Places:
    from confluent_kafka import ConsumerGroupTopicPartitions

    from streamcore.commands.cluster import result_of, the_only

    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
    offsets = result_of(the_only(asked), f"offsets of {group}")
    return {(p.topic, p.partition): p.offset for p in offsets.topic_partitions if p.offset >= 0}


def _lag_rows(
    admin: Any, committed: Places, owners: Mapping[tuple[str, int], Mapping[str, str]]
) -> list[dict[str, Any]]:
    from streamcore.commands.cluster import admin_api

    places = sorted({*committed, *owners})
    ends = _offsets(admin, {place: admin_api.OffsetSpec.latest() for place in places})
    rows = []
    for topic, partition in places:
        place = (topic, partition)
        next_offset = committed.get(place)
        row = {
            "topic": topic,
            "partition": partition,
            "committed": next_offset,
            "end_offset": ends[place],
            "lag": None if next_offset is None else max(0, ends[place] - next_offset),
        }
        rows.append({**row, **owners.get(place, {})})
    return rows


def _offsets(admin: Any, asked: Mapping[tuple[str, int], Any]) -> Places:
    from confluent_kafka import TopicPartition

    from streamcore.commands.cluster import result_of

    if not asked:
        return {}
    futures = admin.list_offsets({TopicPartition(*place): spec for place, spec in asked.items()})
    return {
        (place.topic, place.partition): result_of(future, f"offsets of {place.topic}").offset
        for place, future in futures.items()
    }


@groups_app.command("reset-offsets")
def reset_offsets(
    group: GroupName,
    topic: Annotated[str, typer.Option("--topic", help="The topic to read again.")],
    to: Annotated[
        str, typer.Option("--to", help="earliest, latest, an offset, or a time: 2026-05-01T08:00Z.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the new offsets.")] = False,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    as_json: AsJson = False,
) -> None:
    """Set where a group without members reads next."""
    from streamcore.commands.cluster import TIMEOUT_S, admin_client

    admin = admin_client(bootstrap_servers, command_config)
    found = admin.list_topics(timeout=TIMEOUT_S).topics.get(topic)
    if found is None or found.error is not None:
        fail(f"no topic {topic!r} at {bootstrap_servers}")
    before = _committed(admin, group)
    after = _wanted_offsets(admin, [(topic, number) for number in sorted(found.partitions)], to)
    if not dry_run:
        _commit(admin, group, after)
    rows = [
        {"topic": place[0], "partition": place[1], "before": before.get(place), "after": offset}
        for place, offset in after.items()
    ]
    print_rows(rows, columns=("topic", "partition", "before", "after"), as_json=as_json)


def _wanted_offsets(admin: Any, places: list[tuple[str, int]], to: str) -> Places:
    """Never outside of what a partition holds, so that the group does not start with an error."""
    from streamcore.commands.cluster import admin_api

    starts = _offsets(admin, dict.fromkeys(places, admin_api.OffsetSpec.earliest()))
    ends = _offsets(admin, dict.fromkeys(places, admin_api.OffsetSpec.latest()))
    if to == "earliest":
        return starts
    if to == "latest":
        return ends
    if to.isdecimal():
        return {place: min(max(int(to), starts[place]), ends[place]) for place in places}
    spec = admin_api.OffsetSpec.for_timestamp(_unix_ms(to))
    at_time = _offsets(admin, dict.fromkeys(places, spec))
    return {place: at_time[place] if at_time[place] >= 0 else ends[place] for place in places}


def _unix_ms(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        fail(f"--to {text!r} is neither earliest nor latest, an offset or an ISO 8601 time")


def _commit(admin: Any, group: str, offsets: Places) -> None:
    from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

    from streamcore.commands.cluster import result_of, the_only

    partitions = [TopicPartition(*place, offset) for place, offset in offsets.items()]
    asked = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, partitions)])
    answered = result_of(the_only(asked), f"offsets of {group}")
    for partition in answered.topic_partitions:
        if partition.error is not None:
            where = f"{partition.topic}-{partition.partition}"
            fail(f"offsets of {group}, {where}: {partition.error.str()}; does it have members?")


@groups_app.command("delete")
def delete_group(
    group: GroupName,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
) -> None:
    """Delete a group without members, with its offsets."""
    from streamcore.commands.cluster import admin_client, result_of, the_only

    admin = admin_client(bootstrap_servers, command_config)
    result_of(the_only(admin.delete_consumer_groups([group])), group)
    print_line(f"deleted {group}")
