"""`python -m streamcore.commands`: the same commands without the rest of Hailstream."""

from streamcore.commands import app

if __name__ == "__main__":
    app(prog_name="streamcore")
