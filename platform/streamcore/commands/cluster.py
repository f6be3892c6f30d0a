"""A connection to a cluster for commands: librdkafka's, with errors as sentences."""

import importlib
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streamcore.client.api import LogError
from streamcore.client.security import read_client_config
from streamcore.commands.texts import fail, parse_address

TIMEOUT_S: Final = 10.0
# A machine that is there says so at once; one that is not would keep a person waiting.
REACH_TIMEOUT_S: Final = 3.0
DEFAULT_PORT: Final = 9092
CLIENT_ID: Final = "hailstream-commands"
ATTEMPTS: Final = 10  # to reach a broker at all, together as long as the time-out
# Why a broker was not reached, where that is for good.
REFUSED: Final = ("_AUTHENTICATION", "_SSL")
UNREACHABLE: Final = ("_TRANSPORT", "_ALL_BROKERS_DOWN", "_TIMED_OUT", "_RESOLVE")
NAMES_SHOWN_MAX: Final = 3

# Its types are declared in part only: what is missing would fail the check of its users.
admin_api: Any = importlib.import_module("confluent_kafka.admin")

R = TypeVar("R")
Place = tuple[str, int]
"""A topic's name and a partition's number."""


def client_properties(command_config: Path | None) -> Mapping[str, Any]:
    """Read how to log in, from a file of properties as Kafka's tools take it."""
    if command_config is None:
        return {}
    try:
        return read_client_config(command_config).for_librdkafka()
    except LogError as error:
        fail(f"--command-config {error}")


class Cluster:
    """The cluster that a command speaks to. Ends the command where no broker answers."""

    def __init__(self, bootstrap_servers: str, command_config: Path | None = None) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.properties = client_properties(command_config)
        self._complaint = ""
        self._is_refused = False
        _reach_one_of(bootstrap_servers)
        try:
            self.admin: Any = admin_api.AdminClient(self.settings())
        except KafkaException as failure:
            fail(f"--command-config: {_words_of(failure)}")
        self._wait_for_the_cluster()

    def _wait_for_the_cluster(self) -> None:
        """A broker that refuses us for good says so at once; the call that asks only times out."""
        for attempts_left in reversed(range(ATTEMPTS)):
            try:
                self.admin.list_topics(timeout=TIMEOUT_S / ATTEMPTS)
            except KafkaException as failure:
                self.admin.poll(0)  # brings what the broker said
                if self._is_refused:
                    fail(f"{self.bootstrap_servers}: {self._complaint}")
                if not attempts_left:
                    with self.failures_as_sentences("the cluster"):
                        raise failure from None
            else:
                return

    def settings(self) -> dict[str, Any]:
        """What a client of librdkafka is made with."""
        return {
            "bootstrap.servers": self.bootstrap_servers,
            "client.id": CLIENT_ID,
            "socket.timeout.ms": int(TIMEOUT_S * 1000),
            # What goes wrong is told by the call that wanted something, not by a log line too.
            "log_level": 0,
            "error_cb": self._note,
            **self.properties,
        }

    def _note(self, error: KafkaError) -> None:
        if not self._is_refused:
            self._complaint = error.str()
            self._is_refused = error.name() in REFUSED

    @contextmanager
    def failures_as_sentences(self, what: str) -> Iterator[None]:
        """End the command with a sentence when the cluster refuses; `what` says what was asked."""
        try:
            yield
        except KafkaException as failure:
            error = failure.args[0]
            if isinstance(error, KafkaError) and error.name() in UNREACHABLE:
                why = self._complaint or error.str()
                fail(f"{what}: no answer from {self.bootstrap_servers}: {why}")
            fail(f"{what}: {_words_of(failure)}")

    def result_of(self, future: "Future[R]", what: str) -> R:
        """Wait for an answer; a refusal ends the command."""
        with self.failures_as_sentences(what):
            try:
                return future.result(timeout=TIMEOUT_S)
            except TimeoutError:
                fail(f"{what}: no answer within {TIMEOUT_S:g} s")

    def topics(self) -> Mapping[str, Any]:
        """All topics by name, as librdkafka describes them."""
        with self.failures_as_sentences("topics"):
            topics: Mapping[str, Any] = self.admin.list_topics(timeout=TIMEOUT_S).topics
        return topics

    def partitions_of(self, topic: str) -> Mapping[int, Any]:
        """A topic's partitions by number; ends the command where there is no such topic."""
        topics = self.topics()
        found = topics.get(topic)
        if found is None or found.error is not None:
            self.fail_unknown("topic", topic, list(topics))
        partitions: Mapping[int, Any] = found.partitions
        return partitions

    def fail_unknown(self, kind: str, name: str, known: Sequence[str]) -> NoReturn:
        """End the command: there is no `name`. Names that look like it are shown."""
        near = get_close_matches(name, known, NAMES_SHOWN_MAX)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        fail(f"no {kind} {name!r} at {self.bootstrap_servers}{hint}")

    def offsets(self, asked: Mapping[Place, Any]) -> dict[Place, int]:
        """Offsets of partitions by `OffsetSpec`; -1 where a time has none."""
        if not asked:
            return {}
        futures = self.admin.list_offsets(
            {TopicPartition(*place): spec for place, spec in asked.items()}
        )
        return {
            (place.topic, place.partition): self.result_of(
                future, f"offsets of {place.topic}"
            ).offset
            for place, future in futures.items()
        }

    def bounds(self, places: Sequence[Place]) -> tuple[dict[Place, int], dict[Place, int]]:
        """The first offset of each partition, and the one that its next record will get."""
        spec = admin_api.OffsetSpec
        starts = self.offsets(dict.fromkeys(places, spec.earliest()))
        return starts, self.offsets(dict.fromkeys(places, spec.latest()))

    @contextmanager
    def consumer(self, **settings: Any) -> Iterator[Consumer]:
        """A consumer that joins no group."""
        client = Consumer(
            {"group.id": CLIENT_ID, "enable.auto.commit": False, **self.settings(), **settings}
        )
        try:
            yield client
        finally:
            client.close()


def _reach_one_of(bootstrap_servers: str) -> None:
    addresses = [address.strip() for address in bootstrap_servers.split(",")]
    refusals = []
    for address in addresses:
        try:
            socket.create_connection(_host_and_port(address), timeout=REACH_TIMEOUT_S).close()
        except OSError as error:
            refusals.append(str(error.strerror or error))
        else:
            return
    fail(
        f"{', '.join(addresses)}: no broker answers ({'; '.join(refusals)}). Is one running"
        " (`hailstream broker`, `hailstream up`)? --bootstrap-servers names another."
    )


def _host_and_port(address: str) -> tuple[str, int]:
    has_port = address.rpartition("]")[2].count(":") == 1
    return parse_address(
        address if has_port else f"{address}:{DEFAULT_PORT}", "--bootstrap-servers"
    )


def _words_of(failure: KafkaException) -> str:
    error = failure.args[0]
    return str(error.str() if isinstance(error, KafkaError) else failure)


def the_only(futures: Mapping[Any, "Future[R]"]) -> "Future[R]":
    """The future of a call that asked for one thing."""
    (future,) = futures.values()
    return future
