"""The processes of a whole city: what `hailstream up` starts, in which order, with which words.

One table, read by `up`, by the test that holds compose.yaml against it, and by the report.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from rideflow.contracts.ports import ETA_PORT_OFFSET, FANOUT_PORT_OFFSET, OPS_PORT_OFFSET

# glibc gives freed pages back and takes them again: numpy's temporaries then cost a seventh of
# a core at a million pings a second. Keeping them is what these say (docs/ARCHITECTURE.md).
KEEP_MEMORY = {
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(256 << 20),
    "MALLOC_TOP_PAD_": str(16 << 20),
}
# Two cores are shared by ten processes: a thread pool in each would only fight.
# These answer people or keep books: a ping on its way to a rider goes before them.
PATIENT = frozenset({"eta", "matching", "ops"})
PATIENT_NICE = 10
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Stage(IntEnum):
    """Processes of a lower stage are ready before the next is started, and stop after it."""

    STORES = 0
    SERVICES = 1
    CITY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """A process to run: `hailstream ARGUMENTS`, or a program of its own."""

    name: str
    stage: Stage
    arguments: tuple[str, ...] = ()
    program: tuple[str, ...] = ()  # instead of hailstream
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_prefix: str | None = "ready "  # the line on standard output that says it accepts
    one_shot: bool = False  # ends by itself with status 0, and is then not restarted
    nice: int = 0  # above 0: lets the processes on a ping's way run first

    def command(self) -> list[str]:
        if self.program:
            return list(self.program)
        return [sys.executable, "-m", "hailstream", *self.arguments]


@dataclass(frozen=True, slots=True, kw_only=True)
class CityPlan:
    """What `up` was asked for, resolved: every address and folder is known."""

    data_dir: Path
    city_dir: Path
    web_dir: Path
    host: str
    port: int
    bootstrap_servers: str
    own_broker: bool
    redis_url: str
    valkey_program: str | None  # None: somebody else's Redis
    engine: str
    drivers: int
    pings_per_second: int
    riders: int
    duration_s: int | None
    seed: int
    simulator: bool
    token_secret: str
    truth_path: Path
    client_config: str = ""  # how to log in to somebody else's broker


def plan_processes(plan: CityPlan) -> list[ProcessSpec]:
    """Everything that runs, in the order in which it starts."""
    specs = [*_stores(plan), *_services(plan)]
    return [*specs, _simulator(plan)] if plan.simulator else specs


def _stores(plan: CityPlan) -> list[ProcessSpec]:
    specs = []
    if plan.own_broker:
        specs.append(
            ProcessSpec(
                name="broker",
                stage=Stage.STORES,
                arguments=(
                    "broker",
                    *("--listen", plan.bootstrap_servers),
                    *("--data-dir", str(plan.data_dir / "log")),
                ),
            )
        )
    if plan.valkey_program is not None:
        socket_path = plan.redis_url.removeprefix("unix://")
        specs.append(
            ProcessSpec(
                name="valkey",
                stage=Stage.STORES,
                program=(
                    plan.valkey_program,
                    *("--port", "0", "--unixsocket", socket_path, "--unixsocketperm", "700"),
                    *("--save", "", "--appendonly", "no", "--daemonize", "no"),
                    *("--dir", str(plan.data_dir)),
                ),
                ready_prefix=None,
            )
        )
    return specs


def _services(plan: CityPlan) -> list[ProcessSpec]:
    log = ("--bootstrap-servers", plan.bootstrap_servers, "--engine", plan.engine)
    city = ("--city-dir", str(plan.city_dir))
    redis = ("--redis-url", plan.redis_url)
    eta_url = f"http://{plan.host}:{plan.port + ETA_PORT_OFFSET}"

    def listen(offset: int) -> tuple[str, ...]:
        return ("--host", plan.host, "--port", str(plan.port + offset))

    arguments: dict[str, tuple[str, ...]] = {
        "positions": log,
        "eta": (*log, *listen(ETA_PORT_OFFSET), *city),
        "matching": (*log, *city, *redis),
        "fanout": (*log, *listen(FANOUT_PORT_OFFSET)),
        "ops": (*log, *listen(OPS_PORT_OFFSET)),
        "gateway": (
            *(*log, *listen(0), *city, "--web-dir", str(plan.web_dir)),
            *("--eta-url", eta_url, "--demo"),
        ),
    }
    environment = {
        "HAILSTREAM_TOKEN_SECRET": plan.token_secret,
        # Empty with a broker of our own, whatever ours says: that one is plain.
        "HAILSTREAM_CLIENT_CONFIG": plan.client_config,
    }
    return [
        ProcessSpec(
            name=name,
            stage=Stage.SERVICES,
            arguments=(name, *words),
            environment=environment,
            nice=PATIENT_NICE if name in PATIENT else 0,
            ready_prefix=None if name in ("positions", "matching") else "ready ",
        )
        for name, words in arguments.items()
    ]


def _simulator(plan: CityPlan) -> ProcessSpec:
    duration = () if plan.duration_s is None else ("--duration", str(plan.duration_s))
    return ProcessSpec(
        name="simulate",
        stage=Stage.CITY,
        arguments=(
            "simulate",
            *("--gateway-url", f"http://{plan.host}:{plan.port}"),
            *("--fanout-url", f"ws://{plan.host}:{plan.port + FANOUT_PORT_OFFSET}"),
            *("--city", str(plan.city_dir), "--seed", str(plan.seed)),
            *("--drivers", str(plan.drivers), "--pings-per-second", str(plan.pings_per_second)),
            *("--riders", str(plan.riders), "--truth", str(plan.truth_path)),
            *duration,
        ),
        environment={"HAILSTREAM_TOKEN_SECRET": plan.token_secret},
        ready_prefix=None,
        one_shot=plan.duration_s is not None,
    )
