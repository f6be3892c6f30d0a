"""Readers with a fetch session (KIP-227): the broker remembers what they want, and tells them no
more than what is new."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code, id_of
from tests.support.models.log_reading import (
    TOPIC_IDS_FROM,
    Fetch,
    LogReaders,
    Reading,
    Want,
)
from tests.support.models.log_world import TOPIC

ENDING, BEGINNING = -1, 0


@dataclass(slots=True, eq=False)
class Session:
    """What one reader wants, and what it knows, by partition."""

    session_id: int
    by_id: bool
    epoch: int = 1
    wants: dict[int, Want] = field(default_factory=dict)
    told: dict[int, tuple[int, int, int] | None] = field(default_factory=dict)
    is_over: bool = False


class LogSessions(LogReaders):
    """The world, and who reads in sessions."""

    def begin_session(self, fetch: Fetch) -> Session:
        """Say all that is wanted, without waiting; from then on only what changes is said."""
        answer = self._ask_in(fetch, 0, BEGINNING, fetch.wants, ())
        assert code(answer) == NONE
        assert answer.session_id > 0, "no session"
        session = Session(answer.session_id, by_id=fetch.version >= TOPIC_IDS_FROM)
        session.wants = {want.partition: want for want in fetch.wants}
        self._check_all(fetch, answer)
        self._note(session, [found for topic in answer.responses for found in topic.partitions])
        return session

    def go_on(
        self, session: Session, fetch: Fetch, forgotten: Sequence[int], *, epoch_delta: int = 0
    ) -> None:
        """Change what is wanted, and be told the news."""
        epoch = session.epoch + epoch_delta
        answer = self._ask_in(fetch, session.session_id, epoch, fetch.wants, forgotten)
        error = self._fault(session, fetch, epoch_delta)
        assert code(answer) == error, f"a session was told {code(answer)}, not {error}"
        if error != NONE:
            assert not answer.responses
            return
        session.epoch += 1
        session.wants |= {want.partition: want for want in fetch.wants}
        for number in forgotten:
            session.wants.pop(number, None)
            session.told.pop(number, None)
        found = {
            each.partition_index: each for topic in answer.responses for each in topic.partitions
        }
        assert found.keys() <= session.wants.keys(), "nobody asked for that"
        self._check_news(session, fetch, found)
        self._note(session, list(found.values()))

    def _fault(self, session: Session, fetch: Fetch, epoch_delta: int) -> str:
        if session.is_over:
            return "fetch_session_id_not_found"
        if epoch_delta:
            return "invalid_fetch_session_epoch"
        by_id = fetch.version >= TOPIC_IDS_FROM
        return NONE if by_id == session.by_id else "fetch_session_topic_id_error"

    def _check_news(self, session: Session, fetch: Fetch, found: dict[int, Any]) -> None:
        reading = Reading(self, fetch)
        for number, each in found.items():
            reading.check(session.wants[number], each, is_in_turn=False)
        for number in session.wants.keys() - found.keys():
            want = session.wants[number]
            assert reading.error_of(want) == NONE, "an error is not told"
            assert session.told.get(number) == self._bounds_of(number), "news is not told"
            if reading.available(want):
                assert reading.bytes_found, "records are not told"
        if any(reading.available(want) for want in session.wants.values()):
            assert reading.bytes_found, "nobody gets anything"

    def _bounds_of(self, number: int) -> tuple[int, int, int]:
        model = self.models[number]
        return model.end, model.stable_end, model.start

    def _note(self, session: Session, found: Sequence[Any]) -> None:
        for each in found:
            number = each.partition_index
            is_known = number in self.models and code(each) == NONE
            session.told[number] = self._bounds_of(number) if is_known else None

    def end_session(self, session: Session, fetch: Fetch) -> None:
        """Read once more, whole, and have the session forgotten."""
        answer = self._ask_in(fetch, session.session_id, ENDING, fetch.wants, ())
        assert (code(answer), answer.session_id) == (NONE, 0)
        self._check_all(fetch, answer)
        session.is_over = True

    def _ask_in(
        self,
        fetch: Fetch,
        session_id: int,
        epoch: int,
        wants: Sequence[Want],
        forgotten: Sequence[int],
    ) -> Any:
        gone = {
            "topic": TOPIC,
            "topic_id": id_of(self.broker.services, TOPIC),
            "partitions": list(forgotten),
        }
        return self.broker.ask(
            ApiKey.FETCH,
            fetch.version,
            max_bytes=fetch.bytes_max,
            min_bytes=fetch.bytes_min,
            isolation_level=int(fetch.is_committed_only),
            session_id=session_id,
            session_epoch=epoch,
            topics=self._wanted(fetch) if wants else [],
            forgotten_topics_data=[gone] if forgotten else [],
        )
