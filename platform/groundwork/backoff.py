"""How long to wait before trying again: exponential with full jitter.

Full jitter draws each delay from nothing up to a ceiling that doubles, so that clients which
lost the same peer at the same moment do not come back at the same moment.
"""

from groundwork.seams import Rng


class Backoff:
    """Delays of one peer: `next_delay_ms` after each failure, `reset` after a success."""

    def __init__(self, rng: Rng, *, base_ms: int = 20, cap_ms: int = 1_000) -> None:
        assert 0 < base_ms <= cap_ms
        self._rng = rng
        self._base_ms = base_ms
        self._cap_ms = cap_ms
        self._failures = 0

    def next_delay_ms(self) -> int:
        """Return a delay in 1..ceiling; the ceiling is base * 2^failures, at most the cap."""
        ceiling_ms = self._base_ms
        for _ in range(self._failures):
            ceiling_ms = min(self._cap_ms, ceiling_ms * 2)
            if ceiling_ms == self._cap_ms:
                break
        self._failures += 1
        return self._rng.randint(1, ceiling_ms)

    def reset(self) -> None:
        self._failures = 0
