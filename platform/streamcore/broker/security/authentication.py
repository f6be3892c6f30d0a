"""The SASL of one connection: the shell around `sasl_states` and `tokens`.

Adds what those leave out: who the users are, a thread for passwords, the pause before a
refusal (guessing is slow, and the loop is not), the end of the SASL session, the journal.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from streamcore.broker.security.guard import Guard
from streamcore.broker.security.sasl_states import SaslEvent, SaslState, advance, allows
from streamcore.broker.security.tokens import (
    Accepted,
    Challenge,
    PasswordCheck,
    Refused,
    Step,
    TokenExchange,
    exchange_for,
)
from streamcore.wire.error_codes import ErrorCode

# The same for every reason: who exists is nobody's business.
GENERIC_REFUSAL = "Authentication failed: wrong user name or password"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAnswer:
    """What a peer is told about its token."""

    error: ErrorCode = ErrorCode.NONE
    message: str | None = None
    token: bytes = b""
    session_lifetime_ms: int = 0


class Authentication:
    """Takes mechanisms and tokens of one connection, one at a time.

    `on_change` is called when it has become another state; `on_refused` with a reason for
    the journal.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        on_change: Callable[[], None],
        on_refused: Callable[[str], None],
    ) -> None:
        self._guard = guard
        self._on_change = on_change
        self._on_refused = on_refused
        self._mechanism = ""
        self._exchange: TokenExchange | None = None
        self._user: str | None = None
        self._session_end_ms: int | None = None
        self._forget: Callable[[], object] | None = None
        self.state = SaslState.UNNAMED

    def allows(self, api_key: int) -> bool:
        """Whether the peer may ask this now."""
        return allows(self.state, api_key, is_session_over=self.is_session_over)

    @property
    def is_authenticated(self) -> bool:
        return self.state is SaslState.AUTHENTICATED

    @property
    def user(self) -> str | None:
        """Who the peer is, once it has shown it."""
        return self._user

    @property
    def is_session_over(self) -> bool:
        end_ms = self._session_end_ms
        return end_ms is not None and self._guard.clock.monotonic_ms() >= end_ms

    def name_mechanism(self, mechanism: str, *, bare_tokens: bool) -> ErrorCode:
        """Begin an exchange."""
        again = self.is_authenticated
        if again and bare_tokens:
            return ErrorCode.ILLEGAL_SASL_STATE  # KIP-368: not without SaslAuthenticate
        if mechanism not in self._guard.mechanisms or (again and mechanism != self._mechanism):
            self._advance(SaslEvent.REFUSED)
            self._on_refused(f"SASL mechanism {mechanism[:40]!r} is not to be had")
            return ErrorCode.UNSUPPORTED_SASL_MECHANISM
        self._mechanism = mechanism
        self._exchange = exchange_for(mechanism, self._guard.users, self._guard.make_nonce)
        self._advance(
            SaslEvent.MECHANISM_NAMED_FOR_BARE_TOKENS if bare_tokens else SaslEvent.MECHANISM_NAMED
        )
        return ErrorCode.NONE

    def take_token(self, token: bytes, on_answer: Callable[[TokenAnswer], None]) -> None:
        """Take the next token of the exchange; the answer may come later."""
        assert self._exchange is not None, "the state lets no token come before a mechanism"
        self._take_step(self._exchange.take(token), on_answer)

    def _take_step(self, step: Step, on_answer: Callable[[TokenAnswer], None]) -> None:
        if isinstance(step, PasswordCheck):
            self._forget = self._guard.passwords.check(
                step, lambda outcome: self._take_step(outcome, on_answer)
            )
        elif isinstance(step, Challenge):
            self._advance(SaslEvent.CHALLENGED)
            on_answer(TokenAnswer(token=step.token))
        elif isinstance(step, Accepted) and self._user in (None, step.user):
            on_answer(self._accepted(step))
        else:
            reason = step.reason if isinstance(step, Refused) else "it became another user"
            self._refuse(reason, on_answer)

    def _accepted(self, step: Accepted) -> TokenAnswer:
        lifetime_ms = self._guard.session_ms_max
        if lifetime_ms:
            self._session_end_ms = self._guard.clock.monotonic_ms() + lifetime_ms
        self._user = step.user
        self._exchange = None
        self._advance(SaslEvent.ACCEPTED)
        return TokenAnswer(token=step.token, session_lifetime_ms=lifetime_ms)

    def _refuse(self, reason: str, on_answer: Callable[[TokenAnswer], None]) -> None:
        self._advance(SaslEvent.REFUSED)
        self._on_refused(f"authentication by {self._mechanism} failed: {reason}")
        answer = TokenAnswer(error=ErrorCode.SASL_AUTHENTICATION_FAILED, message=GENERIC_REFUSAL)
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._guard.refusal_delay_ms / 1000, on_answer, answer)
        self._forget = timer.cancel

    def _advance(self, event: SaslEvent) -> None:
        self.state = advance(self.state, event)
        self._on_change()

    def close(self) -> None:
        """The connection has gone: nobody wants an answer any more."""
        if self._forget is not None:
            self._forget()
