"""`topics create`, `alter`, `add-partitions`, `delete`: what changes topics."""

import sys
from typing import Annotated, Any

import typer

from streamcore.commands.completion import topic_names
from streamcore.commands.options import (
    DEFAULT_BOOTSTRAP_SERVERS,
    AsJson,
    BootstrapServers,
    CommandConfig,
    DryRun,
    TopicName,
)
from streamcore.commands.texts import fail, parse_assignments, print_json, print_line

NewName = Annotated[str, typer.Argument(metavar="TOPIC")]
TopicNames = Annotated[list[str], typer.Argument(metavar="TOPIC...", autocompletion=topic_names)]


def create_topic(
    topic: NewName,
    partitions: Annotated[
        int, typer.Option("--partitions", help="How many; -1 leaves it to the broker.")
    ] = -1,
    replication_factor: Annotated[
        int, typer.Option("--replication-factor", help="-1 leaves it to the broker.")
    ] = -1,
    config: Annotated[
        list[str] | None,
        typer.Option("--config", metavar="KEY=VALUE", help="A setting; may be given again."),
    ] = None,
    if_missing: Annotated[
        bool, typer.Option("--if-missing", help="A topic that exists is no error.")
    ] = False,
    dry_run: DryRun = False,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    as_json: AsJson = False,
) -> None:
    """Create a topic."""
    from streamcore.commands.cluster import Cluster, admin_api, the_only

    wanted = admin_api.NewTopic(
        topic,
        num_partitions=partitions,
        replication_factor=replication_factor,
        config=parse_assignments(config or [], "--config"),
    )
    cluster = Cluster(bootstrap_servers, command_config)
    is_new = not if_missing or topic not in cluster.topics()
    if is_new:
        asked = cluster.admin.create_topics([wanted], validate_only=dry_run)
        cluster.result_of(the_only(asked), topic)
    done = ("could be created" if dry_run else "created") if is_new else "is there already"
    _tell({"topic": topic, "created": is_new and not dry_run}, f"{topic} {done}", as_json=as_json)


def alter_topic(
    topic: TopicName,
    to_set: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A new value; may be given again."),
    ] = None,
    to_unset: Annotated[
        list[str] | None,
        typer.Option("--unset", metavar="KEY", help="Back to the default; may be given again."),
    ] = None,
    dry_run: DryRun = False,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    as_json: AsJson = False,
) -> None:
    """Change single settings of a topic; the others stay. They count at once."""
    from streamcore.commands.cluster import Cluster, admin_api, the_only

    new = parse_assignments(to_set or [], "--set")
    if not new and not to_unset:
        fail("nothing to change: give --set KEY=VALUE or --unset KEY")
    operation = admin_api.AlterConfigOpType
    entries = [_entry(name, value, operation.SET) for name, value in new.items()]
    entries += [_entry(name, None, operation.DELETE) for name in to_unset or []]
    resource = admin_api.ConfigResource(
        admin_api.ResourceType.TOPIC, topic, incremental_configs=entries
    )
    cluster = Cluster(bootstrap_servers, command_config)
    cluster.partitions_of(topic)  # an unknown topic is told with names near it
    asked = cluster.admin.incremental_alter_configs([resource], validate_only=dry_run)
    cluster.result_of(the_only(asked), topic)
    told = {"topic": topic, "set": new, "unset": to_unset or [], "altered": not dry_run}
    words = "could be altered" if dry_run else "altered"
    _tell(told, f"{topic} {words}", as_json=as_json)


def _entry(name: str, value: str | None, operation: Any) -> Any:
    from streamcore.commands.cluster import admin_api

    return admin_api.ConfigEntry(name, value, incremental_operation=operation)


def add_partitions(
    topic: TopicName,
    total: Annotated[int, typer.Option("--total", help="How many there are to be.")],
    dry_run: DryRun = False,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    as_json: AsJson = False,
) -> None:
    """Let a topic have more partitions. Keys that had a place may get another one."""
    from streamcore.commands.cluster import Cluster, admin_api, the_only

    cluster = Cluster(bootstrap_servers, command_config)
    before = len(cluster.partitions_of(topic))
    wanted = admin_api.NewPartitions(topic, total)
    asked = cluster.admin.create_partitions([wanted], validate_only=dry_run)
    cluster.result_of(the_only(asked), topic)
    told = {"topic": topic, "before": before, "after": before if dry_run else total}
    words = "could have" if dry_run else "has"
    _tell(told, f"{topic} {words} {total} partitions, after {before}", as_json=as_json)


def delete_topics(
    topics: TopicNames,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    as_json: AsJson = False,
) -> None:
    """Delete topics with all that is in them. Asks first, on a terminal."""
    from streamcore.commands.cluster import Cluster
    from streamcore.commands.progress import progress

    cluster = Cluster(bootstrap_servers, command_config)
    for topic in topics:
        cluster.partitions_of(topic)
    if not yes and sys.stdin.isatty():
        typer.confirm(f"Delete {', '.join(topics)} with all records?", abort=True, err=True)
    with progress("deleting", len(topics)) as advance:
        for topic, future in cluster.admin.delete_topics(list(topics)).items():
            cluster.result_of(future, topic)
            advance(1)
    _tell({"deleted": list(topics)}, f"deleted {', '.join(topics)}", as_json=as_json)


def _tell(told: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        print_json(told)
    else:
        print_line(words)
