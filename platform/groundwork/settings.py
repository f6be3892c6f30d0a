"""Settings: frozen dataclasses, filled from defaults < file < environment < flags.

`resolve` takes the class, its section and what each source says, and returns the instance
together with where every value came from, which is what `hailstream doctor` prints.
"""

import ast
import inspect
import textwrap
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

ENVIRONMENT_PREFIX = "HAILSTREAM_"
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


class BadSetting(Exception):
    """A setting that is unknown or cannot be read; the message names it and where it stood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved(Generic[T]):
    """The settings, and for each field the source it came from."""

    settings: T
    sources: Mapping[str, str]


def resolve(
    cls: type[T],
    section: str,
    *,
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    file: Mapping[str, Any] | None = None,
    file_name: str = "hailstream.toml",
) -> Resolved[T]:
    """Merge the sources. A flag that is None was not given. Raises `BadSetting`.

    The environment variable of field `linger_ms` in section `gateway` is
    HAILSTREAM_GATEWAY_LINGER_MS; one without the section, HAILSTREAM_LINGER_MS, serves every
    section that has the field.
    """
    hints = get_type_hints(cls)
    names = [field.name for field in fields(cls)]  # type: ignore[arg-type]  # T is a dataclass
    values: dict[str, Any] = {}
    sources = dict.fromkeys(names, "default")

    def take(name: str, raw: object, source: str) -> None:
        if name not in hints:
            raise BadSetting(f"{source}: there is no setting {section}.{name}")
        values[name] = _convert(raw, hints[name], f"{section}.{name} from {source}")
        sources[name] = source

    for name, raw in (file or {}).get(section, {}).items():
        take(name, raw, file_name)
    for name in names:
        for variable in (name, f"{section}_{name}"):
            key = ENVIRONMENT_PREFIX + variable.upper()
            if key in environment:
                take(name, environment[key], key)
    for name, raw in flags.items():
        if raw is not None:
            take(name, raw, f"--{name.replace('_', '-')}")
    return Resolved(settings=cls(**values), sources=sources)


def field_help(cls: type[Any]) -> dict[str, str]:
    """What each field is for: the comment behind it in the source, those of base classes too."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__[:-1]):
        lines = textwrap.dedent(inspect.getsource(base)).splitlines()
        (tree,) = ast.parse("\n".join(lines)).body
        assert isinstance(tree, ast.ClassDef)
        for node in tree.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                _, sign, comment = lines[(node.end_lineno or 1) - 1].rpartition("  # ")
                # A class that only changes a default need not say again what the field is for.
                found[node.target.id] = comment if sign else found.get(node.target.id, "")
    return found


def read_settings_file(path: Path) -> Mapping[str, Any]:
    """The sections of a TOML file; empty where there is none. Raises `BadSetting`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"{path}: {error}") from error


def _convert(raw: object, hint: Any, where: str) -> object:
    if get_origin(hint) in (Union, type(int | None)):
        inner = [arg for arg in get_args(hint) if arg is not type(None)]
        return None if raw is None or raw == "" else _convert(raw, inner[0], where)
    if hint is bool:
        return _to_bool(raw, where)
    try:
        return hint(raw) if hint in (int, float, str, Path) else raw
    except (TypeError, ValueError):
        raise BadSetting(f"{where}: {raw!r} is not {_name_of(hint)}") from None


def _to_bool(raw: object, where: str) -> bool:
    text = str(raw).lower()
    if text in _TRUE | _FALSE:
        return text in _TRUE
    raise BadSetting(f"{where}: {raw!r} is neither true nor false")


def _name_of(hint: type) -> str:
    return {int: "a whole number", float: "a number", Path: "a path"}.get(hint, hint.__name__)
