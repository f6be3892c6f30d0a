"""A command line made of a settings class: one flag a field, its help the field's comment.

So a setting has one home; the flag, the environment variable, the file and the page in docs/
follow from it.
"""

import inspect
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from groundwork.settings import BadSetting, field_help, read_settings_file, resolve

SETTINGS_FILE = Path("hailstream.toml")


def command_for(
    cls: type[Any], section: str, run: Callable[[Any], None], *, doc: str
) -> Callable[..., None]:
    """A function that typer can read: optional flags of `cls`, then `run(settings)`."""
    hints = get_type_hints(cls)
    helps = field_help(cls)

    def command(**flags: Any) -> None:
        run(settings_or_exit(cls, section, flags))

    command.__doc__ = doc
    parameters = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=_annotation(field, hints[field.name], helps.get(field.name, "")),
        )
        for field in fields(cls)
        if not is_secret(field.name)
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def is_secret(name: str) -> bool:
    """Secrets come by environment or file: a command line is seen by every user of a machine."""
    return name.endswith(("_secret", "_password"))


def settings_or_exit(cls: type[Any], section: str, flags: Mapping[str, Any]) -> Any:
    """Resolve, or end with the sentence that names the bad setting."""
    try:
        file = read_settings_file(SETTINGS_FILE)
        resolved = resolve(cls, section, flags=flags, environment=os.environ, file=file)
    except BadSetting as error:
        typer.echo(f"hailstream {section}: {error}", err=True)
        sys.exit(2)
    return resolved.settings


def _annotation(field: "Field[Any]", hint: Any, text: str) -> Any:
    default = field.default if field.default is not MISSING else ""
    shown = f"{text} [default: {default}]" if default not in ("", None) else text
    flag = f"--{field.name.replace('_', '-')}"
    plain = hint if hint in (int, float, str, bool) else str
    names = [f"{flag}/--no-{flag[2:]}"] if plain is bool else [flag]
    return Annotated[plain | None, typer.Option(*names, help=shown, show_default=False)]
