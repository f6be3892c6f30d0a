"""`topics`: list, describe, create and delete topics of any Kafka cluster."""

from pathlib import Path
from typing import Annotated, Any

import typer

from streamcore.commands.options import (
    DEFAULT_BOOTSTRAP_SERVERS,
    AsJson,
    BootstrapServers,
    CommandConfig,
)
from streamcore.commands.texts import fail, parse_assignments, print_json, print_line, print_rows

topics_app = typer.Typer(help="Topics: list, describe, create, delete.", no_args_is_help=True)
TopicName = Annotated[str, typer.Argument(metavar="TOPIC")]


@topics_app.command("list")
def list_topics(
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    as_json: AsJson = False,
) -> None:
    """List all topics with the number of their partitions."""
    from streamcore.commands.cluster import TIMEOUT_S, admin_client

    topics = admin_client(bootstrap_servers, command_config).list_topics(timeout=TIMEOUT_S).topics
    rows = [
        {"topic": name, "partitions": len(topic.partitions)}
        for name, topic in sorted(topics.items())
    ]
    print_rows(rows, columns=("topic", "partitions"), as_json=as_json)


@topics_app.command("describe")
def describe_topic(
    topic: TopicName,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
    as_json: AsJson = False,
) -> None:
    """Show a topic's partitions with their offsets, and the settings it has of its own."""
    from streamcore.commands.cluster import admin_client

    admin = admin_client(bootstrap_servers, command_config)
    partitions = _partitions(admin, bootstrap_servers, command_config, topic)
    configs = _own_configs(admin, topic)
    if as_json:
        print_json({"topic": topic, "partitions": partitions, "configs": configs})
        return
    columns = ("partition", "leader", "replicas", "in_sync", "start_offset", "end_offset")
    print_rows(partitions, columns=columns, as_json=False)
    for name, value in sorted(configs.items()):
        print_line(f"{name}={value}")


def _partitions(
    admin: Any, bootstrap_servers: str, command_config: Path | None, topic: str
) -> list[dict[str, Any]]:
    from confluent_kafka import TopicPartition

    from streamcore.commands.cluster import (
        TIMEOUT_S,
        failures_as_sentences,
        offsets_client,
    )

    described = admin.list_topics(timeout=TIMEOUT_S).topics.get(topic)
    if described is None or described.error is not None:
        fail(f"no topic {topic!r} at {bootstrap_servers}")
    rows = []
    with (
        failures_as_sentences(f"offsets of {topic}"),
        offsets_client(bootstrap_servers, command_config, group="hailstream-commands") as client,
    ):
        for number, partition in sorted(described.partitions.items()):
            low, high = client.get_watermark_offsets(
                TopicPartition(topic, number), timeout=TIMEOUT_S
            )
            rows.append(
                {
                    "partition": number,
                    "leader": partition.leader,
                    "replicas": list(partition.replicas),
                    "in_sync": list(partition.isrs),
                    "start_offset": low,
                    "end_offset": high,
                }
            )
    return rows


def _own_configs(admin: Any, topic: str) -> dict[str, str | None]:
    from streamcore.commands.cluster import admin_api, result_of, the_only

    resource = admin_api.ConfigResource(admin_api.ResourceType.TOPIC, topic)
    asked = admin.describe_configs([resource])
    entries = result_of(the_only(asked), f"settings of {topic}")
    own = admin_api.ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    return {name: entry.value for name, entry in entries.items() if entry.source == own}


@topics_app.command("create")
def create_topic(
    topic: TopicName,
    partitions: Annotated[
        int, typer.Option("--partitions", help="How many; -1 leaves it to the broker.")
    ] = -1,
    replication_factor: Annotated[
        int, typer.Option("--replication-factor", help="-1 leaves it to the broker.")
    ] = -1,
    config: Annotated[
        list[str] | None,
        typer.Option("--config", metavar="KEY=VALUE", help="A setting, e.g. retention.ms=60000."),
    ] = None,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
) -> None:
    """Create a topic."""
    from streamcore.commands.cluster import admin_api, admin_client, result_of, the_only

    wanted = admin_api.NewTopic(
        topic,
        num_partitions=partitions,
        replication_factor=replication_factor,
        config=parse_assignments(config or [], "--config"),
    )
    admin = admin_client(bootstrap_servers, command_config)
    result_of(the_only(admin.create_topics([wanted])), topic)
    print_line(f"created {topic}")


@topics_app.command("delete")
def delete_topic(
    topic: TopicName,
    bootstrap_servers: BootstrapServers = DEFAULT_BOOTSTRAP_SERVERS,
    command_config: CommandConfig = None,
) -> None:
    """Delete a topic with all that is in it."""
    from streamcore.commands.cluster import admin_client, result_of, the_only

    admin = admin_client(bootstrap_servers, command_config)
    result_of(the_only(admin.delete_topics([topic])), topic)
    print_line(f"deleted {topic}")
