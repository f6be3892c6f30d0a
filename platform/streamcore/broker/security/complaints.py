"""Journal lines about peers, so few that no peer can fill the disk with them.

Pure: decides what is said. In each window a host may be complained of some times for one
kind of fault, and all hosts together a bounded number of times; the rest is counted, and
the count is said when the window is over.
"""

from collections import Counter

WINDOW_MS = 60_000
# Of all hosts and kinds together, as a multiple of what one host and kind may have.
ALL_TOGETHER = 25
# Hosts and kinds that are counted apart in one window; those beyond are counted as one.
COUNTED_MAX = 1_000


class Complaints:
    """What was said about whom since the window began."""

    def __init__(self, *, lines_max: int) -> None:
        self._lines_max = lines_max
        self._said: Counter[tuple[str, str]] = Counter()
        self._subjects: set[tuple[str, str, str]] = set()  # of what was said
        self._said_total = 0
        self._left_out: Counter[str] = Counter()
        self._hosts_left_out: set[str] = set()
        self._window_end_ms: int | None = None

    def may_be_said(self, host: str, kind: str, now_ms: int, *, subject: str | None = None) -> bool:
        """Whether a line about this host is to be written. If not, it has been counted.

        A subject is spoken of once.
        """
        if self._window_end_ms is None:
            self._window_end_ms = now_ms + WINDOW_MS
        key = (host, kind)
        is_room = self._said_total < ALL_TOGETHER * self._lines_max
        is_new = subject is None or (host, kind, subject) not in self._subjects
        if is_room and is_new and self._said[key] < self._lines_max:
            if subject is not None:
                self._subjects.add((host, kind, subject))
            self._said[key] += 1
            self._said_total += 1
            return True
        self._left_out[kind] += 1
        if len(self._hosts_left_out) < COUNTED_MAX:
            self._hosts_left_out.add(host)
        return False

    def close_window(self, now_ms: int) -> str | None:
        """To be called now and then: what was left out of a window that is over, if anything."""
        if self._window_end_ms is None or now_ms < self._window_end_ms:
            return None
        left_out, hosts = self._left_out, len(self._hosts_left_out)
        self._said.clear()
        self._subjects.clear()
        self._said_total = 0
        self._left_out, self._hosts_left_out = Counter(), set()
        self._window_end_ms = None
        if not left_out:
            return None
        kinds = ", ".join(f"{kind}: {count}" for kind, count in left_out.most_common())
        return f"{left_out.total()} more lines about {hosts} hosts were left out ({kinds})"
