"""`groups reset-offsets` and `delete-offsets`: where a group without members reads next."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from streamcore.commands.completion import topic_names
from streamcore.commands.moments import FORMS, moment
from streamcore.commands.options import (
    DEFAULT_BOOTSTRAP_SERVERS,
    AsJson,
    BootstrapServers,
    CommandConfig,
    DryRun,
    GroupName,
)
from streamcore.commands.texts import fail, print_rows

Places = dict[tuple[str, int], int]
"""An offset for each partition: topic and number."""

Topics = Annotated[
    list[str] | None,
    typer.Option(
        "--topic",
        metavar="TOPIC[:P,P...]",
        autocompletion=topic_names,
        help="A topic, or some of its partitions; may be given again.",
    ),
]
AllTopics = Annotated[bool, typer.Option("--all-topics", help="All that the group has offsets of.")]


def reset_offsets(
    group: GroupName,
    topic: Topics = None,
    all_topics: AllTopics = False,
    to: Annotated[
        str | None, typer.Option("--to", help=f"earliest, latest, an offset, or {FORMS}.")
    ] = None,
    by: Annotated[
        int | None, typer.Option("--by", help="So many records on, or back where negative.")
    ] = None,
    dry_run: DryRun = False,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    as_json: AsJson = False,
) -> None:
    """Set where a group without members reads next."""
    from streamcore.commands.cluster import Cluster

    if (to is None) == (by is None):
        fail("give either --to or --by")
    cluster = Cluster(bootstrap_servers, command_config)
    before = committed_offsets(cluster, group)
    places = _places(cluster, before, topic, all_topics=all_topics)
    starts, ends = cluster.bounds(places)
    if to is not None:
        wanted = _offsets_at(cluster, to, starts, ends)
    else:
        assert by is not None, "one of the two is given"
        wanted = {place: before.get(place, starts[place]) + by for place in places}
    # Never outside of what a partition holds, so that the group does not start with an error.
    after = {place: min(max(wanted[place], starts[place]), ends[place]) for place in places}
    if not dry_run:
        _commit(cluster, group, after)
    rows = [
        {"topic": place[0], "partition": place[1], "before": before.get(place), "after": offset}
        for place, offset in after.items()
    ]
    print_rows(rows, columns=("topic", "partition", "before", "after"), as_json=as_json)


def committed_offsets(cluster: Any, group: str) -> Places:
    """Where a group reads next, of every partition that it has committed."""
    from confluent_kafka import ConsumerGroupTopicPartitions

    from streamcore.commands.cluster import the_only

    asked = cluster.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
    offsets = cluster.result_of(the_only(asked), f"offsets of {group}")
    return {(p.topic, p.partition): p.offset for p in offsets.topic_partitions if p.offset >= 0}


def _places(
    cluster: Any, committed: Places, topics: list[str] | None, *, all_topics: bool
) -> list[tuple[str, int]]:
    if bool(topics) == all_topics:
        fail("say which topics: --topic TOPIC, or --all-topics")
    if all_topics:
        if not committed:
            fail("the group has no offsets")
        return sorted(committed)
    places = []
    for text in topics or ():
        name, _, numbers = text.partition(":")
        known = cluster.partitions_of(name)
        for number in numbers.split(",") if numbers else sorted(known):
            if not str(number).isdecimal() or int(number) not in known:
                fail(f"{name} has no partition {number}; it has {len(known)}")
            places.append((name, int(number)))
    return places


def _offsets_at(
    cluster: Any, to: str, starts: Mapping[tuple[str, int], int], ends: Places
) -> Mapping[tuple[str, int], int]:
    from groundwork.real.clocks import SystemClock
    from streamcore.commands.cluster import admin_api

    if to in ("earliest", "latest"):
        return starts if to == "earliest" else ends
    if to.isdecimal():
        return dict.fromkeys(starts, int(to))
    when = moment(to, now_ms=SystemClock().now_ms())
    if when is None:
        fail(f"--to {to!r} is neither earliest nor latest, an offset nor {FORMS}")
    found = cluster.offsets(dict.fromkeys(starts, admin_api.OffsetSpec.for_timestamp(when)))
    return {place: found[place] if found[place] >= 0 else ends[place] for place in starts}


def _commit(cluster: Any, group: str, offsets: Places) -> None:
    from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

    from streamcore.commands.cluster import the_only

    partitions = [TopicPartition(*place, offset) for place, offset in offsets.items()]
    asked = cluster.admin.alter_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(group, partitions)]
    )
    answered = cluster.result_of(the_only(asked), f"offsets of {group}")
    for partition in answered.topic_partitions:
        if partition.error is not None:
            where = f"{partition.topic}-{partition.partition}"
            fail(f"offsets of {group}, {where}: {partition.error.str()}; does it have members?")


def delete_offsets(
    group: GroupName,
    topic: Topics = None,
    all_topics: AllTopics = False,
    dry_run: DryRun = False,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    as_json: AsJson = False,
) -> None:
    """Let a group forget where it was: it begins anew where its members are told to."""
    from streamcore.commands.cluster import Cluster
    from streamcore.commands.offset_deletion import delete_committed

    cluster = Cluster(bootstrap_servers, command_config)
    before = committed_offsets(cluster, group)
    places = [
        place for place in _places(cluster, before, topic, all_topics=all_topics) if place in before
    ]
    if not dry_run and places:
        delete_committed(cluster, group, places)
    rows = [
        {"topic": place[0], "partition": place[1], "committed": before[place]} for place in places
    ]
    print_rows(rows, columns=("topic", "partition", "committed"), as_json=as_json)
