"""One member of a group, as the coordinator knows it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from streamcore.groups.ids import InstanceId, MemberId, Ticket
from streamcore.wire.messages.join_group import JoinGroupProtocol, JoinGroupRequest

# What a member, and each protocol that it speaks, takes beside the bytes that it sends, about.
OVERHEAD_BYTES: Final = 500


def protocols_bytes(protocols: Iterable[JoinGroupProtocol]) -> int:
    """What it takes to remember protocols."""
    return sum(OVERHEAD_BYTES + len(one.name) + len(one.metadata) for one in protocols)


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinContext:
    """What a join request carries beside its body."""

    ticket: Ticket
    client_id: str
    client_host: str
    requires_member_id: bool  # JoinGroup v4+ (KIP-394): an id is given out before a place
    can_skip_assignment: bool  # JoinGroup v9+ (KIP-814)


@dataclass(slots=True, kw_only=True)
class Member:
    """A member and the request it waits in, if any.

    While it waits its session cannot lapse: its connection shows that it lives.
    """

    member_id: MemberId
    instance_id: InstanceId | None
    client_id: str
    client_host: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocols: tuple[JoinGroupProtocol, ...]
    session_deadline_ms: int
    knows_its_id: bool = True  # False until the first answer to a JoinGroup below version 4
    can_skip_assignment: bool = False
    assignment: bytes = b""
    parked_join: Ticket | None = None
    parked_sync: Ticket | None = None

    def bytes_held(self) -> int:
        """What it takes to remember this member."""
        names = len(self.member_id) + len(self.instance_id or "") + len(self.client_id)
        told = protocols_bytes(self.protocols) + len(self.assignment)
        return OVERHEAD_BYTES + names + told

    @property
    def is_waiting(self) -> bool:
        return self.parked_join is not None or self.parked_sync is not None

    def has_lapsed(self, now_ms: int) -> bool:
        return not self.is_waiting and now_ms >= self.session_deadline_ms

    def prolong(self, now_ms: int) -> None:
        """It gave a sign of life."""
        self.session_deadline_ms = now_ms + self.session_timeout_ms

    def metadata(self, protocol_name: str) -> bytes:
        """What it told about itself under a protocol; empty where it does not speak it."""
        return next((p.metadata for p in self.protocols if p.name == protocol_name), b"")

    def ask(self, request: JoinGroupRequest) -> None:
        """Take over what a new join request asks for."""
        self.protocols = request.protocols
        self.session_timeout_ms = request.session_timeout_ms
        self.rebalance_timeout_ms = rebalance_timeout_ms(request)


def rebalance_timeout_ms(request: JoinGroupRequest) -> int:
    """Version 0 has one time-out for both."""
    given = request.rebalance_timeout_ms
    return given if given >= 0 else request.session_timeout_ms


def member_from(
    request: JoinGroupRequest, context: JoinContext, *, member_id: MemberId, now_ms: int
) -> Member:
    instance_id = request.group_instance_id
    return Member(
        member_id=member_id,
        instance_id=None if instance_id is None else InstanceId(instance_id),
        client_id=context.client_id,
        client_host=context.client_host,
        session_timeout_ms=request.session_timeout_ms,
        rebalance_timeout_ms=rebalance_timeout_ms(request),
        protocols=request.protocols,
        session_deadline_ms=now_ms + request.session_timeout_ms,
        can_skip_assignment=context.can_skip_assignment,
        knows_its_id=request.member_id == member_id,
    )
