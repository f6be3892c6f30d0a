"""What one request names again and again: described again, as by Kafka, but not for ever."""

from collections.abc import Hashable
from typing import Final

# Of one request, all names together; what is named still more often is left out of the answer.
# A name takes some bytes of a request, and what is told of it may be megabytes.
REPETITIONS_MAX: Final = 10


class Repetitions:
    """Of one request, so that its answer stays in proportion to what there is."""

    def __init__(self) -> None:
        self._named: set[Hashable] = set()
        self._left = REPETITIONS_MAX

    def admit(self, named: Hashable) -> bool:
        """Whether this is to be described, once more or for the first time."""
        if named not in self._named:
            self._named.add(named)
            return True
        self._left -= 1
        return self._left >= 0
