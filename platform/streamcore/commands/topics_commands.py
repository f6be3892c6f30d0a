"""`topics`: list, describe, create, alter, grow, trim and delete topics of any Kafka cluster."""

from typing import Annotated, Any

import typer

from streamcore.commands.options import (
    DEFAULT_BOOTSTRAP_SERVERS,
    AsJson,
    BootstrapServers,
    CommandConfig,
    TopicName,
)
from streamcore.commands.texts import print_json, print_line, print_rows
from streamcore.commands.topics_changes import (
    add_partitions,
    alter_topic,
    create_topic,
    delete_topics,
)
from streamcore.commands.topics_trimming import trim_topic

topics_app = typer.Typer(
    help="Topics: list, describe, create, alter, trim, delete.", no_args_is_help=True
)


@topics_app.command("list", epilog="Example: hailstream topics list --json")
def list_topics(
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    as_json: AsJson = False,
) -> None:
    """List all topics with the number of their partitions."""
    from streamcore.commands.cluster import Cluster

    topics = Cluster(bootstrap_servers, command_config).topics()
    rows = [
        {"topic": name, "partitions": len(topic.partitions)}
        for name, topic in sorted(topics.items())
    ]
    print_rows(rows, columns=("topic", "partitions"), as_json=as_json)


@topics_app.command(
    "describe", epilog="Example: hailstream topics describe driver.pings --settings"
)
def describe_topic(
    topic: TopicName,
    with_settings: Annotated[
        bool, typer.Option("--settings", help="Show all settings, and where they come from.")
    ] = False,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    as_json: AsJson = False,
) -> None:
    """Show a topic's partitions with their offsets, and the settings it has of its own."""
    from streamcore.commands.cluster import Cluster

    cluster = Cluster(bootstrap_servers, command_config)
    partitions = _partitions(cluster, topic)
    settings = _settings(cluster, topic)
    configs = {row["setting"]: row["value"] for row in settings if row["source"] == "topic"}
    if as_json:
        told = {"topic": topic, "partitions": partitions, "configs": configs}
        print_json(told | ({"settings": settings} if with_settings else {}))
        return
    columns = ("partition", "leader", "replicas", "in_sync", "start_offset", "end_offset")
    print_rows(partitions, columns=columns, as_json=False)
    if with_settings:
        print_line("")
        print_rows(settings, columns=("setting", "value", "source"), as_json=False)
        return
    for name, value in sorted(configs.items()):
        print_line(f"{name}={value}")


def _partitions(cluster: Any, topic: str) -> list[dict[str, Any]]:
    described = cluster.partitions_of(topic)
    starts, ends = cluster.bounds([(topic, number) for number in sorted(described)])
    return [
        {
            "partition": number,
            "leader": partition.leader,
            "replicas": list(partition.replicas),
            "in_sync": list(partition.isrs),
            "start_offset": starts[topic, number],
            "end_offset": ends[topic, number],
        }
        for number, partition in sorted(described.items())
    ]


def _settings(cluster: Any, topic: str) -> list[dict[str, Any]]:
    from streamcore.commands.cluster import admin_api, the_only

    resource = admin_api.ConfigResource(admin_api.ResourceType.TOPIC, topic)
    asked = cluster.admin.describe_configs([resource])
    entries = cluster.result_of(the_only(asked), f"settings of {topic}")
    source = admin_api.ConfigSource
    words = {source.DYNAMIC_TOPIC_CONFIG.value: "topic", source.DEFAULT_CONFIG.value: "default"}
    return [
        {"setting": name, "value": entry.value, "source": words.get(entry.source, "broker")}
        for name, entry in sorted(entries.items())
    ]


topics_app.command(
    "create",
    epilog="Example: hailstream topics create users --partitions 8 --config cleanup.policy=compact",
)(create_topic)
topics_app.command(
    "alter",
    epilog="Example: hailstream topics alter events --set retention.ms=60000 --unset segment.ms",
)(alter_topic)
topics_app.command(
    "add-partitions", epilog="Example: hailstream topics add-partitions events --total 16"
)(add_partitions)
topics_app.command("trim", epilog="Example: hailstream topics trim events --before 2d --dry-run")(
    trim_topic
)
topics_app.command("delete", epilog="Example: hailstream topics delete events --yes")(delete_topics)
