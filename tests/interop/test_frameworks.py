"""Stream processors as a whole: state in a changelog, a repartition topic, moved elsewhere."""

import os
import signal
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interop.brokers import SESSION_TIMEOUT_MS
from tests.interop.scene import START_MS, poll_until
from tests.support.clients.programs import Missing, command_of
from tests.support.clients.protocol import Read, Reader, Sent
from tests.support.clients.remote import RemoteClient

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

PARTITIONS = 2
WORDS = 8
ROUNDS = 15  # of all words, in each half
END_WITHIN_S = 30.0
GUARANTEES = {
    "kafka-streams": {"at-least-once": "at_least_once", "exactly-once": "exactly_once_v2"},
    "quix-streams": {"at-least-once": "at-least-once", "exactly-once": "exactly-once"},
}


class App:
    """A framework's program, counting. Ends with its standard input."""

    def __init__(self, client_name: str, address: str, name: str, guarantee: str) -> None:
        try:
            self._command = [*command_of(client_name), address, name, f"{name}-in", f"{name}-out"]
        except Missing as error:
            pytest.skip(str(error))
        self._guarantee = GUARANTEES[client_name][guarantee]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, folder: Path) -> None:
        """Start with an empty state folder: what it knows, it knows from the broker."""
        folder.mkdir()
        words = [self._guarantee, str(folder / "state"), str(SESSION_TIMEOUT_MS)]
        with (folder / "journal").open("wb") as journal:
            self._process = subprocess.Popen(
                [*self._command, *words],
                stdin=subprocess.PIPE,
                stdout=journal,
                stderr=journal,
                cwd=folder,
                start_new_session=True,
            )

    def stop(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(END_WITHIN_S) == 0

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with process:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def app(client_name: str, address: str, name: str) -> Iterator[Callable[[str], App]]:
    made: list[App] = []

    def make(guarantee: str) -> App:
        made.append(App(client_name, address, name, guarantee))
        return made[-1]

    yield make
    for one in made:
        one.kill()


@pytest.mark.feature("at-least-once")
def test_a_count_goes_on_elsewhere_after_a_stop(
    app: Callable[[str], App], helper: RemoteClient, name: str, tmp_path: Path
) -> None:
    counting = app("at-least-once")
    out = prepare(helper, name)
    counting.start(tmp_path / "here")
    say_words(helper, name)
    read = poll_until([out], lambda read: counts(read) == expected(ROUNDS))
    counting.stop()
    say_words(helper, name)
    counting.start(tmp_path / "elsewhere")
    poll_until([out], lambda more: counts(read + more) == expected(2 * ROUNDS))


@pytest.mark.feature("exactly-once")
def test_a_count_is_exact_after_a_kill(
    app: Callable[[str], App], helper: RemoteClient, name: str, tmp_path: Path
) -> None:
    counting = app("exactly-once")
    out = prepare(helper, name)
    counting.start(tmp_path / "here")
    say_words(helper, name)
    read = poll_until([out], bool)
    say_words(helper, name)
    counting.kill()
    counting.start(tmp_path / "elsewhere")
    read += poll_until([out], lambda more: len(read) + len(more) >= 2 * ROUNDS * WORDS)
    assert counts(read) == expected(2 * ROUNDS)


def prepare(helper: RemoteClient, name: str) -> Reader:
    """Make the topics; return a reader of what is counted and committed."""
    for topic in (f"{name}-in", f"{name}-out"):
        helper.create_topic(topic, partitions=PARTITIONS)
    places = dict.fromkeys(range(PARTITIONS), 0)
    return helper.reader(f"{name}-out", places, committed_only=True)


def say_words(helper: RemoteClient, name: str) -> None:
    records = [
        Sent(key=b"%d" % number, value=b"word-%d" % (number % WORDS), timestamp_ms=START_MS)
        for number in range(WORDS * ROUNDS)
    ]
    helper.produce(f"{name}-in", records, idempotent=True)


def counts(read: list[Read]) -> dict[bytes, list[int]]:
    """Every count that was told of a word, in order."""
    told: dict[bytes, list[int]] = defaultdict(list)
    for one in sorted(read, key=lambda one: (one.partition, one.offset)):
        told[one.sent.key or b""].append(int(one.sent.value or b"0"))
    return dict(told)


def expected(rounds: int) -> dict[bytes, list[int]]:
    return {b"word-%d" % number: list(range(1, rounds + 1)) for number in range(WORDS)}
