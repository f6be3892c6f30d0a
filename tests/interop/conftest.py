"""The suite's broker, its clients, and the table that it keeps.

Every test of a feature runs once per client that has it. `HAILSTREAM_TEST_KAFKA=HOST:PORT` holds
the suite against another broker: that is how the tests themselves are proved right.
`HAILSTREAM_INTEROP_REWRITE=1` writes `results.json` anew.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop import results
from tests.interop.brokers import KAFKA, Restartable, own_broker
from tests.interop.matrix import kinds_of
from tests.interop.scene import Others
from tests.support.broker_process import running_broker
from tests.support.clients.remote import RemoteClient

TIMEOUT_S = 180  # longer than any of the waits within a test, which say what they wait for
REWRITE = "HAILSTREAM_INTEROP_REWRITE" in os.environ  # `make interop` sets it


def pytest_configure(config: pytest.Config) -> None:
    if REWRITE and not hasattr(config, "workerinput"):
        assert KAFKA is None, "the table is about our own broker"
        config.pluginmanager.register(Recorder())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marker = metafunc.definition.get_closest_marker("feature")
    if marker is not None:
        names = [
            pytest.param(name, marks=pytest.mark.xdist_group(name))
            for name in kinds_of(marker.args[0])
        ]
        metafunc.parametrize("client_name", names)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One test fills one row: with two, the table could not say what it means."""
    rows: dict[str, str] = {}
    for item in items:
        if (marker := item.get_closest_marker("feature")) is not None:
            test = item.nodeid.partition("[")[0]
            assert rows.setdefault(marker.args[0], test) == test, (marker.args[0], test)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    del call
    made = yield
    marker = item.get_closest_marker("feature")
    if marker is None:
        return
    report: pytest.TestReport = made.get_result()  # type: ignore[attr-defined]  # pluggy's result
    client = item.callspec.params["client_name"]  # type: ignore[attr-defined]  # a Function
    report.user_properties.append(("pair", (client, marker.args[0])))
    if KAFKA is None and not REWRITE and report.when == "call" and report.passed:
        said = results.objection(client, marker.args[0], report.outcome, results.recorded())
        if said is not None:
            report.outcome, report.longrepr = "failed", said


class Recorder:
    """Gathers the outcomes of a whole run, from all workers, and writes them."""

    def __init__(self) -> None:
        self._outcomes: dict[str, dict[str, str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        pair: Any = dict(report.user_properties).get("pair")
        if pair is None or report.skipped:
            return
        client, feature = pair
        known = self._outcomes.setdefault(client, {})
        if report.failed or feature not in known:
            known[feature] = report.outcome

    def pytest_sessionfinish(self) -> None:
        merged = {name: dict(outcomes) for name, outcomes in results.recorded().items()}
        for client, outcomes in self._outcomes.items():
            merged.setdefault(client, {}).update(outcomes)
        results.RESULTS.write_text(results.as_text(merged), encoding="utf-8")


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker for all tests of a worker; each test takes topics and groups of its own."""
    if KAFKA is not None:
        yield KAFKA
        return
    with running_broker(tmp_path_factory.mktemp("interop"), log_cleaner_backoff_ms=500) as address:
        yield address


@pytest.fixture(scope="session")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Others]:
    """Clients in processes of their own, kept from one test to the next."""
    kept = Others(tmp_path_factory.mktemp("clients"))
    yield kept
    kept.close()


@pytest.fixture
def client(client_name: str, address: str, others: Others) -> Iterator[RemoteClient]:
    """The client that a test is about. What it gives out is closed behind the test."""
    made = others.client(client_name, address)
    yield made
    others.tidy(made)


@pytest.fixture
def fresh(client_name: str, address: str, others: Others) -> Iterator[Callable[[], RemoteClient]]:
    """Make the client once more, in a process that may be killed. It is, at the end."""
    made: list[RemoteClient] = []

    def make() -> RemoteClient:
        made.append(others.fresh(client_name, address))
        return made[-1]

    yield make
    for client in made:
        client.process.kill()


@pytest.fixture
def helper(address: str, others: Others) -> Iterator[RemoteClient]:
    """A client that does for the others what they cannot, and looks at what they did."""
    made = others.client("kafka-python", address)
    yield made
    others.tidy(made)


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def restartable(tmp_path: Path) -> Iterator[Restartable]:
    """A broker of the test's own, to be killed."""
    with own_broker(tmp_path / "broker") as broker:
        yield broker
