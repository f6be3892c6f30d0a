"""What all connections of a broker share to authenticate their peers."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from groundwork.seams import Clock, Rng
from streamcore.broker.security.credentials import CredentialStore
from streamcore.broker.security.password_thread import PasswordThread

NONCE_BYTES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Users, the means to check them, and how patient the broker is."""

    users: CredentialStore
    passwords: PasswordThread
    clock: Clock
    rng: Rng
    mechanisms: Sequence[str]
    refusal_delay_ms: int
    session_ms_max: int  # 0: a SASL session has no end

    def make_nonce(self) -> str:
        return base64.b64encode(self.rng.randbytes(NONCE_BYTES)).decode()
