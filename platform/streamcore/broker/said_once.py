"""Keeps a fault that a client meets many times a second from filling the journal."""

REMEMBERED_MAX = 1000


class SaidOnce:
    """Remembers what was said. When it is full it forgets all, and things are said again."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def is_new(self, text: str) -> bool:
        """Whether `text` is asked about for the first time."""
        if text in self._said:
            return False
        if len(self._said) >= REMEMBERED_MAX:
            self._said.clear()
        self._said.add(text)
        return True
