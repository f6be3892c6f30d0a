"""All connections of a broker: how many there may be, and which have to end.

Decides; who is to be cut is told, and cuts itself. Looked at about once a second, and
whenever a peer stops taking its answers.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from streamcore.broker.security.progress import Deadlines, Limits, Overdue
from streamcore.broker.security.receive_budget import ReceiveBudget


class Peer(Protocol):
    """A connection, as far as its cost goes."""

    @property
    def host(self) -> str: ...
    @property
    def is_established(self) -> bool:
        """Whether it has got through TLS and SASL."""
        ...

    def take_activity(self) -> bool:
        """Whether bytes came or answers left since the last call."""
        ...

    def unsent_bytes(self) -> int:
        """Of answers that the peer has not taken yet."""
        ...

    def missing_bytes(self) -> int:
        """Of a large request that has begun to come."""
        ...

    def receive_bytes(self) -> int:
        """Memory of its receive buffer."""
        ...

    def shrink(self) -> None:
        """Give memory back that is not needed now."""
        ...

    def cut(self, why: Overdue) -> None:
        """End at once."""
        ...

    def stop_requests(self) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdLimits:
    """How many connections there may be, how slow they may be, and what they may cost."""

    connections_max: int
    connections_per_host_max: int
    unsent_bytes_max: int
    deadlines: Limits


class Crowd:
    """Every open connection, with what was seen of it."""

    def __init__(self, limits: CrowdLimits, budget: ReceiveBudget) -> None:
        self._limits = limits
        self._budget = budget
        self._members: dict[Peer, Deadlines] = {}
        self._per_host: Counter[str] = Counter()
        self._unsent: dict[Peer, int] = {}  # of those that do not take their answers
        self.unsent_bytes = 0
        self.cut_total: Counter[Overdue] = Counter()
        self.refused_total = 0

    def __len__(self) -> int:
        return len(self._members)

    def members(self) -> list[Peer]:
        return list(self._members)

    def receive_bytes(self) -> int:
        """Memory of all receive buffers."""
        return sum(peer.receive_bytes() for peer in self._members)

    def enter(self, peer: Peer, now_ms: int) -> str | None:
        """Count a connection in, or say why there is no room for it."""
        limits = self._limits
        refusal = None
        if len(self._members) >= limits.connections_max:
            refusal = f"there are {limits.connections_max} connections already"
        elif self._per_host[peer.host] >= limits.connections_per_host_max:
            refusal = f"it has {limits.connections_per_host_max} connections already"
        if refusal is not None:
            self.refused_total += 1
            return refusal
        self._members[peer] = Deadlines(now_ms)
        self._per_host[peer.host] += 1
        return None

    def leave(self, peer: Peer) -> None:
        """Count a connection out; nothing happens for one that was refused."""
        if self._members.pop(peer, None) is None:
            return
        self.on_resumed(peer)
        self._per_host[peer.host] -= 1
        if not self._per_host[peer.host]:
            del self._per_host[peer.host]

    def look_round(self, now_ms: int) -> None:
        """Cut who is overdue."""
        is_short = self._budget.is_short
        for peer, deadlines in list(self._members.items()):
            why = deadlines.look(
                now_ms,
                self._limits.deadlines,
                is_established=peer.is_established,
                was_active=peer.take_activity(),
                unsent_bytes=peer.unsent_bytes(),
            )
            if is_short and why is None:
                peer.shrink()
                if self._holds_others_up(peer, deadlines, now_ms):
                    why = Overdue.NOT_SENDING
            if why is not None:
                self._cut(peer, why)

    def _holds_others_up(self, peer: Peer, deadlines: Deadlines, now_ms: int) -> bool:
        stalled_ms = deadlines.receiving_stalled_ms(peer.missing_bytes(), now_ms)
        return stalled_ms >= self._limits.deadlines.stall_ms

    def on_paused(self, peer: Peer) -> None:
        """A peer does not take its answers as fast as they are made: it costs memory now.

        Where all of them cost too much, those that have stood still for longest are cut.
        """
        self.on_resumed(peer)
        self._unsent[peer] = peer.unsent_bytes()
        self.unsent_bytes += self._unsent[peer]
        if self.unsent_bytes <= self._limits.unsent_bytes_max:
            return
        others = [other for other in self._unsent if other is not peer]
        # Sorting is stable: among equals, whoever was paused first comes first.
        others.sort(key=lambda other: -self._members[other].sending_stalled_ms)
        for other in others:
            self._cut(other, Overdue.NOT_READING)
            if self.unsent_bytes <= self._limits.unsent_bytes_max:
                return

    def on_resumed(self, peer: Peer) -> None:
        """It has taken them, or is gone."""
        self.unsent_bytes -= self._unsent.pop(peer, 0)

    def _cut(self, peer: Peer, why: Overdue) -> None:
        self.on_resumed(peer)
        self.cut_total[why] += 1
        peer.cut(why)
