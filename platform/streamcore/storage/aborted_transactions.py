"""A transaction that was aborted, as readers and the cleaner are told of it."""

from typing import NamedTuple


class AbortedTransaction(NamedTuple):
    """One producer's records from `first_offset` up to its abort marker at `last_offset`."""

    producer_id: int
    first_offset: int
    last_offset: int
