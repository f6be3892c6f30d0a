"""Where a consumer reads on: offsets, high watermarks, and which fetches are under way. Pure."""

from collections.abc import Callable, Iterable, Mapping

from streamcore.client.api import Offset
from streamcore.client.columnar.cluster import Place
from streamcore.client.columnar.connection import Address


class ReadPositions:
    """The partitions of one consumer. A partition without an offset has yet to be placed.

    At most one fetch a broker is under way. An answer counts for a partition only while its
    position is still what was asked for: after a seek, or a new assignment, it is let go.
    """

    def __init__(self) -> None:
        self._offsets: dict[Place, Offset | None] = {}
        self._high_watermarks: dict[Place, int] = {}
        self._broken: set[Place] = set()  # unreadable at this position: not fetched until a seek

    def assign(self, offsets: Mapping[Place, Offset | None]) -> None:
        """Read these and no others; None: still to be placed."""
        self._offsets = dict(offsets)
        self._high_watermarks.clear()
        self._broken.clear()

    @property
    def known(self) -> dict[Place, Offset]:
        return {place: at for place, at in self._offsets.items() if at is not None}

    @property
    def unplaced(self) -> list[Place]:
        return [place for place, at in self._offsets.items() if at is None]

    def places(self) -> Iterable[Place]:
        return self._offsets.keys()

    def has(self, place: Place) -> bool:
        return place in self._offsets

    def is_placed(self, place: Place) -> bool:
        return self._offsets.get(place) is not None

    def is_at(self, place: Place, offset: Offset) -> bool:
        return self._offsets.get(place) == offset

    def place(self, place: Place, offset: Offset) -> None:
        """Set where a partition is read on, if it is assigned."""
        if place in self._offsets:
            self._offsets[place] = offset
            self._broken.discard(place)

    def displace(self, place: Place) -> None:
        """The offset does not exist: it has to be placed anew."""
        if place in self._offsets:
            self._offsets[place] = None

    def advance(self, place: Place, next_offset: Offset) -> None:
        """Records were read. The partition goes to the end of the queue for the next answer."""
        del self._offsets[place]
        self._offsets[place] = next_offset

    def set_broken(self, place: Place) -> None:
        self._broken.add(place)

    def set_high_watermark(self, place: Place, offset: int) -> None:
        self._high_watermarks[place] = offset

    def lag(self) -> dict[Place, int]:
        return {
            place: max(0, self._high_watermarks[place] - at)
            for place, at in self._offsets.items()
            if at is not None and place in self._high_watermarks
        }

    def by_leader(
        self, leader: Callable[[Place], Address | None]
    ) -> tuple[dict[Address, dict[Place, Offset]], bool]:
        """Return what to ask of each leader, and whether some partition cannot be asked for."""
        wanted: dict[Address, dict[Place, Offset]] = {}
        is_stuck = False
        for place, at in self._offsets.items():
            address = leader(place)
            if at is None or address is None:
                is_stuck = True
            elif place not in self._broken:
                wanted.setdefault(address, {})[place] = at
        return wanted, is_stuck
