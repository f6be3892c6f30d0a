"""A broker for all tests of a module; each test takes topics and groups of its own."""

import gc
import uuid
import warnings
from collections.abc import Iterator

import pytest

from tests.support.broker_process import running_broker


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_broker(tmp_path_factory.mktemp("interop")) as address:
        yield address


@pytest.fixture(autouse=True)
def others_clients_are_swept_up() -> Iterator[None]:
    """kafka-python leaves sockets to the collector, which would blame whatever test comes next."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"t-{uuid.uuid4().hex[:12]}"
