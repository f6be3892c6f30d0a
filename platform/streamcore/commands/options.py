"""The options and arguments that the commands share."""

from pathlib import Path
from typing import Annotated, Final

import typer

from streamcore.commands.completion import group_names, topic_names

DEFAULT_BOOTSTRAP_SERVERS: Final = "127.0.0.1:9092"
# What services read as their setting `client_config`, too.
CLIENT_CONFIG_VARIABLE: Final = "HAILSTREAM_CLIENT_CONFIG"

BootstrapServers = Annotated[
    str,
    typer.Option(
        "--bootstrap-servers",
        envvar="HAILSTREAM_BOOTSTRAP_SERVERS",
        metavar="HOST:PORT",
        help="A broker of the cluster; several with commas.",
    ),
]
CommandConfig = Annotated[
    Path | None,
    typer.Option(
        "--command-config",
        metavar="FILE",
        envvar=CLIENT_CONFIG_VARIABLE,
        help="How to log in, in Kafka's properties form: security.protocol, sasl.mechanism ...",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one value, for programs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
TopicName = Annotated[str, typer.Argument(metavar="TOPIC", autocompletion=topic_names)]
GroupName = Annotated[str, typer.Argument(metavar="GROUP", autocompletion=group_names)]
