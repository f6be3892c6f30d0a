"""The options and arguments that the commands share."""

from pathlib import Path
from typing import Annotated, Final

import typer

from streamcore.commands.completion import group_names, topic_names

DEFAULT_BOOTSTRAP_SERVERS: Final = "127.0.0.1:9092"

BootstrapServers = Annotated[
    str,
    typer.Option(
        "--bootstrap-servers",
        envvar="HAILSTREAM_BOOTSTRAP_SERVERS",
        metavar="HOST:PORT",
        help="A broker of the cluster; several with commas.",
    ),
]
ClientConfig = Annotated[
    Path | None,
    typer.Option(
        "--client-config",
        envvar="HAILSTREAM_CLIENT_CONFIG",
        metavar="FILE",
        help="More properties of the client, a key=value a line: security.protocol, sasl.username.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one value, for programs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
TopicName = Annotated[str, typer.Argument(metavar="TOPIC", autocompletion=topic_names)]
GroupName = Annotated[str, typer.Argument(metavar="GROUP", autocompletion=group_names)]
