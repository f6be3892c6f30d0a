"""Locust against a running `hailstream up`: acknowledged single-ping operations over WebSocket.

    locust -f loadtest/locustfile.py --headless -u 100 -r 100 -t 60s --processes 2 \\
        --host http://127.0.0.1:8080

An operation is one GPS ping, sent in a frame of its own, that the log has acknowledged. What is
sent and not acknowledged does not count; an acknowledgement that refuses a ping is a failure.
HAILSTREAM_IN_FLIGHT (default 16) frames wait for theirs at a time on each socket.

At the end each process writes what was acknowledged to HAILSTREAM_ACKNOWLEDGED (a folder), and
`hailstream bench acknowledged FOLDER` looks for every one of these pings in the log.
"""

import itertools
import json
import os
import time
import urllib.request
from pathlib import Path
from typing import Any

from locust import User, events, task
from locust.exception import StopUser
from locust.runners import WorkerRunner

from loadlab.locust_figures import add_operations, keep_tenths_of_milliseconds
from loadlab.open_pings import OpenPings, WrongAck
from loadlab.ping_frames import PingFrames
from loadlab.raw_websocket import RawWebSocket, SocketClosed

IN_FLIGHT = int(os.environ.get("HAILSTREAM_IN_FLIGHT", "16"))
ACKNOWLEDGED_DIR = os.environ.get("HAILSTREAM_ACKNOWLEDGED", "")
OPERATION = "ping acknowledged"
# Drivers that neither the simulator nor the driver page use; each process has its own ten
# thousand, by its number, which it only has once locust has forked it.
FIRST_DRIVER = 8_000_000_000
DRIVERS_PER_PROCESS = 10_000
DRIVERS_PER_SOCKET = 20  # so that one driver does not send hundreds of pings a second

keep_tenths_of_milliseconds()
_numbers = itertools.count()
_acknowledged: dict[int, int] = {}  # driver -> sequences acknowledged, from 1


class SinglePings(User):
    """Some drivers on a socket: it sends as soon as acknowledgements make room."""

    def on_start(self) -> None:
        process = os.getpid() % 100_000
        first = FIRST_DRIVER + process * DRIVERS_PER_PROCESS + next(_numbers) * DRIVERS_PER_SOCKET
        base = str(self.environment.host or "http://127.0.0.1:8080").rstrip("/")
        fleet = f"locust-{first}"
        token = _token(base, fleet, first)
        url = f"ws{base.removeprefix('http')}/v1/fleets/{fleet}/stream"
        self.socket = RawWebSocket(url, token=token)
        self.socket.send(PingFrames.hello(token))
        self.frames = PingFrames(first, DRIVERS_PER_SOCKET)
        self.open = OpenPings()

    @task
    def ping(self) -> None:
        """Fill the window, then take one acknowledgement, for a few hundred rounds."""
        try:
            for _ in range(256):
                self._round()
        except (SocketClosed, TimeoutError, OSError, WrongAck) as error:
            self._fail(error)
            raise StopUser from error

    def on_stop(self) -> None:
        _acknowledged.update(self.frames.acknowledged_by_driver(self.open.pings_accepted))
        self.socket.close()

    def _round(self) -> None:
        room = IN_FLIGHT - self.open.outstanding
        if room > 0:
            frames = self.frames.next_frames(room, now_ms=time.time_ns() // 1_000_000)
            self.open.sent(room, time.perf_counter())
            self.socket.send(frames)
        ack = self.socket.read_binary()
        good = []
        for accepted, seconds in self.open.acknowledged(ack, time.perf_counter()):
            if accepted:
                good.append(seconds * 1e3)
            else:
                self._fail(WrongAck("the gateway refused a ping"))
        add_operations(self.environment.stats, OPERATION, good)

    def _fail(self, error: Exception) -> None:
        self.environment.events.request.fire(
            request_type="WS",
            name=OPERATION,
            response_time=0.0,
            response_length=0,
            exception=error,
            context={},
        )


def _token(base: str, fleet: str, first: int) -> str:
    drivers = [[first, first + DRIVERS_PER_SOCKET - 1]]
    wish = {"role": "fleet", "sub": fleet, "drivers": drivers}
    request = urllib.request.Request(  # noqa: S310  # the address that the tester gave
        f"{base}/v1/tokens",
        data=json.dumps(wish).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310  # as above
        return str(json.load(reply)["token"])


@events.test_stop.add_listener  # type: ignore[untyped-decorator]  # locust ships none
def write_acknowledged(**_: Any) -> None:
    if ACKNOWLEDGED_DIR and _acknowledged:
        folder = Path(ACKNOWLEDGED_DIR)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{os.getpid()}.json").write_text(json.dumps(_acknowledged))


@events.quitting.add_listener  # type: ignore[untyped-decorator]  # locust ships none
def fail_without_operations_or_with_failures(environment: Any, **_: Any) -> None:
    if isinstance(environment.runner, WorkerRunner):
        return
    total = environment.stats.total
    if total.num_requests == 0 or total.num_failures > 0:
        environment.process_exit_code = 1
