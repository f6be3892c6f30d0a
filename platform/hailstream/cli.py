"""The command line. `broker` goes straight to its own: it has a fifth of a second to accept."""

import sys

from streamcore.commands.broker_command import run_if_asked_for

PROGRAM = "hailstream"


def main() -> None:
    run_if_asked_for(sys.argv[1:], program=PROGRAM)
    # Imported only now: typer alone takes as long to import as a broker to be ready.
    from hailstream.subcommands import app

    app(prog_name=PROGRAM)


if __name__ == "__main__":
    main()
