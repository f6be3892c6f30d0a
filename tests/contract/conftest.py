"""What the contract suites of the log share: both engines, and a broker to hold them against."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from groundwork.real.clocks import SystemClock
from streamcore.client import connect
from streamcore.client.api import Log, LogSettings
from tests.support.broker_process import BrokerProcess


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The broker that all tests but the killing ones share."""
    if (kafka := os.environ.get("HAILSTREAM_TEST_KAFKA")) is not None:
        yield kafka
        return
    with BrokerProcess(tmp_path_factory.mktemp("broker") / "data") as process:
        yield process.address


@pytest.fixture(params=["columnar", "librdkafka"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def log(engine: str, broker: str) -> AsyncIterator[Log]:
    connected = await connect(LogSettings(bootstrap_servers=broker, engine=engine), SystemClock())
    try:
        yield connected
    finally:
        await connected.close()
