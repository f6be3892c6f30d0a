"""Fetch sessions (KIP-227): the broker remembers what a client wants of each partition.

The client then sends only what changed since its last request, and is answered only
with partitions that have news. A session that nobody used for long makes room for another;
without room a client is told session id 0 and goes on with whole requests. So it is where what
would have to be remembered is too much: partitions are counted, of a session and of all together,
and neither topics without partitions nor names that no topic can have are kept.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from groundwork.seams import Clock, Rng
from streamcore.wire.fetch import (
    FetchedPartition,
    FetchedTopic,
    FetchRequest,
    WantedPartition,
    WantedTopic,
)

# What all sessions together may remember, as a multiple of what one may.
ALL_TOGETHER: Final = 20
KEY_BYTES_MAX: Final = 249  # of a topic's name
SESSION_ID_MAX = (1 << 31) - 1
EPOCH_MAX = (1 << 31) - 1

Told: TypeAlias = tuple[int, int, int]
"""High watermark, last stable offset and log start offset that the client knows of."""

UNKNOWN: Told = (-1, -1, -1)


class FetchSession:
    """What one client wants, and what it was told last, by topic key and partition."""

    def __init__(self, session_id: int, *, by_id: bool) -> None:
        self.session_id = session_id
        self.by_id = by_id
        self.epoch = 1
        self.used_ms = 0
        self.size = 0  # partitions that are remembered
        self._wanted: dict[bytes, dict[int, WantedPartition]] = {}
        self._told: dict[bytes, dict[int, Told]] = {}

    def update(
        self, topics: Iterable[WantedTopic], forgotten: Iterable[tuple[bytes, Iterable[int]]]
    ) -> None:
        for key, partitions in topics:
            if not partitions:
                continue
            wanted = self._wanted.setdefault(key, {})
            for partition in partitions:
                wanted[partition[0]] = partition
        for key, numbers in forgotten:
            wanted, told = self._wanted.get(key, {}), self._told.get(key, {})
            for number in numbers:
                wanted.pop(number, None)
                told.pop(number, None)
            if not wanted:
                self._wanted.pop(key, None)
                self._told.pop(key, None)
        self.size = sum(map(len, self._wanted.values()))

    def topics(self) -> list[WantedTopic]:
        return [WantedTopic(key, list(wanted.values())) for key, wanted in self._wanted.items()]

    def news(self, found: Sequence[FetchedTopic]) -> list[FetchedTopic]:
        """Return what the client does not know yet; from now on it does.

        Partitions that had records go behind the others, so that none starves while limits
        are reached before its turn.
        """
        news = []
        for topic in found:
            told = self._told.setdefault(topic.key, {})
            fresh = [partition for partition in topic.partitions if _is_news(partition, told)]
            if fresh:
                news.append(FetchedTopic(topic.key, fresh))
        for topic in news:
            self._note(topic)
        return news

    def _note(self, topic: FetchedTopic) -> None:
        told = self._told[topic.key]
        wanted = self._wanted.get(topic.key, {})
        has_records = False
        for number, error, end, stable, start, _, size, _ in topic.partitions:
            # When an error is over, that is news.
            told[number] = UNKNOWN if error else (end, stable, start)
            if size and number in wanted:
                wanted[number] = wanted.pop(number)
                has_records = True
        if has_records:
            self._wanted[topic.key] = self._wanted.pop(topic.key)


def _is_news(partition: FetchedPartition, told: dict[int, Told]) -> bool:
    number, error, end, stable, start, _, size, _ = partition
    return bool(size or error) or told.get(number) != (end, stable, start)


class FetchSessions:
    """All sessions, longest unused first. Holds at most `sessions_max`."""

    def __init__(
        self,
        *,
        clock: Clock,
        rng: Rng,
        sessions_max: int,
        partitions_max: int,
        evictable_after_ms: int,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._sessions_max = sessions_max
        self._partitions_max = partitions_max
        self._evictable_after_ms = evictable_after_ms
        self._sessions: dict[int, FetchSession] = {}
        self._size = 0  # of all of them

    def __len__(self) -> int:
        return len(self._sessions)

    def begin(self, wanted: FetchRequest, *, by_id: bool) -> FetchSession | None:
        """Make a session of a whole request; None where there is no room for one."""
        size = sum(len(topic.partitions) for topic in wanted.topics)
        if size > self._partitions_max or _has_long_key(wanted.topics):
            return None
        while len(self._sessions) >= self._sessions_max or self._holds_too_much(besides=size):
            if not self._make_room():
                return None
        session = FetchSession(self._unused_id(), by_id=by_id)
        session.update(wanted.topics, ())
        self._size += session.size
        self._use(session)
        return session

    def _holds_too_much(self, *, besides: int = 0) -> bool:
        return self._size + besides > ALL_TOGETHER * self._partitions_max

    def go_on(self, session: FetchSession, wanted: FetchRequest) -> None:
        """Take an incremental request of a session whose epoch it has."""
        if wanted.topics or wanted.forgotten:
            self._size -= session.size
            session.update(wanted.topics, wanted.forgotten)
            self._size += session.size
        session.epoch = session.epoch % EPOCH_MAX + 1
        self._use(session)
        is_too_large = session.size > self._partitions_max or self._holds_too_much()
        if is_too_large or _has_long_key(wanted.topics):
            # This request is answered; the next begins a session, or does without.
            self.end(session.session_id)

    def find(self, session_id: int) -> FetchSession | None:
        return self._sessions.get(session_id)

    def end(self, session_id: int) -> None:
        session = self._sessions.pop(session_id, None)
        if session is not None:
            self._size -= session.size

    def _use(self, session: FetchSession) -> None:
        session.used_ms = self._clock.monotonic_ms()
        self._sessions.pop(session.session_id, None)
        self._sessions[session.session_id] = session

    def _make_room(self) -> bool:
        oldest = next(iter(self._sessions.values()), None)
        if oldest is None:
            return False
        if self._clock.monotonic_ms() - oldest.used_ms < self._evictable_after_ms:
            return False
        self.end(oldest.session_id)
        return True

    def _unused_id(self) -> int:
        while True:
            session_id = self._rng.randint(1, SESSION_ID_MAX)
            if session_id not in self._sessions:
                return session_id


def _has_long_key(topics: Iterable[WantedTopic]) -> bool:
    return any(len(topic.key) > KEY_BYTES_MAX for topic in topics)
