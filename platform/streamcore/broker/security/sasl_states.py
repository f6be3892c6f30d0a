"""How far a connection is with SASL: one table, and what each state lets a peer ask.

A peer names a mechanism (SaslHandshake) and exchanges tokens, in SaslAuthenticate requests
(KIP-152) or, after version 0 of the handshake, as bare frames. Once it is authenticated it
may ask for anything; it may also authenticate again (KIP-368), which it must before its
SASL session ends, where the broker sets one an end.
"""

from enum import Enum, auto

from streamcore.wire.api_keys import ApiKey


class SaslState(Enum):
    """Where a connection stands."""

    UNNAMED = auto()  # no mechanism yet
    TOKENS = auto()  # tokens come in SaslAuthenticate requests
    BARE_TOKENS = auto()  # tokens come as frames of their own
    AUTHENTICATED = auto()
    TOKENS_AGAIN = auto()  # was authenticated, and is about to be again
    REFUSED = auto()  # the answer that says so is the last


class SaslEvent(Enum):
    """What happened."""

    MECHANISM_NAMED = auto()
    MECHANISM_NAMED_FOR_BARE_TOKENS = auto()
    CHALLENGED = auto()
    ACCEPTED = auto()
    REFUSED = auto()


_S, _E = SaslState, SaslEvent

SASL_TRANSITIONS: dict[tuple[SaslState, SaslEvent], SaslState] = {
    (_S.UNNAMED, _E.MECHANISM_NAMED): _S.TOKENS,
    (_S.UNNAMED, _E.MECHANISM_NAMED_FOR_BARE_TOKENS): _S.BARE_TOKENS,
    (_S.UNNAMED, _E.REFUSED): _S.REFUSED,
    (_S.TOKENS, _E.CHALLENGED): _S.TOKENS,
    (_S.TOKENS, _E.ACCEPTED): _S.AUTHENTICATED,
    (_S.TOKENS, _E.REFUSED): _S.REFUSED,
    (_S.BARE_TOKENS, _E.CHALLENGED): _S.BARE_TOKENS,
    (_S.BARE_TOKENS, _E.ACCEPTED): _S.AUTHENTICATED,
    (_S.BARE_TOKENS, _E.REFUSED): _S.REFUSED,
    (_S.AUTHENTICATED, _E.MECHANISM_NAMED): _S.TOKENS_AGAIN,
    (_S.AUTHENTICATED, _E.REFUSED): _S.REFUSED,
    (_S.TOKENS_AGAIN, _E.CHALLENGED): _S.TOKENS_AGAIN,
    (_S.TOKENS_AGAIN, _E.ACCEPTED): _S.AUTHENTICATED,
    (_S.TOKENS_AGAIN, _E.REFUSED): _S.REFUSED,
}

# What may be asked; nothing is missing here but AUTHENTICATED, in which all may be.
_ALLOWED: dict[SaslState, frozenset[ApiKey]] = {
    _S.UNNAMED: frozenset({ApiKey.API_VERSIONS, ApiKey.SASL_HANDSHAKE}),
    _S.TOKENS: frozenset({ApiKey.SASL_AUTHENTICATE}),
    _S.BARE_TOKENS: frozenset(),
    _S.TOKENS_AGAIN: frozenset({ApiKey.SASL_AUTHENTICATE}),
    _S.REFUSED: frozenset(),
}
# When the SASL session is over, a peer can only begin a new one.
_ALLOWED_WHEN_OVER = frozenset({ApiKey.SASL_HANDSHAKE})


class IllegalSaslStep(Exception):
    """The event cannot happen in this state. Nothing has changed."""


def advance(state: SaslState, event: SaslEvent) -> SaslState:
    """The state after an event. Raises `IllegalSaslStep`."""
    try:
        return SASL_TRANSITIONS[state, event]
    except KeyError:
        raise IllegalSaslStep(f"{event.name} while {state.name}") from None


def allows(state: SaslState, api_key: int, *, is_session_over: bool = False) -> bool:
    """Whether a peer may ask this."""
    if state is SaslState.AUTHENTICATED:
        return not is_session_over or api_key in _ALLOWED_WHEN_OVER
    return api_key in _ALLOWED[state]
