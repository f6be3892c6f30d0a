"""What the coordinator writes comes back, in the format of Kafka's own log of transactions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamcore.transactions.log_records import (
    decode_key,
    decode_value,
    encode_key,
    encode_value,
)
from streamcore.transactions.states import TransactionState
from streamcore.transactions.transaction import Place, Transaction, TransactionalId
from streamcore.wire.reading import Malformed

PRODUCER_IDS = st.integers(-1, (1 << 63) - 1)
TIMES = st.integers(-1, 1 << 50)

transactions = st.builds(
    Transaction,
    transactional_id=st.just(TransactionalId("tx")),
    producer_id=PRODUCER_IDS,
    epoch=st.integers(-1, (1 << 15) - 1),
    previous_producer_id=PRODUCER_IDS,
    next_producer_id=PRODUCER_IDS,
    timeout_ms=st.integers(0, (1 << 31) - 1),
    state=st.sampled_from(TransactionState),
    places=st.frozensets(st.builds(Place, st.text(max_size=5), st.integers(0, 9)), max_size=5),
    started_ms=TIMES,
    updated_ms=TIMES,
    client_version=st.integers(0, 5),
)


@given(transactions)
def test_a_transaction_comes_back_as_it_was_written(transaction: Transaction) -> None:
    value = encode_value(transaction)
    assert decode_value(transaction.transactional_id, value) == transaction


def test_the_bytes_are_those_of_kafkas_schema() -> None:
    transaction = Transaction(
        transactional_id=TransactionalId("tx"),
        producer_id=5,
        epoch=3,
        next_producer_id=9,
        timeout_ms=60_000,
        state=TransactionState.PREPARE_COMMIT,
        places=frozenset({Place("t", 2), Place("t", 1)}),
        started_ms=7,
        updated_ms=8,
        client_version=2,
    )
    assert encode_key(transaction.transactional_id).hex(" ") == "00 00 00 02 74 78"
    assert encode_value(transaction).hex(" ") == (
        "00 01 "  # version
        "00 00 00 00 00 00 00 05 00 03 00 00 ea 60 02 "  # id, epoch, time-out, state
        "02 02 74 03 00 00 00 01 00 00 00 02 00 "  # one topic, its partitions, no tags
        "00 00 00 00 00 00 00 08 00 00 00 00 00 00 00 07 "  # updated, started
        "02 01 08 00 00 00 00 00 00 00 09 02 02 00 02"  # tags: next id, client's version
    )


def test_other_kinds_and_versions_are_passed_over_and_broken_ones_are_named() -> None:
    assert decode_key(b"\x00\x01\x00\x01x") is None
    assert decode_value(TransactionalId("tx"), b"\x00\x07rest") is None
    with pytest.raises(Malformed):
        decode_value(TransactionalId("tx"), b"\x00\x01\x00")
    with pytest.raises(Malformed, match="state of a transaction"):
        decode_value(TransactionalId("tx"), b"\x00\x01" + bytes(14) + b"\x63" + bytes(18))
