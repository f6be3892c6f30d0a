"""A connection whose peer has to say who it is, by SASL, before it may ask for anything."""

from collections.abc import Callable
from functools import partial

from streamcore.broker.connection import Connection, Route
from streamcore.broker.handlers.registry import PendingReply, Registry
from streamcore.broker.receive_buffer import BadFrame
from streamcore.broker.security.authentication import Authentication, TokenAnswer
from streamcore.broker.security.listeners import Listener
from streamcore.broker.security.sasl_states import SaslState
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.reading import INT32


class SaslConnection(Connection):
    """Lets pass what the state of its authentication allows, and ends after a refusal."""

    _authentication: Authentication

    def __init__(
        self,
        services: BrokerServices,
        registry: Registry,
        *,
        listener: Listener,
        on_closed: Callable[[Connection], None],
    ) -> None:
        super().__init__(services, registry, listener=listener, on_closed=on_closed)
        self._authentication = Authentication(
            services.guard,
            on_change=self._on_authentication_changed,
            on_refused=partial(self._complain, "authentication failed"),
        )
        self._buffer.frame_bytes_max = services.settings.sasl_server_max_receive_size

    def connection_lost(self, exc: Exception | None) -> None:
        self._authentication.close()
        super().connection_lost(exc)

    def _on_authentication_changed(self) -> None:
        # Routes are remembered by what was allowed when they were first asked for.
        self._routes.clear()
        if self._authentication.state is SaslState.AUTHENTICATED:
            self.is_established = True
            self._buffer.frame_bytes_max = self._services.settings.request_bytes_max

    def _answer(self, frame: memoryview) -> None:
        if self._authentication.state is SaslState.BARE_TOKENS:
            self._answer_bare(frame)
            return
        if self._authentication.is_session_over:
            self._routes.clear()
        super()._answer(frame)

    def _route(self, api_key: int, version: int) -> Route:
        if not self._authentication.allows(api_key):
            names = {int(key): key.name for key in ApiKey}
            state = self._authentication.state.name.lower().replace("_", " ")
            raise BadFrame(f"{names.get(api_key, api_key)} is not allowed now ({state})")
        return super()._route(api_key, version)

    def _send_answered(self) -> None:
        super()._send_answered()
        is_refused = self._authentication.state is SaslState.REFUSED
        # A refusal that is still to be told holds the connection.
        if is_refused and not self._unanswered and self._held_by is None:
            self.close()

    # -- tokens without a request around them (SaslHandshake version 0) --

    def _answer_bare(self, frame: memoryview) -> None:
        # The handshake's answer goes first.
        self._send_answered()
        hold = PendingReply()
        hold.tell(self._on_resolved)
        self._held_by = hold
        self._authentication.take_token(bytes(frame), partial(self._on_bare_answer, hold))

    def _on_bare_answer(self, hold: PendingReply, answer: TokenAnswer) -> None:
        if answer.error is not ErrorCode.NONE:
            self.close()  # there is no form in which a refusal could be told
            return
        self._transport.write(INT32.pack(len(answer.token)) + answer.token)
        hold.resolve(b"")
