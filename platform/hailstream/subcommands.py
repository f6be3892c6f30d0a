"""The subcommands: finds the package of the one that is asked for, and imports nothing else.

Help of the whole imports everything, which a person reading does not notice.
"""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command as as_click

# subcommand -> the module whose `app` has it
_APPS = {
    "up": "hailstream.up",
    "broker": "streamcore.commands.app",
    "gateway": "hailstream.services",
    "positions": "hailstream.services",
    "eta": "hailstream.services",
    "matching": "hailstream.services",
    "fanout": "hailstream.services",
    "ops": "hailstream.services",
    "simulate": "citysim.commands",
    "city": "citysim.commands",
    "topics": "streamcore.commands.app",
    "groups": "streamcore.commands.app",
    "users": "streamcore.commands.app",
    "dump-segment": "streamcore.commands.app",
    "tail": "hailstream.tail",
    "bench": "loadlab.commands",
    "doctor": "hailstream.doctor",
}


class LazyGroup(TyperGroup):
    """A group that imports a subcommand's module when the subcommand is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_APPS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _APPS:
            return None
        app = as_click(import_module(_APPS[cmd_name]).app)
        # An app with a single command is that command.
        return app.get_command(ctx, cmd_name) if isinstance(app, TyperGroup) else app


app = typer.Typer(
    cls=LazyGroup,
    help="Hailstream: the live-location backbone of a ride-hailing service.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """Hailstream: the live-location backbone of a ride-hailing service."""
