"""SaslHandshake (key 17): name the mechanism to authenticate by. Versions 0-1."""

from typing import Annotated

from streamcore.wire.cold import (
    ERROR_CODE,
    STRING,
    Message,
    array,
)


class SaslHandshakeRequest(Message):
    mechanism: Annotated[str, STRING]


class SaslHandshakeResponse(Message):
    error_code: Annotated[int, ERROR_CODE] = 0
    mechanisms: Annotated[tuple[str, ...], array(STRING)] = ()
