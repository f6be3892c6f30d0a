"""Hands out producer ids, each at most once in the life of a data directory.

Ids are taken from the disk in blocks: a crash loses the rest of a block, never repeats one.
"""

from groundwork.seams import Directory

PRODUCER_IDS_FILE = "producer_ids"
BLOCK = 1000


class ProducerIdsUnreadable(Exception):
    """The file is not what was written: ids given out before might be given out again."""


class ProducerIds:
    """The next free id. Raises `ProducerIdsUnreadable`, and `OSError` where a new block cannot
    be reserved."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._next = self._reserved_end = self._stored()

    def _stored(self) -> int:
        if not self._directory.exists(PRODUCER_IDS_FILE):
            return 0
        data = self._directory.read(PRODUCER_IDS_FILE)
        try:
            return int(data)
        except ValueError:
            raise ProducerIdsUnreadable(f"{PRODUCER_IDS_FILE} holds {data!r}, no number") from None

    def take(self) -> int:
        if self._next == self._reserved_end:
            end = self._reserved_end + BLOCK
            self._directory.write_atomically(PRODUCER_IDS_FILE, b"%d\n" % end)
            self._reserved_end = end
        self._next += 1
        return self._next - 1
