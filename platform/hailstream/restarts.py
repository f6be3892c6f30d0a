"""When a process that died is started again. Pure: it is told the time and decides."""

from dataclasses import dataclass, field

FIRST_WAIT_MS = 100
WAIT_MS_MAX = 5_000
# One that lived this long has proved itself: its next death waits the first wait again.
PROVED_AFTER_MS = 30_000
# So many deaths without proving itself, and it is given up: the fault is not a passing one.
DEATHS_MAX = 8


@dataclass(slots=True)
class RestartPolicy:
    """Doubling waits, forgotten after a proved life."""

    restarts: int = 0
    _deaths_in_a_row: int = field(default=0, init=False)

    def wait_after_death(self, *, lived_ms: int) -> int | None:
        """Milliseconds to wait before the next start; None to give up."""
        if lived_ms >= PROVED_AFTER_MS:
            self._deaths_in_a_row = 0
        self._deaths_in_a_row += 1
        if self._deaths_in_a_row > DEATHS_MAX:
            return None
        self.restarts += 1
        return int(min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** (self._deaths_in_a_row - 1)))
