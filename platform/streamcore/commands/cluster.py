"""A connection to a cluster for commands: librdkafka's, with errors as sentences."""

import importlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException

from streamcore.client.api import LogError
from streamcore.client.security import ClientSecurity, read_client_config
from streamcore.commands.texts import fail

TIMEOUT_S: Final = 10.0
ATTEMPTS: Final = 10  # to reach a broker at all, together as long as that
# Why a broker was not reached, where that is for good.
REFUSED: Final = ("_AUTHENTICATION", "_SSL")
UNREACHABLE: Final = ("_TRANSPORT", "_ALL_BROKERS_DOWN", "_TIMED_OUT", "_RESOLVE")

# Its types are declared in part only: what is missing would fail the check of its users.
admin_api: Any = importlib.import_module("confluent_kafka.admin")

R = TypeVar("R")


def _settings(
    bootstrap_servers: str, command_config: Path | None, refusals: list[KafkaError]
) -> dict[str, Any]:
    try:
        security = read_client_config(command_config) if command_config else ClientSecurity()
    except LogError as error:
        fail(f"--command-config {error}")
    return {
        **security.for_librdkafka(),
        "bootstrap.servers": bootstrap_servers,
        "client.id": "hailstream-commands",
        "socket.timeout.ms": int(TIMEOUT_S * 1000),
        # What goes wrong is told by the call that wanted something, not by a log line as well.
        "log_level": 0,
        # Errors reach us as exceptions of the calls too, but for why a broker was not reached.
        "error_cb": lambda error: refusals.append(error) if error.name() in REFUSED else None,
    }


def admin_client(bootstrap_servers: str, command_config: Path | None = None) -> Any:
    """Return a client that has reached a broker; ends the command where none answers."""
    refusals: list[KafkaError] = []
    client = admin_api.AdminClient(_settings(bootstrap_servers, command_config, refusals))
    for attempts_left in reversed(range(ATTEMPTS)):
        try:
            client.list_topics(timeout=TIMEOUT_S / ATTEMPTS)
            break
        except KafkaException as failure:
            client.poll(0)  # brings what the broker said, which the failure does not tell
            if refusals:
                fail(f"{bootstrap_servers}: {refusals[0].str()}")
            if not attempts_left:
                with failures_as_sentences(bootstrap_servers):
                    raise failure from None
    return client


@contextmanager
def offsets_client(
    bootstrap_servers: str, command_config: Path | None = None, *, group: str
) -> Iterator[Consumer]:
    """A consumer that asks for offsets and never joins its group."""
    settings = _settings(bootstrap_servers, command_config, [])
    client = Consumer({**settings, "group.id": group, "enable.auto.commit": False})
    try:
        yield client
    finally:
        client.close()


@contextmanager
def failures_as_sentences(what: str) -> Iterator[None]:
    """End the command with a sentence when the cluster refuses; `what` names what was asked."""
    try:
        yield
    except KafkaException as failure:
        error = failure.args[0]
        if isinstance(error, KafkaError) and error.name() in UNREACHABLE:
            fail(f"{what}: no broker answers ({error.str()})")
        fail(f"{what}: {error.str() if isinstance(error, KafkaError) else failure}")


def result_of(future: "Future[R]", what: str) -> R:
    """Wait for an answer; a refusal ends the command.

    The caller keeps the client: when that is gone, nobody answers any more.
    """
    with failures_as_sentences(what):
        try:
            return future.result(timeout=TIMEOUT_S)
        except TimeoutError:
            fail(f"{what}: no answer within {TIMEOUT_S:g} s")


def the_only(futures: Mapping[Any, "Future[R]"]) -> "Future[R]":
    """The future of a call that asked for one thing."""
    (future,) = futures.values()
    return future
