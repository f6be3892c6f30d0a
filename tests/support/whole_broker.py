"""A broker with all its tasks, in virtual time and on a simulated disk, that can be asked, ended,
killed and opened again. Nothing of it is left to chance but what its seed says."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from groundwork.simulated.clocks import VirtualClock
from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.handlers.registry import PendingReply, Reply, ReplyBody
from streamcore.broker.receive_buffer import BadFrame
from streamcore.broker.server import Broker
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from tests.support.disk_thread import DiskThread
from tests.support.kio_peer import request_bytes, response_of
from tests.support.simulated_broker import ask, assembled
from tests.support.virtual_loop import VirtualLoop


class Asked:
    """A request on its way: its answer, as kio reads it, when there is one."""

    def __init__(self, services: BrokerServices, api: ApiKey, version: int, body: bytes) -> None:
        self.api = api
        self.version = version
        self._reply: Reply = None
        self.is_cut = False  # instead of an answer the connection ends
        try:
            self._reply = ask(services, api, version, body)
        except BadFrame:
            self.is_cut = True

    @property
    def is_silent(self) -> bool:
        """Nobody will ever answer it, and nothing is wrong with that."""
        return self._reply is None and not self.is_cut

    @property
    def is_answered(self) -> bool:
        return not isinstance(self._reply, PendingReply) or self._reply.body is not None

    @property
    def answer(self) -> Any:
        reply = self._reply
        body: ReplyBody | None = reply.body if isinstance(reply, PendingReply) else reply
        assert body is not None, f"no answer to {self.api.name} {self.version}"
        return response_of(
            self.api, self.version, b"".join(body) if isinstance(body, list) else body
        )

    def hang_up(self) -> None:
        """The connection that it came by is gone."""
        if isinstance(self._reply, PendingReply):
            self._reply.abandon()


class WholeBroker:
    """One data directory, and the broker that is running on it."""

    def __init__(
        self,
        seed: int = 7,
        *,
        disk: SimulatedDirectory | None = None,
        clock: VirtualClock | None = None,
        **settings: Any,
    ) -> None:
        self.rng = random.Random(seed)
        self.clock = clock or VirtualClock()
        self.disk = disk or SimulatedDirectory()
        self.settings = settings
        self.open()

    def open(self) -> None:
        """Begin. Raises what keeps a broker from starting."""
        self.loop = VirtualLoop(self.clock)
        self.thread = DiskThread()
        try:
            self.services: BrokerServices = self.loop.call(self._assembled)
        except BaseException:
            self.loop.close()
            raise
        self.services.durability._thread = self.thread  # type: ignore[assignment]  # it does what one does
        self._broker = Broker(self.services)
        self._work = self.loop.create_task(self._broker.run())
        self.settle()

    def _assembled(self) -> BrokerServices:
        seed = self.rng.getrandbits(32)
        return assembled(self.disk, clock=self.clock, seed=seed, **self.settings)

    def settle(self) -> None:
        self.loop.settle()
        faults, self.loop.faults = self.loop.faults, []
        for fault in faults:
            raise fault
        if self._work.done():
            self._work.result()
            raise AssertionError("the broker has stopped")

    # Asking

    def post(self, api: ApiKey, version: int, **fields: Any) -> Asked:
        """Hand a request in, and let nothing else happen."""
        (asked,) = self.post_all([(api, version, fields)])
        return asked

    def post_all(self, requests: Sequence[tuple[ApiKey, int, dict[str, Any]]]) -> list[Asked]:
        """Hand several requests in within one tick, and let nothing else happen before."""
        bodies = [request_bytes(api, version, **fields) for api, version, fields in requests]

        def post() -> list[Asked]:
            return [
                Asked(self.services, api, version, body)
                for (api, version, _), body in zip(requests, bodies, strict=True)
            ]

        return self.loop.call(post)

    def ask(self, api: ApiKey, version: int, **fields: Any) -> Any:
        """Ask and have the answer. While the disk's thread is held, some would not come."""
        asked = self.post(api, version, **fields)
        self.settle()
        return asked.answer

    # Time, and the disk's thread

    def pass_time(self, ms: int) -> None:
        self.clock.advance(ms)
        self.settle()

    def hold_disk(self) -> None:
        self.thread.is_held = True

    def release_disk(self) -> None:
        self.thread.is_held = False
        self.loop.call(self.thread.go_on)
        self.settle()

    # Ends

    def end(self) -> None:
        """Stop as a broker does that is told to."""
        self.release_disk()
        self._stop_work()
        self.loop.run_until_complete(self._broker.close())
        self.loop.close()

    def kill(self) -> None:
        """The process is gone: nothing of it happens any more. What the disk was told stays."""
        self.disk.changes_left = 0
        self._stop_work()
        self.loop.close()
        self.disk.changes_left = None

    def lose_power(self) -> None:
        """The machine is gone, and with it some of what was not synced."""
        self.kill()
        self.disk.crash(self.rng)

    def discard(self) -> None:
        """The test is over, however it went."""
        if not self.loop.is_closed():
            self.kill()

    def _stop_work(self) -> None:
        self._work.cancel()
        self.loop.run_until_complete(asyncio.wait([self._work]))
        if not self._work.cancelled():
            self._work.exception()
