"""Drives the fleet: takes what is due every tick, sends it, and tells the world what comes back."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from citysim.city.phones import Sending
from citysim.city.schedule import DueBlocks, Schedule
from citysim.city.world import FIRST_DRIVER_ID, World
from citysim.drive.fleet_socket import FleetAddress, FleetSocket
from citysim.drive.tokens import TokenSource
from citysim.drive.truth import Truth
from citysim.drive.window import SendWindow
from groundwork.metrics import Histogram
from groundwork.seams import Clock, Rng
from rideflow.contracts.driver_socket import Downward, DriverAction, Offer, Rejected, RideNews
from rideflow.contracts.pings import PING_SIZE
from rideflow.contracts.tokens import Role

TICK_MS = 20
LATE_MS = 100  # a ping that leaves later than this after its fix counts as late
_DRAIN_MS = 8_000  # after the last ping of a run
_DRAIN_STOPPED_MS = 2_000  # after a signal: the process has to end
_BLOCKS_PER_TURN = 2_000  # so that catching up leaves the loop time to read acknowledgements


class NoGateway(Exception):
    """No socket to the gateway could be opened."""


@dataclass(slots=True)
class FleetTally:
    """What was sent and heard, in all."""

    frames_sent: int = 0
    pings_sent: int = 0  # duplicates included
    pings_late: int = 0
    late_ms_max: int = 0
    wall_ms: int = 0  # from the first ping to the last
    ticks_held: int = 0  # a window was full: nothing was made, to be made up for later
    rejected: dict[str, int] = field(default_factory=dict)
    ack_ms: Histogram = field(default_factory=Histogram)
    actions: dict[str, int] = field(default_factory=dict)


class FleetDrive:
    """Sockets, schedule and truth of the simulated fleet."""

    def __init__(
        self,
        world: World,
        *,
        clock: Clock,
        rng: Rng,
        truth: Truth,
        gateway_url: str,
        tokens: TokenSource,
        sockets: int,
    ) -> None:
        self._world, self._clock, self._rng, self._truth = world, clock, rng, truth
        self._gateway_url, self._tokens = gateway_url, tokens
        self._socket_count = max(1, min(sockets, world.block_count))
        self._sockets: list[FleetSocket] = []
        self.tally = FleetTally()

    async def open(self, tasks: asyncio.TaskGroup, *, within_ms: int) -> None:
        """Start the sockets in `tasks` and return when all are open. Raises `NoGateway`."""
        for number in range(self._socket_count):
            socket = await self._socket(number)
            self._sockets.append(socket)
            tasks.create_task(socket.run(self._clock), name=f"fleet socket {number}")
        deadline_ms = self._clock.monotonic_ms() + within_ms
        while not all(socket.opened_total for socket in self._sockets):
            now_ms = self._clock.monotonic_ms()
            if now_ms >= deadline_ms:
                raise NoGateway(f"{self._gateway_url}: no socket within {within_ms / 1000:.0f} s")
            await self._clock.sleep_until(now_ms + TICK_MS)

    async def _socket(self, number: int) -> FleetSocket:
        """Make the socket of every so manieth block, so that each has some of every tick."""
        blocks = range(number, self._world.block_count, self._socket_count)
        drivers = [self._world.drivers_of(block) for block in blocks]
        fleet = f"sim-{number + 1}"
        # The token covers all drivers, so that it stays short; hello names the socket's own.
        covered = [(FIRST_DRIVER_ID, self._world.drivers_of(self._world.block_count - 1)[1])]
        token = await self._tokens.token(fleet, Role.FLEET, covered)
        address = FleetAddress(
            gateway_url=self._gateway_url, fleet=fleet, token=token, drivers=drivers
        )
        return FleetSocket(address, SendWindow(), self, self._rng)

    async def run(self, *, duration_s: float | None, stopping: asyncio.Event) -> None:
        """Send until the time is up or `stopping` is set, then wait for the acknowledgements."""
        settings, clock = self._world.settings, self._clock
        start_ms, start_at = clock.now_ms(), clock.monotonic_ms()
        schedule = Schedule(
            start_ms=start_ms, period_ms=settings.period_ms, blocks=self._world.block_count
        )
        end_ms = None if duration_s is None else start_ms + int(duration_s * 1000)
        tick_at = start_at
        while not stopping.is_set():
            # From the monotonic clock: a step of the wall clock must not make or skip pings.
            now_ms = start_ms + clock.monotonic_ms() - start_at
            if end_ms is not None and now_ms >= end_ms:
                self._tick(schedule, end_ms - 1)
                break
            self._tick(schedule, now_ms)
            tick_at = max(tick_at + TICK_MS, clock.monotonic_ms() - TICK_MS)
            await clock.sleep_until(tick_at)
        self.tally.wall_ms = clock.monotonic_ms() - start_at
        self._hand_over(self._world.phones.leave(), clock.now_ms())
        await self._drain(stopping)

    def _tick(self, schedule: Schedule, now_ms: int) -> None:
        for action in self._world.duties.due(now_ms):
            self._say(action)
        if any(socket.window.is_full for socket in self._sockets):
            self.tally.ticks_held += 1
        else:
            for due in schedule.take(now_ms, blocks_max=_BLOCKS_PER_TURN):
                self._send(due, now_ms)
        for socket in self._sockets:
            socket.flush()

    def _send(self, due: DueBlocks, now_ms: int) -> None:
        settings = self._world.settings
        self._hand_over(self._world.report(due, now_ms), now_ms)
        self.tally.late_ms_max = max(self.tally.late_ms_max, now_ms - int(due.fix_ms[0]))
        late = int((due.fix_ms < now_ms - LATE_MS).sum())
        self.tally.pings_late += late * settings.block_size
        last = min(due.last * settings.block_size, settings.drivers)
        self._truth.note_steps(due.first * settings.block_size, last, due.step + 1)

    def _hand_over(self, sendings: Iterable[Sending], now_ms: int) -> None:
        tally = self.tally
        for sending in sendings:
            socket = self._sockets[sending.block % self._socket_count]
            for payload in (sending.frame, sending.extras):
                if payload:
                    socket.send(payload, now_ms)
                    tally.frames_sent += 1
                    tally.pings_sent += len(payload) // PING_SIZE

    def _say(self, action: DriverAction) -> None:
        self.tally.actions[action.kind] = self.tally.actions.get(action.kind, 0) + 1
        block = self._world.block_of(action.driver)
        self._sockets[block % self._socket_count].say(action)

    def on_acknowledged(self, frames: list[tuple[bytes, int]]) -> None:
        if frames:
            now_ms = self._clock.now_ms()
            for _, made_ms in frames:
                self.tally.ack_ms.observe(now_ms - made_ms)
            self._truth.note_acknowledged([payload for payload, _ in frames])

    def on_message(self, message: Downward) -> None:
        match message:
            case Offer():
                self._world.on_offer(message.driver, message.fact, self._clock.now_ms())
            case RideNews():
                self._world.on_fact(message.driver, message.fact, self._clock.now_ms())
            case Rejected():
                rejected = self.tally.rejected
                rejected[message.reason] = rejected.get(message.reason, 0) + message.count

    async def _drain(self, stopping: asyncio.Event) -> None:
        """Wait for what is not acknowledged, but not for ever."""
        begin_ms = self._clock.monotonic_ms()
        while any(len(socket.window) for socket in self._sockets):
            patience_ms = _DRAIN_STOPPED_MS if stopping.is_set() else _DRAIN_MS
            if self._clock.monotonic_ms() >= begin_ms + patience_ms:
                return
            for socket in self._sockets:
                socket.flush()
            await self._clock.sleep_until(self._clock.monotonic_ms() + TICK_MS)

    def held(self) -> list[bytes]:
        """Return the frames that were never acknowledged."""
        return [payload for socket in self._sockets for payload in socket.window.held()]

    @property
    def reconnects(self) -> int:
        return sum(socket.opened_total - 1 for socket in self._sockets)

    @property
    def pings_resent(self) -> int:
        return sum(socket.window.bytes_resent_total for socket in self._sockets) // PING_SIZE
