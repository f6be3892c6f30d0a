"""The table of a transaction's life: what is listed moves, everything else raises."""

import itertools

import pytest

from streamcore.transactions.states import (
    TRANSACTION_TRANSITIONS,
    IllegalTransactionTransition,
    TransactionEvent,
    TransactionState,
    advance,
)


@pytest.mark.parametrize(
    ("state", "event"), list(itertools.product(TransactionState, TransactionEvent))
)
def test_listed_transitions_move_and_the_rest_raise(
    state: TransactionState, event: TransactionEvent
) -> None:
    if (state, event) in TRANSACTION_TRANSITIONS:
        assert advance(state, event) is TRANSACTION_TRANSITIONS[state, event]
    else:
        with pytest.raises(IllegalTransactionTransition):
            advance(state, event)


def test_every_state_can_be_left_but_the_last() -> None:
    assert {state for state, _ in TRANSACTION_TRANSITIONS} == set(TransactionState) - {
        TransactionState.DEAD
    }


def test_states_are_called_as_kafka_calls_them() -> None:
    assert [state.title for state in TransactionState] == [
        "Empty",
        "Ongoing",
        "PrepareCommit",
        "PrepareAbort",
        "CompleteCommit",
        "CompleteAbort",
        "Dead",
    ]
