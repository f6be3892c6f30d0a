"""`broker`: run one broker in this process."""

from pathlib import Path
from typing import Annotated, Any

import typer

from streamcore.commands.options import fail, parse_assignments

PORT_MAX = 65_535


def broker(
    listen: Annotated[
        str, typer.Option("--listen", help="HOST:PORT to accept on; port 0 takes a free one.")
    ] = "127.0.0.1:9092",
    data_dir: Annotated[
        Path, typer.Option("--data-dir", help="Where logs are kept; made where missing.")
    ] = Path(".data/broker"),
    node_id: Annotated[int, typer.Option("--node-id", min=0, help="The broker's number.")] = 1,
    metrics_port: Annotated[
        int | None, typer.Option("--metrics-port", help="Serve Prometheus metrics there.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("-X", metavar="KEY=VALUE", help="Any other setting, e.g. num.partitions=8."),
    ] = None,
) -> None:
    """Run a broker that every Kafka client works with. Prints one line when it is ready."""
    # What a broker needs is imported here, so that the other commands need not wait for it.
    import uvloop

    from groundwork.journal import setup_journal
    from streamcore.broker.server import run_broker

    setup_journal()
    resolved = _settings(listen, data_dir, node_id, metrics_port, settings or [])
    raise typer.Exit(uvloop.run(run_broker(resolved)))


def _settings(
    listen: str, data_dir: Path, node_id: int, metrics_port: int | None, overrides: list[str]
) -> Any:
    from streamcore.broker.settings import BrokerSettings, InvalidSetting, with_overrides

    host, port = parse_address(listen)
    base = BrokerSettings(
        data_dir=data_dir,
        listen_host=host,
        listen_port=port,
        node_id=node_id,
        metrics_port=metrics_port,
    )
    try:
        return with_overrides(base, parse_assignments(overrides, "-X"))
    except InvalidSetting as error:
        fail(f"-X: {error}")


def parse_address(text: str) -> tuple[str, int]:
    """Read HOST:PORT ([HOST]:PORT for IPv6). Ends the command where it is not one."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > PORT_MAX:
        fail(f"--listen {text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)
