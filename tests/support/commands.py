"""Runs commands of the command line in this process, against a broker in another."""

import json
from typing import Any

import typer
from typer.testing import CliRunner

from streamcore.commands.app import app as log_app


class Commands:
    """The commands of an app, told which broker to speak to."""

    def __init__(self, address: str, app: typer.Typer = log_app) -> None:
        self._app = app
        self._at = ("--bootstrap-servers", address)

    def run(self, *words: str, status: int = 0) -> str:
        """Run a command; return what it prints, errors included."""
        result = CliRunner().invoke(self._app, [*words, *self._at])
        assert result.exit_code == status, (result.output, result.exception)
        return result.output

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json"))

    def refusal(self, *words: str) -> str:
        """The sentence with which a command ends that cannot be done."""
        out = self.run(*words, status=1)
        assert out.startswith("error: ")
        assert out.count("\n") == 1, out
        return out
