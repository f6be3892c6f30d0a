"""One rare request and its answer, awaited: messages of the cold codec over a connection."""

import asyncio
from typing import TypeVar

from streamcore.client.api import LogError
from streamcore.client.columnar.connection import BrokerConnection, ConnectionLost
from streamcore.client.columnar.versions import shared_version
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import Message, decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.reading import Malformed

Answer = TypeVar("Answer", bound=Message)


async def call(
    connection: BrokerConnection,
    key: ApiKey,
    request: Message,
    answer: type[Answer],
    *,
    deadline_ms: int,
) -> Answer:
    """Ask and return the answer, in the highest version that both speak.

    Raises `ConnectionLost` when none comes by `deadline_ms`, `LogError` when it is malformed.
    """
    version = (
        0
        if key is ApiKey.API_VERSIONS
        else shared_version(key, connection.versions, broker=connection.address)
    )
    flexible = version >= request.FLEXIBLE_FROM
    answered: asyncio.Future[memoryview] = asyncio.get_running_loop().create_future()
    connection.ask(
        key,
        version,
        (encode(request, version),),
        flexible=flexible,
        deadline_ms=deadline_ms,
        on_answer=lambda body: None if answered.done() else answered.set_result(body),
        on_lost=lambda lost: _fail(answered, lost),
    )
    body = await answered
    try:
        return decode(answer, version, body[1:] if flexible else body)  # no tags are sent to us
    except Malformed as error:
        raise LogError(f"{connection.address}: {key.name}: {error}", retriable=False) from None


def _fail(answered: "asyncio.Future[memoryview]", lost: ConnectionLost) -> None:
    if not answered.done():
        answered.set_exception(lost)


def error_name(code: int) -> str:
    """Return the protocol's name of an error code, or its number where we know none."""
    try:
        return ErrorCode(code).name
    except ValueError:
        return f"error {code}"


def is_retriable(code: int) -> bool:
    """Whether the same request may succeed later."""
    try:
        return ErrorCode(code).is_retriable
    except ValueError:
        return False


def refused(what: str, code: int) -> LogError:
    """Return the error that says what a broker refused, and why."""
    return LogError(f"{what}: {error_name(code)}", retriable=is_retriable(code))
