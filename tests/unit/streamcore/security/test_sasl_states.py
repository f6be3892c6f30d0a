"""The table of SASL states: what is listed moves, the rest is refused and changes nothing."""

import itertools

import pytest

from streamcore.broker.security.sasl_states import (
    SASL_TRANSITIONS,
    IllegalSaslStep,
    SaslEvent,
    SaslState,
    advance,
    allows,
)
from streamcore.wire.api_keys import ApiKey

PAIRS = list(itertools.product(SaslState, SaslEvent))


@pytest.mark.parametrize(("state", "event"), PAIRS)
def test_a_step_is_in_the_table_or_illegal(state: SaslState, event: SaslEvent) -> None:
    if (state, event) in SASL_TRANSITIONS:
        assert advance(state, event) is SASL_TRANSITIONS[state, event]
    else:
        with pytest.raises(IllegalSaslStep, match=f"{event.name} while {state.name}"):
            advance(state, event)


def test_nobody_is_authenticated_but_by_a_token_that_was_accepted() -> None:
    ways = {pair for pair, after in SASL_TRANSITIONS.items() if after is SaslState.AUTHENTICATED}
    assert {event for _, event in ways} == {SaslEvent.ACCEPTED}
    assert SaslState.UNNAMED not in {state for state, _ in ways}


def test_nothing_leads_away_from_a_refusal() -> None:
    assert not [pair for pair in SASL_TRANSITIONS if pair[0] is SaslState.REFUSED]


@pytest.mark.parametrize("state", [s for s in SaslState if s is not SaslState.AUTHENTICATED])
def test_before_the_log_in_only_three_apis_are_allowed_at_all(state: SaslState) -> None:
    harmless = {ApiKey.API_VERSIONS, ApiKey.SASL_HANDSHAKE, ApiKey.SASL_AUTHENTICATE}
    assert {key for key in ApiKey if allows(state, key)} <= harmless
    assert not allows(state, 999)


def test_after_the_log_in_everything_is_allowed_until_the_session_is_over() -> None:
    state = SaslState.AUTHENTICATED
    assert all(allows(state, key) for key in ApiKey)
    allowed = {key for key in ApiKey if allows(state, key, is_session_over=True)}
    assert allowed == {ApiKey.SASL_HANDSHAKE}
