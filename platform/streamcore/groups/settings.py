"""Limits and times of the group coordinator."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSettings:
    """In Kafka's words: group.min.session.timeout.ms, offset.metadata.max.bytes and so on.

    `initial_delay_ms` is 0 where Kafka has 3000: a fleet that starts together may rebalance
    once more, and everybody else reads three seconds earlier. What Kafka does not bound but by
    the size of requests and of its log's entries is bounded in bytes here; more is refused.
    """

    session_timeout_ms_min: int = 1_000
    session_timeout_ms_max: int = 1_800_000
    initial_delay_ms: int = 0
    groups_max: int = 10_000
    members_max: int = 1_000
    member_metadata_bytes_max: int = 1 << 20  # of what one member tells, all protocols together
    group_bytes_max: int = 8 << 20  # an entry of the log holds it
    groups_bytes_max: int = 256 << 20  # of members of all groups, and of ids given out
    offsets_bytes_max: int = 256 << 20  # of what all groups have committed
    offset_metadata_bytes_max: int = 4_096
    offsets_retention_ms: int = 7 * 24 * 3_600_000
