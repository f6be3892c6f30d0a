"""`__transaction_state` as the transaction coordinator's memory."""

import logging
from collections.abc import Callable, Iterator

from streamcore.broker.internal_log import Entry, InternalLog
from streamcore.transactions.coordinator import Change
from streamcore.transactions.log_records import (
    decode_key,
    decode_value,
    encode_key,
    encode_value,
)
from streamcore.transactions.transaction import Transaction
from streamcore.wire.reading import Malformed

logger = logging.getLogger(__name__)


class TransactionLog:
    """Appends transactions, each to the partition of its transactional id."""

    def __init__(self, log: InternalLog) -> None:
        self._log = log

    def append(self, change: Change, on_written: Callable[[bool], None]) -> None:
        """Write a change; `on_written` is told at the end of this tick or later."""
        value = None if change.after is None else encode_value(change.after)
        entry = Entry(encode_key(change.transactional_id), value)
        self._log.append(
            [(change.transactional_id, entry)], lambda offsets: on_written(offsets is not None)
        )

    def read(self) -> Iterator[Transaction]:
        """Yield what the log says last of each transactional id."""
        latest: dict[bytes, bytes | None] = {}
        for batch in self._log.read():
            for record in batch.records:
                latest[record.key or b""] = record.value
        for key, value in latest.items():
            transaction = None if value is None else _decoded(key, value)
            if transaction is not None:
                yield transaction


def _decoded(key: bytes, value: bytes) -> Transaction | None:
    try:
        transactional_id = decode_key(key)
        return None if transactional_id is None else decode_value(transactional_id, value)
    except Malformed as fault:
        logger.warning("an entry of the log of transactions is none: %s", fault)
        return None
