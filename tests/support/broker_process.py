"""A real broker for a test: a process of its own, on a free port."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from loadlab import broker_process
from loadlab.broker_process import BrokerDidNotStart

__all__ = ["BrokerDidNotStart", "BrokerProcess", "running_broker"]


class BrokerProcess(broker_process.BrokerProcess):
    """All tests of a module come from one host, and some look for the journal line about them."""

    def __init__(self, data_dir: Path, *, port: int = 0, **settings: object) -> None:
        super().__init__(data_dir, port=port, **{"peer_lines_per_minute": 10_000, **settings})


@contextlib.contextmanager
def running_broker(tmp_path: Path, **settings: object) -> Iterator[str]:
    """Run a broker over `tmp_path/broker`; yield its address. Settings as `num_partitions=2`."""
    with BrokerProcess(tmp_path / "broker", port=0, **settings) as broker:
        yield broker.address
