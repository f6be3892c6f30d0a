"""A conduit: one source of frames, a socket or a single POST, and what it has been told."""

from typing import Final, Protocol

from rideflow.contracts.driver_socket import Downward, Rejected

# A POST owns no driver: it may speak for those that no socket speaks for.
POST_OWNER: Final = 1
SOCKET_OWNER_MIN: Final = 2


class Conduit(Protocol):
    """What the tick needs of a source. Counters only grow."""

    owner: int  # number in the ownership column
    source: str  # for dead letters: `gateway/fleet/f1`
    frames_sent: int  # whose pings went to the log or were refused by name
    pings_sent: int
    is_broken: bool  # a send failed: nothing later may be acknowledged

    def acknowledge(self, frames: int, pings: int) -> None:
        """So many frames and pings, counted since the start, are in the log."""
        ...

    def refuse(self, rejected: Rejected) -> None:
        """Tell which pings were refused."""
        ...

    def log_failed(self, message: str) -> None:
        """The log did not take them: end, so that the sender sends again from the last ack."""
        ...


class Listener(Protocol):
    """Where messages to a driver go down."""

    def tell(self, message: Downward) -> None: ...
