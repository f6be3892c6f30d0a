"""SaslAuthenticate (key 36): one token of a SASL exchange, and the answer. Versions 0-2."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    BYTES,
    INT16,
    INT64,
    NULLABLE_STRING,
    Message,
    Versions,
)


class SaslAuthenticateRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    auth_bytes: Annotated[bytes, BYTES]


class SaslAuthenticateResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    error_code: Annotated[int, INT16] = 0
    error_message: Annotated[str | None, NULLABLE_STRING] = None
    auth_bytes: Annotated[bytes, BYTES] = b""
    session_lifetime_ms: Annotated[int, INT64, Versions(1)] = 0
