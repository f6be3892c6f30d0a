"""The options that the commands share."""

from typing import Annotated, Final

import typer

DEFAULT_BOOTSTRAP_SERVERS: Final = "127.0.0.1:9092"

BootstrapServers = Annotated[
    str,
    typer.Option(
        "--bootstrap-servers",
        envvar="HAILSTREAM_BOOTSTRAP_SERVERS",
        help="HOST:PORT of a broker; several with commas.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one value, for programs.")]
