"""Random faults on a broker: killed, ended in order, frozen, without room on its disk."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from loadlab.broker_process import BrokerProcess

PAUSE_S: Final = (2.0, 10.0)  # between faults
LASTS_S: Final = (0.5, 3.0)  # what has a duration


class Fault(StrEnum):
    KILLED = "killed"  # SIGKILL, and started again
    ENDED = "ended"  # SIGTERM, and started again
    FROZEN = "frozen"  # SIGSTOP for a while
    DISK_FULL = "disk full"  # writes are refused for a while


WEIGHTS: Final = {Fault.KILLED: 5, Fault.ENDED: 2, Fault.FROZEN: 1, Fault.DISK_FULL: 3}


class FaultInjector:
    """Lets one fault follow another until told to stop; then the broker runs.

    `run` is for a thread of its own. Raises what keeps the broker from starting or ending.
    """

    def __init__(
        self, broker: BrokerProcess, rng: random.Random, *, pause_s: tuple[float, float]
    ) -> None:
        self.injected: Counter[Fault] = Counter()
        self._broker = broker
        self._rng = rng
        self._pause_s = pause_s
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.wait(self._rng.uniform(*self._pause_s)):
            (fault,) = self._rng.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))
            self._inject(fault)
            self.injected[fault] += 1

    def _inject(self, fault: Fault) -> None:
        broker = self._broker
        match fault:
            case Fault.KILLED:
                broker.kill()
                broker.start()
            case Fault.ENDED:
                broker.stop()
                broker.start()
            case Fault.FROZEN:
                self._for_a_while(broker.freeze, broker.thaw)
            case Fault.DISK_FULL:
                self._for_a_while(broker.fill_disk, broker.free_disk)

    def _for_a_while(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        begin()
        try:
            self._stopping.wait(self._rng.uniform(*LASTS_S))
        finally:
            end()
