"""The subcommands: finds the package of the one that is asked for, and imports nothing else.

Help of the whole, and a shell that completes a name, read the summaries that stand here: to
import all that they are about would take a second. A test compares them with the commands.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command as as_click


class Subcommand(NamedTuple):
    """A subcommand: the module whose `app` has it, and what it does in a line."""

    module: str
    summary: str


_LOG: Final = "streamcore.commands.app"
_SERVICES: Final = "hailstream.services"
_CITY: Final = "citysim.commands"

SUBCOMMANDS: Final[Mapping[str, Subcommand]] = {
    "up": Subcommand(
        "hailstream.up", "Run a whole live city: broker, services, simulator and web pages."
    ),
    "broker": Subcommand(
        _LOG, "Run a broker that every Kafka client works with. Prints one line when it is ready."
    ),
    "gateway": Subcommand(_SERVICES, "Take pings, rides and drivers' actions; acknowledge; offer."),
    "positions": Subcommand(_SERVICES, "Turn pings into filtered, ordered positions."),
    "eta": Subcommand(_SERVICES, "Answer how long by road, at speeds learnt from the pings."),
    "matching": Subcommand(_SERVICES, "Give every ride the right driver, once."),
    "fanout": Subcommand(_SERVICES, "Push positions and ride events to riders."),
    "ops": Subcommand(_SERVICES, "Show rates, lag, age and the audit."),
    "simulate": Subcommand(
        _CITY,
        "Drive a city: pings of a whole fleet, drivers who answer offers,"
        " riders who ask and watch.",
    ),
    "city": Subcommand(_CITY, "Make and look at city packs."),
    "topics": Subcommand(_LOG, "Topics: list, describe, create, alter, trim, delete."),
    "groups": Subcommand(_LOG, "Consumer groups: list, describe, reset or delete offsets, delete."),
    "users": Subcommand(_LOG, "Users: list, add, change the password, remove."),
    "dump-segment": Subcommand(
        _LOG,
        "Print the batches of segments; check their sums, their offsets and the index.",
    ),
    "tail": Subcommand("hailstream.tail", "Print the records of a topic as JSON lines."),
    "bench": Subcommand("loadlab.commands", "Measure parts, or the whole way of the data."),
    "doctor": Subcommand(
        "hailstream.doctor",
        "Say what is installed, reachable and writable, and what would not work and why.",
    ),
}


class LazyGroup(TyperGroup):
    """A group that imports a subcommand's module when the subcommand is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(SUBCOMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """What a list of commands needs to know of one: its name and its summary."""
        found = SUBCOMMANDS.get(cmd_name)
        return None if found is None else TyperCommand(cmd_name, help=found.summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command itself, for somebody who wants to run it or see its help."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else real_command(ctx, name), rest


def real_command(ctx: Any, name: str) -> Any:
    """Import a subcommand."""
    command = as_click(import_module(SUBCOMMANDS[name].module).app)
    # An app with a single command is that command.
    return command.get_command(ctx, name) if isinstance(command, TyperGroup) else command


app = typer.Typer(
    cls=LazyGroup,
    help="Hailstream: the live-location backbone of a ride-hailing service.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """Hailstream: the live-location backbone of a ride-hailing service."""
