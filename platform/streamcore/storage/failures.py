"""What can go wrong between a log and its disk."""


class StorageFailed(Exception):
    """The disk refused: nothing of this append is in the log. It may work again later."""

    def __init__(self, path: str, error: OSError) -> None:
        super().__init__(f"{path}: {error.strerror or error}")
        self.path = path
        self.error = error


class SegmentCorrupt(Exception):
    """Bytes of a segment that are no batch, at a place where a batch must begin."""

    def __init__(self, path: str, position: int, reason: str) -> None:
        super().__init__(f"{path} at byte {position}: {reason}")
        self.path = path
        self.position = position
        self.reason = reason
