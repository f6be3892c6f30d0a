"""Which of its members' protocols a group uses, and what a consumer's metadata says."""

from collections import Counter
from collections.abc import Iterable, Sequence

from streamcore.groups.member import Member
from streamcore.wire.reading import Malformed, WireReader

CONSUMER_PROTOCOL_TYPE = "consumer"


def common_protocols(members: Iterable[Member]) -> set[str]:
    """Return the names that all members speak."""
    spoken = [{protocol.name for protocol in member.protocols} for member in members]
    return set.intersection(*spoken) if spoken else set()


def chosen_protocol(members: Sequence[Member]) -> str:
    """Return the common protocol that most members like best; at a tie the first voted for."""
    candidates = common_protocols(members)
    assert candidates, "a member without a common protocol is refused when it joins"
    votes = Counter(
        next(protocol.name for protocol in member.protocols if protocol.name in candidates)
        for member in members
    )
    return votes.most_common(1)[0][0]


def subscribed_topics(metadata: bytes) -> frozenset[str]:
    """Return the topics of a consumer's subscription (ConsumerProtocolSubscription v0 onwards).

    Metadata is the clients' own affair: what cannot be read subscribes to nothing.
    """
    reader = WireReader(memoryview(metadata), flexible=False)
    try:
        reader.int16()
        return frozenset(reader.string() for _ in range(reader.array_size()))
    except Malformed:
        return frozenset()


def subscriptions(members: Iterable[Member]) -> frozenset[str]:
    """Return every topic that one of the members subscribes to."""
    return frozenset(
        topic
        for member in members
        for protocol in member.protocols
        for topic in subscribed_topics(protocol.metadata)
    )
