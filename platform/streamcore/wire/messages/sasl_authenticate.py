"""SaslAuthenticate (key 36): one token of a SASL exchange, and the answer. Versions 0-2."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    BYTES,
    ERROR_CODE,
    ERROR_MESSAGE,
    INT64,
    Message,
    Versions,
)


class SaslAuthenticateRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    auth_bytes: Annotated[bytes, BYTES]


class SaslAuthenticateResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 2
    error_code: Annotated[int, ERROR_CODE] = 0
    error_message: Annotated[str | None, ERROR_MESSAGE] = None
    auth_bytes: Annotated[bytes, BYTES] = b""
    session_lifetime_ms: Annotated[int, INT64, Versions(1)] = 0
