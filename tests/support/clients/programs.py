"""How each client's program is started, and what it needs installed before.

What a registry has to bring is brought once, into a folder that git ignores. Workers that run side
by side wait for one another.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.clients.serving import CLIENTS as IN_PYTHON

ROOT = Path(__file__).parents[3]
HERE = ROOT / "tests" / "interop"
CACHE = ROOT / ".interop"
INSTALL_WITHIN_S = 240.0


class Missing(Exception):
    """What a client needs is not on this machine: its tests are skipped, with this reason."""


def command_of(client: str) -> Sequence[str]:
    """Return the command of a client's program, after installing what it needs.

    Raises `Missing`.
    """
    if client in IN_PYTHON:
        if client == "kcat":
            found("kcat")
        return [sys.executable, "-W", "ignore", "-m", "tests.support.clients.serving", client]
    return PROGRAMS[client]()


def found(program: str) -> str:
    """Return where a program is. Raises `Missing`."""
    path = shutil.which(program)
    if path is None:
        raise Missing(f"{program} is not installed")
    return path


def installed(name: str, sources: Sequence[Path], install: Callable[[Path], None]) -> Path:
    """Return a folder that `install` has filled from these sources, now or earlier.

    The folder's name holds their digest: changed sources are installed anew. Raises `Missing`
    where `install` fails, which without a network it does.
    """
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()
    folder = CACHE / f"{name}-{digest[:12]}"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            try:
                install(folder)
            except subprocess.CalledProcessError as error:
                words = (error.stderr or b"").decode(errors="replace").strip()[-400:]
                raise Missing(f"{name} could not be installed: {words}") from None
            (folder / ".ready").touch()
    return folder


def run(*command: str | Path, cwd: Path, **environment: str) -> None:
    """Run a step of an installation. Raises `CalledProcessError`, which holds what it said."""
    subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | environment,
        check=True,
        capture_output=True,
        timeout=INSTALL_WITHIN_S,
    )


PROGRAMS: dict[str, Callable[[], Sequence[str]]] = {}
