"""`groups`: list, describe with lag, reset and delete offsets, delete; of any Kafka cluster."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from streamcore.commands.completion import group_names
from streamcore.commands.groups_offsets import committed_offsets, delete_offsets, reset_offsets
from streamcore.commands.options import (
    DEFAULT_BOOTSTRAP_SERVERS,
    AsJson,
    BootstrapServers,
    CommandConfig,
    GroupName,
)
from streamcore.commands.texts import Row, print_json, print_line, print_rows

groups_app = typer.Typer(
    help="Consumer groups: list, describe, reset or delete offsets, delete.", no_args_is_help=True
)
GroupNames = Annotated[list[str], typer.Argument(metavar="GROUP...", autocompletion=group_names)]

PARTITION_COLUMNS = ("topic", "partition", "committed", "end_offset", "lag", "client", "host")
MEMBER_COLUMNS = ("member", "client", "host", "partitions")
NO_SUCH_GROUP = "dead"  # Kafka's way to say that nobody knows a group


@groups_app.command("list", epilog="Example: hailstream groups list --state stable")
def list_groups(
    state: Annotated[
        str | None,
        typer.Option("--state", help="Only groups in this state: stable, empty, dead, ..."),
    ] = None,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    as_json: AsJson = False,
) -> None:
    """List all groups with their state."""
    from streamcore.commands.cluster import Cluster

    cluster = Cluster(bootstrap_servers, command_config)
    listed = cluster.result_of(cluster.admin.list_consumer_groups(), "groups")
    rows = [
        {"group": group.group_id, "state": group.state.name.lower() if group.state else None}
        for group in sorted(listed.valid, key=lambda group: group.group_id)
    ]
    rows = [row for row in rows if state is None or row["state"] == state.lower()]
    print_rows(rows, columns=("group", "state"), as_json=as_json)


@groups_app.command("describe", epilog="Example: hailstream groups describe positions --members")
def describe_group(
    group: GroupName,
    with_members: Annotated[
        bool, typer.Option("--members", help="Show who is in it, and what each reads.")
    ] = False,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    as_json: AsJson = False,
) -> None:
    """Show who reads what: committed offset, end of the log and lag of every partition."""
    from streamcore.commands.cluster import Cluster

    cluster = Cluster(bootstrap_servers, command_config)
    described = known_group(cluster, group)
    members = [_member_row(member) for member in described.members]
    rows = _lag_rows(cluster, committed_offsets(cluster, group), members)
    lag = sum(row["lag"] or 0 for row in rows)
    state = described.state.name.lower()
    if as_json:
        told = {"group": group, "state": state, "assignor": described.partition_assignor or None}
        print_json({**told, "lag": lag, "members": members, "partitions": rows})
        return
    assignor = f", {described.partition_assignor}" if described.partition_assignor else ""
    print_line(f"{group}: {state}, {len(members)} members{assignor}, lag {lag}")
    print_rows(rows, columns=PARTITION_COLUMNS, as_json=False)
    if with_members:
        print_line("")
        shown = [member | {"partitions": _shown(member["partitions"])} for member in members]
        print_rows(shown, columns=MEMBER_COLUMNS, as_json=False)


def known_group(cluster: Any, group: str) -> Any:
    """A group as librdkafka describes it; ends the command where there is none."""
    from streamcore.commands.cluster import the_only

    asked = cluster.admin.describe_consumer_groups([group])
    described = cluster.result_of(the_only(asked), group)
    if described.state.name.lower() == NO_SUCH_GROUP:
        listed = cluster.result_of(cluster.admin.list_consumer_groups(), "groups")
        cluster.fail_unknown("group", group, [found.group_id for found in listed.valid])
    return described


def _member_row(member: Any) -> dict[str, Any]:
    places = member.assignment.topic_partitions if member.assignment else ()
    partitions: dict[str, list[int]] = {}
    for place in sorted(places, key=lambda place: (place.topic, place.partition)):
        partitions.setdefault(place.topic, []).append(place.partition)
    return {
        "member": member.member_id,
        "instance": member.group_instance_id,
        "client": member.client_id,
        "host": member.host,
        "partitions": partitions,
    }


def _shown(partitions: Mapping[str, Sequence[int]]) -> str:
    return " ".join(
        f"{topic}:{','.join(map(str, numbers))}" for topic, numbers in partitions.items()
    )


def _lag_rows(
    cluster: Any, committed: Mapping[tuple[str, int], int], members: Sequence[Row]
) -> list[dict[str, Any]]:
    from streamcore.commands.cluster import admin_api

    owners = {
        (topic, number): {name: member[name] for name in ("member", "client", "host")}
        for member in members
        for topic, numbers in member["partitions"].items()
        for number in numbers
    }
    known = cluster.topics()
    places = sorted(place for place in {*committed, *owners} if place[0] in known)
    ends = cluster.offsets(dict.fromkeys(places, admin_api.OffsetSpec.latest()))
    rows = []
    for place in places:
        next_offset = committed.get(place)
        row = {
            "topic": place[0],
            "partition": place[1],
            "committed": next_offset,
            "end_offset": ends[place],
            "lag": None if next_offset is None else max(0, ends[place] - next_offset),
        }
        rows.append({**row, **owners.get(place, {})})
    return rows


groups_app.command(
    "reset-offsets",
    epilog="Example: hailstream groups reset-offsets positions --topic driver.pings --to 15m",
)(reset_offsets)
groups_app.command(
    "delete-offsets",
    epilog="Example: hailstream groups delete-offsets positions --topic driver.pings",
)(delete_offsets)


@groups_app.command("delete", epilog="Example: hailstream groups delete readers")
def delete_groups(
    groups: GroupNames,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    as_json: AsJson = False,
) -> None:
    """Delete groups without members, with their offsets."""
    from streamcore.commands.cluster import Cluster

    cluster = Cluster(bootstrap_servers, command_config)
    for group, future in cluster.admin.delete_consumer_groups(list(groups)).items():
        cluster.result_of(future, group)
    if as_json:
        print_json({"deleted": list(groups)})
    else:
        print_line(f"deleted {', '.join(groups)}")
