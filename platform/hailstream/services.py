"""Each service alone: `hailstream gateway`, `hailstream positions` and so on."""

import sys
from importlib import import_module

import typer

from hailstream.flags import command_for

# service -> its settings class in `rideflow.<service>.main`, and what it does
SERVICES = {
    "gateway": ("GatewaySettings", "Take pings, rides and drivers' actions; acknowledge; offer."),
    "positions": ("PositionsSettings", "Turn pings into filtered, ordered positions."),
    "eta": ("EtaSettings", "Answer how long by road, at speeds learnt from the pings."),
    "matching": ("MatchingSettings", "Give every ride the right driver, once."),
    "fanout": ("FanoutSettings", "Push positions and ride events to riders."),
    "ops": ("OpsSettings", "Show rates, lag, age and the audit."),
}

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _services() -> None:
    """The services of Hailstream, each as a process of its own."""


def _add(name: str) -> None:
    settings_name, doc = SERVICES[name]
    module = import_module(f"rideflow.{name}.main")
    cls = getattr(module, settings_name)
    app.command(name)(command_for(cls, name, module.run, doc=doc))


# Only the one that was asked for: each imports a world of its own.
for _name in SERVICES:
    if len(sys.argv) < 2 or sys.argv[1] in (_name, "--help") or sys.argv[1] not in SERVICES:
        _add(_name)
