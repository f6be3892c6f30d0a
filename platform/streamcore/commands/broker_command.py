"""`broker`: run one broker in this process.

Its flags are declared here alone, for argparse: a broker has to be ready in a fifth of a
second, and typer takes as long to import as all of the broker. What the broker is made of is
imported when the flags have been read.
"""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from streamcore.commands.texts import fail, parse_address, parse_assignments

if TYPE_CHECKING:
    from streamcore.broker.settings import BrokerSettings

NAME = "broker"
DEFAULT_LISTEN = "127.0.0.1:9092"
SUMMARY = "Run a broker that every Kafka client works with. Prints one line when it is ready."


def run_if_asked_for(words: Sequence[str], *, program: str) -> None:
    """Be the broker, and end with its exit status, if the first word of a command line says so."""
    if words and words[0] == NAME:
        run(words[1:], program=program)


def run(arguments: Sequence[str], *, program: str) -> NoReturn:
    """Read the flags, run the broker until it is told to stop, and end the process."""
    flags = _parser(f"{program} {NAME}").parse_args(arguments)

    import uvloop

    from groundwork.journal import setup_journal
    from streamcore.broker.server import run_broker

    settings = _settings(flags)
    setup_journal()
    raise SystemExit(uvloop.run(run_broker(settings)))


def _parser(program: str) -> ArgumentParser:
    parser = ArgumentParser(prog=program, description=SUMMARY, allow_abbrev=False)
    add = parser.add_argument
    add(
        "--listen",
        metavar="[PROTOCOL://]HOST:PORT",
        action="append",
        help="Where to accept; port 0 takes a free one. May be given again. PROTOCOL is PLAINTEXT, "
        f"SSL, SASL_PLAINTEXT or SASL_SSL [{DEFAULT_LISTEN}].",
    )
    add(
        "--advertised",
        metavar="[PROTOCOL://]HOST:PORT",
        action="append",
        default=[],
        help="What clients are told instead: of the listener with this PROTOCOL, or the first.",
    )
    add(
        "--data-dir",
        metavar="DIR",
        type=Path,
        default=Path(".data/broker"),
        help="Where logs are kept; made where missing [%(default)s].",
    )
    add(
        "--node-id",
        metavar="N",
        type=_natural,
        default=1,
        help="The broker's number [%(default)s].",
    )
    add("--metrics-port", metavar="PORT", type=_natural, help="Serve Prometheus metrics there.")
    add(
        "-X",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        dest="overrides",
        help="Any other setting, e.g. num.partitions=8; may be given again.",
    )
    return parser


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def _settings(flags: Namespace) -> "BrokerSettings":
    from streamcore.broker.settings import BrokerSettings, InvalidSetting, with_overrides

    listeners = flags.listen or [DEFAULT_LISTEN]
    for option, texts in (("--listen", listeners), ("--advertised", flags.advertised)):
        for text in texts:
            parse_address(text.rpartition("://")[2], option)
    base = BrokerSettings(
        data_dir=flags.data_dir,
        listeners=",".join(listeners),
        advertised_listeners=",".join(flags.advertised),
        node_id=flags.node_id,
        metrics_port=flags.metrics_port,
    )
    try:
        return with_overrides(base, parse_assignments(flags.overrides, "-X"))
    except InvalidSetting as error:
        fail(f"-X: {error}")
