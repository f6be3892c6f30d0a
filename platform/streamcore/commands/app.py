"""The command line of the log: `broker`, `topics`, `groups`, `users`, `dump-segment`.

Each command imports what it needs when it runs.
"""

import typer

from streamcore.commands import broker_command
from streamcore.commands.dump_segment import dump_segment
from streamcore.commands.groups_commands import groups_app
from streamcore.commands.topics_commands import topics_app
from streamcore.commands.users_commands import users_app

app = typer.Typer(
    help="The log: a broker that every Kafka client works with, and its tools.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command(
    broker_command.NAME,
    help=broker_command.SUMMARY,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def broker(context: typer.Context) -> None:
    # Its flags and its help are its own: see there why.
    broker_command.run(context.args, program=context.find_root().info_name or "")


app.command("dump-segment", epilog="Example: hailstream dump-segment .data/broker/logs --verify")(
    dump_segment
)
app.add_typer(topics_app, name="topics")
app.add_typer(groups_app, name="groups")
app.add_typer(users_app, name="users")
