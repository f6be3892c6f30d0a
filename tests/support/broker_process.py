"""A real broker for a test: a process of its own, on a free port."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from loadlab.broker_process import BrokerDidNotStart, BrokerProcess

__all__ = ["BrokerDidNotStart", "BrokerProcess", "running_broker"]


@contextlib.contextmanager
def running_broker(tmp_path: Path, **settings: object) -> Iterator[str]:
    """Run a broker over `tmp_path/broker`; yield its address. Settings as `num_partitions=2`."""
    with BrokerProcess(tmp_path / "broker", port=0, **settings) as broker:
        yield broker.address
