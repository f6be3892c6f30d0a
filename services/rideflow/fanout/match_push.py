"""The matched driver's places, exact and at once, to who watches the ride."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import numpy as np

from groundwork.metrics import Histogram
from rideflow.columns.arrays import Rows
from rideflow.columns.car_frames import cars_of, gone_cars, push_frame
from rideflow.contracts.ids import RideId
from rideflow.contracts.positions import PositionFlag
from rideflow.contracts.push import CAR, PushKind
from rideflow.fanout.city_view import CityView
from rideflow.fanout.push_session import PushSession
from rideflow.running.websocket_frames import binary_frame

# The place in such a position is an older one: its age says nothing of how fast we were.
_OLD_PLACE: Final = PositionFlag.HELD | PositionFlag.DARK


class MatchPush:
    """Packs and sends MATCHED frames."""

    def __init__(self, view: CityView, key: bytes, ages: Histogram) -> None:
        self._view = view
        self._key = key
        self._ages = ages

    def frames(self, hits: Sequence[tuple[RideId, int]], now_ms: int) -> list[bytes]:
        """The CAR of each hit as bytes, in order."""
        slots = np.array([slot for _, slot in hits], np.int64)
        positions = self._view.table.positions(slots)
        self._observe(positions, now_ms)
        return self._pack(hits, positions, now_ms)

    def frame_now(self, ride: RideId, slot: int, now_ms: int) -> bytes | None:
        """The driver's last place, for somebody who starts to watch; None if never seen."""
        if not self._view.table.has_seen(slot):
            return None
        positions = self._view.table.positions(np.array([slot], np.int64))
        return self._pack([(ride, slot)], positions, now_ms)[0]

    def gone_frame(self, ride: RideId, slot: int, now_ms: int) -> bytes:
        """The driver is no longer this ride's."""
        number = np.array([self._number(ride, slot)], np.uint32)
        return push_frame(PushKind.MATCHED, gone_cars(number).tobytes(), base_ms=now_ms)

    def send(self, session: PushSession, car: bytes, now_ms: int) -> None:
        """Send one CAR, or leave it out while the client does not keep up."""
        if not session.keeps_up():
            session.skip(1)
            session.lacks_match = True
            return
        lag_ms = max(0, now_ms - self._view.table.newest_ms)
        payload = push_frame(
            PushKind.MATCHED, car, base_ms=now_ms, skipped=session.skipped, newest_lag_ms=lag_ms
        )
        session.skipped = 0
        session.lacks_match = False
        session.show(binary_frame(payload))

    def _observe(self, positions: Rows, now_ms: int) -> None:
        is_new = positions["flags"] & _OLD_PLACE == 0
        self._ages.observe_many(now_ms - positions["fix_ms"][is_new])

    def _pack(
        self, hits: Sequence[tuple[RideId, int]], positions: Rows, now_ms: int
    ) -> list[bytes]:
        numbers = np.array([self._number(ride, slot) for ride, slot in hits], np.uint32)
        packed = cars_of(positions, numbers, base_ms=now_ms).tobytes()
        width = CAR.itemsize
        return [packed[at : at + width] for at in range(0, len(packed), width)]

    def _number(self, ride: RideId, slot: int) -> int:
        """A car's number lasts for the ride and says nothing to anybody else."""
        driver = int(self._view.table.slots.drivers[slot])
        digest = blake2b(f"{ride}/{driver}".encode(), key=self._key[:64], digest_size=4).digest()
        return int.from_bytes(digest, "little")
