"""`python -m streamcore.commands`: the same commands without the rest of Hailstream."""

import sys

from streamcore.commands.broker_command import run_if_asked_for

if __name__ == "__main__":
    run_if_asked_for(sys.argv[1:], program="streamcore")
    from streamcore.commands.app import app

    app(prog_name="streamcore")
