"""The command line of the log: `broker`, `topics`, `groups`, `dump-segment`.

Each command imports what it needs when it runs: a broker has to be up in a fifth of a
second, and needs no client library for it.
"""

import typer

from streamcore.commands.broker_command import broker
from streamcore.commands.dump_segment import dump_segment
from streamcore.commands.groups_commands import groups_app
from streamcore.commands.topics_commands import topics_app

app = typer.Typer(
    help="The log: a broker that every Kafka client works with, and its tools.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("broker")(broker)
app.command("dump-segment")(dump_segment)
app.add_typer(topics_app, name="topics")
app.add_typer(groups_app, name="groups")
