"""All answers that become ready in one loop tick: one write a connection."""

from collections.abc import Callable


class SendRound:
    """Collects connections that have something to send; `flush` lets each send once."""

    def __init__(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._call_soon = call_soon
        self._due: list[Callable[[], None]] = []

    def due(self, send: Callable[[], None]) -> None:
        """Call `send` at the end of this tick, or with the next `flush`."""
        if not self._due:
            self._call_soon(self.flush)
        self._due.append(send)

    def flush(self) -> None:
        due, self._due = self._due, []
        for send in due:
            send()
