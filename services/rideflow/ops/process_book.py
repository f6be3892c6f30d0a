"""The processes of the city, as they say they are in service.vitals."""

from dataclasses import dataclass
from typing import Final

from rideflow.contracts.operations import ProcessLine
from rideflow.contracts.vitals import Vitals

GONE_MS: Final = 60_000  # silent for so long: no longer shown
PROCESSES_MAX: Final = 1_000

ProcessKey = tuple[str, int]  # service, instance


@dataclass(slots=True, kw_only=True)
class _Process:
    newest: Vitals
    cpu_cores: float = 0.0
    restarts: int = 0
    counted_before: dict[str, float]


class ProcessBook:
    """Newest vitals by process. Bounded: at most PROCESSES_MAX, the silent ones leave."""

    def __init__(self) -> None:
        self._processes: dict[ProcessKey, _Process] = {}

    def take(self, vitals: Vitals) -> None:
        key = vitals.service, vitals.instance
        process = self._processes.get(key)
        if process is None:
            if len(self._processes) < PROCESSES_MAX:
                self._processes[key] = _Process(newest=vitals, counted_before={})
            return
        before = process.newest
        if vitals.started_ms < before.started_ms or vitals.at_ms <= before.at_ms:
            return
        if vitals.started_ms > before.started_ms:
            process.restarts += 1
            process.counted_before = _sum(process.counted_before, before.counters)
            process.cpu_cores = 0.0
        else:
            process.cpu_cores = 1000 * (vitals.cpu_s - before.cpu_s) / (vitals.at_ms - before.at_ms)
        process.newest = vitals

    def lines(self, now_ms: int) -> list[ProcessLine]:
        """One line a process, by name."""
        self._forget(now_ms)
        return [
            ProcessLine(
                service=service,
                instance=instance,
                pid=process.newest.pid,
                cpu_cores=round(process.cpu_cores, 3),
                rss_mb=round(process.newest.rss_mb, 1),
                started_ms=process.newest.started_ms,
                restarts=process.restarts,
                age_ms=max(0, now_ms - process.newest.at_ms),
            )
            for (service, instance), process in sorted(self._processes.items())
        ]

    def newest(self) -> list[Vitals]:
        return [self._processes[key].newest for key in sorted(self._processes)]

    def gauges(self, prefix: str) -> dict[str, dict[str, float]]:
        """service -> {what follows `prefix`: the gauge's value}."""
        found: dict[str, dict[str, float]] = {}
        for vitals in self.newest():
            for name, value in vitals.gauges.items():
                if name.startswith(prefix):
                    found.setdefault(vitals.service, {})[name.removeprefix(prefix)] = value
        return found

    def counters(self, service: str) -> dict[str, float]:
        """The counters of a service over all its processes and their earlier lives."""
        total: dict[str, float] = {}
        for (of, _), process in self._processes.items():
            if of == service:
                total = _sum(total, process.counted_before)
                total = _sum(total, process.newest.counters)
        return total

    def _forget(self, now_ms: int) -> None:
        for key, process in list(self._processes.items()):
            if now_ms - process.newest.at_ms > GONE_MS:
                del self._processes[key]


def _sum(one: dict[str, float], two: dict[str, float]) -> dict[str, float]:
    return {name: one.get(name, 0.0) + two.get(name, 0.0) for name in one.keys() | two.keys()}
