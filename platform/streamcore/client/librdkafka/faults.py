"""librdkafka's errors, and its calls that block, as the rest of us know them."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from streamcore.client.api import LogError

T = TypeVar("T")

_BROKERS_UNREACHABLE = frozenset(
    {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT}  # noqa: SLF001 -- librdkafka's local codes are spelled so
)

_REFUSED = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL})  # noqa: SLF001 -- as above


def note_refusal(error: KafkaError, refusals: list[KafkaError]) -> None:
    """Keep why a broker does not let us in: the calls only tell that it was not reached."""
    if error.code() in _REFUSED and not refusals:
        refusals.append(error)


def log_error(what: str, error: KafkaError) -> LogError:
    """Return what was tried and why it failed."""
    retriable = error.retriable() or error.code() in _BROKERS_UNREACHABLE
    return LogError(f"{what}: {error.str()}", retriable=retriable)


async def in_thread(what: str, blocking: Callable[[], T]) -> T:
    """Run a call that waits for the broker. Raises `LogError`."""
    try:
        return await asyncio.to_thread(blocking)
    except KafkaException as failure:
        raise log_error(what, failure.args[0]) from None
