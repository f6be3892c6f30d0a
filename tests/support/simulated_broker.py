"""A whole broker without sockets, threads of its own making or a real disk."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from groundwork.seams import Clock, Directory
from groundwork.simulated.clocks import VirtualClock
from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.assembly import World, assemble
from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.handlers.registry import PendingReply, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.broker.settings import BrokerSettings
from streamcore.record.records import Record, encode_batch
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import M, Message, decode, encode
from tests.support.inline_worker import InlineWorker


def assembled(
    directory: Directory | None = None,
    *,
    clock: Clock | None = None,
    seed: int = 7,
    **settings: object,
) -> BrokerServices:
    """Assemble a broker that the caller ends. Who opens a disk again gives another `seed`."""
    directory = directory or SimulatedDirectory()
    return assemble(
        BrokerSettings(data_dir=Path("/nowhere"), **settings),  # type: ignore[arg-type]  # passed through
        World(
            clock=clock or VirtualClock(),
            rng=random.Random(seed),
            directory=directory,
            cleaning_worker=InlineWorker(directory),
        ),
    )


@asynccontextmanager
async def simulated_broker(
    directory: Directory | None = None,
    *,
    clock: Clock | None = None,
    seed: int = 7,
    **settings: object,
) -> AsyncIterator[BrokerServices]:
    """Have a broker on `directory` (a fresh simulated one by default), ended with the block."""
    services = assembled(directory, clock=clock, seed=seed, **settings)
    try:
        yield services
    finally:
        services.fetches.on_shutdown()
        await services.durability.close()
        services.topics.close()


def ask(services: BrokerServices, api_key: int, version: int, body: bytes) -> Reply:
    """Give a request to its handler, as a connection does."""
    handler = REGISTRY.find(api_key)
    assert handler is not None
    request = Request(
        api_key=api_key,
        api_version=version,
        client_id="test",
        client_host="127.0.0.1",
        flexible=handler.is_flexible(version),
    )
    return handler.answer(services, request, memoryview(bytearray(body)))


async def answered(reply: Reply) -> bytes:
    """Wait (some turns of the loop, no time) until a reply is there; return its bytes."""
    if isinstance(reply, PendingReply):
        for _ in range(10):
            if reply.body is not None:
                break
            await asyncio.sleep(0)
        reply = reply.body
    assert reply is not None, "no answer"
    return b"".join(reply) if isinstance(reply, list) else reply


async def call(
    services: BrokerServices, api: ApiKey, version: int, request: Message, response: type[M]
) -> M:
    """Send a request of ours through its handler; return the decoded answer."""
    body = await answered(ask(services, api, version, encode(request, version)))
    return decode(response, version, body)


def batch_of(
    *values: bytes,
    timestamp: int = 1_700_000_000_000,
    producer_id: int = -1,
    producer_epoch: int = -1,
    base_sequence: int = -1,
    attributes: int = 0,
) -> bytes:
    """A record batch with one keyless record a value, a millisecond apart."""
    return encode_batch(
        [
            Record(timestamp=timestamp + number, key=None, value=value)
            for number, value in enumerate(values)
        ],
        producer_id=producer_id,
        producer_epoch=producer_epoch,
        base_sequence=base_sequence,
        attributes=attributes,
    )


def writable(batch: bytes) -> memoryview:
    """A batch as it lies in a receive buffer."""
    return memoryview(bytearray(batch))
