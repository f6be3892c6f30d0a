"""The group coordinator's shell: parks requests, keeps time, writes what was decided."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from groundwork.seams import Clock
from streamcore.broker.group_log import GroupLog
from streamcore.broker.internal_log import Writer
from streamcore.broker.topics import TopicCatalogue
from streamcore.groups.answers import Answer
from streamcore.groups.commits import CommitPlan
from streamcore.groups.coordinator import GroupCoordinator
from streamcore.groups.ids import GroupId, Ticket
from streamcore.groups.log_records import LogEntry, offset_entry, tombstones
from streamcore.groups.member import JoinContext
from streamcore.groups.offsets import CommittedOffset, TopicPartition
from streamcore.groups.pending import TransactionPart
from streamcore.record.places import Offset
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.join_group import JoinGroupRequest, JoinGroupResponse
from streamcore.wire.messages.leave_group import LeaveGroupRequest, LeavingMember
from streamcore.wire.messages.offset_commit import OffsetCommitRequest, OffsetCommitResponse
from streamcore.wire.messages.sync_group import SyncGroupRequest, SyncGroupResponse

logger = logging.getLogger(__name__)

# How late a lapsed session or an ended wait may be noticed.
TICK_MS: Final = 100

OnAnswer = Callable[[JoinGroupResponse | SyncGroupResponse], None]


class GroupService:
    """One broker's groups. Call `load` before the first request, and keep `run` running."""

    def __init__(
        self,
        coordinator: GroupCoordinator,
        log: GroupLog,
        *,
        clock: Clock,
        topics: TopicCatalogue,
        expiry_interval_ms: int,
    ) -> None:
        self.coordinator = coordinator
        self._log = log
        self._clock = clock
        self._topics = topics
        self._expiry_interval_ms = expiry_interval_ms
        self._waiting: dict[Ticket, OnAnswer] = {}
        self._last_ticket = 0
        self._is_closed = False
        # Commits that are not yet in the log, by the id of their plan.
        self._under_way: dict[int, tuple[GroupId, CommitPlan]] = {}

    def load(self) -> int:
        """Read the log; return how many entries there were.

        Offsets of topics that were deleted just before a crash are forgotten now: a topic of
        the same name may be made at any time.
        """
        now_ms = self._clock.monotonic_ms()
        count = 0
        for kept in self._log.read():
            self.coordinator.restore(
                kept.entry, now_ms=now_ms, log_offset=kept.offset, part=kept.part
            )
            count += 1
        lost = self.coordinator.offsets_of(lambda place: self._topics.find(place.topic) is None)
        self.coordinator.forget(lost)
        self._write(lost)
        return count

    def close(self) -> None:
        """Decide nothing any more: that the broker's end cuts connections is no news of members."""
        self._is_closed = True

    async def run(self) -> None:
        """Keep time: end waits and sessions, expire offsets."""
        expiry_due_ms = self._clock.monotonic_ms() + self._expiry_interval_ms
        while True:
            await self._clock.sleep_until(self._clock.monotonic_ms() + TICK_MS)
            now_ms = self._clock.monotonic_ms()
            self._settle(self.coordinator.tick(now_ms))
            if now_ms >= expiry_due_ms:
                expiry_due_ms = now_ms + self._expiry_interval_ms
                self.expire()

    def expire(self) -> None:
        """Forget offsets past their retention, of deleted topics, and groups without any."""
        entries = self.coordinator.expired(
            unix_ms=self._clock.now_ms(), partition_count=self.partition_count
        )
        self._forget(entries, _note_unwritten)

    def partition_count(self, topic_name: str) -> int:
        topic = self._topics.find(topic_name)
        return 0 if topic is None else len(topic.replicas)

    # Requests

    def join(
        self,
        request: JoinGroupRequest,
        *,
        version: int,
        client_id: str,
        client_host: str,
        on_answer: OnAnswer,
    ) -> Ticket:
        ticket = self._park(on_answer)
        context = JoinContext(
            ticket=ticket,
            client_id=client_id,
            client_host=client_host,
            requires_member_id=version >= 4,
            can_skip_assignment=version >= 9,
        )
        self._settle(self.coordinator.join(request, context, self._clock.monotonic_ms()))
        return ticket

    def sync(self, request: SyncGroupRequest, *, on_answer: OnAnswer) -> Ticket:
        ticket = self._park(on_answer)
        self._settle(self.coordinator.sync(request, ticket, self._clock.monotonic_ms()))
        return ticket

    def abandon(self, group_id: str, ticket: Ticket) -> None:
        """Nobody waits for this answer any more."""
        if self._waiting.pop(ticket, None) is not None and not self._is_closed:
            now_ms = self._clock.monotonic_ms()
            self._settle(self.coordinator.abandon(GroupId(group_id), ticket, now_ms))

    def leave(
        self, request: LeaveGroupRequest, leaving: Sequence[LeavingMember]
    ) -> list[ErrorCode]:
        now_ms = self._clock.monotonic_ms()
        errors, answers = self.coordinator.leave(request, leaving, now_ms)
        self._settle(answers)
        return errors

    def commit(
        self,
        request: OffsetCommitRequest,
        on_answer: Callable[[OffsetCommitResponse], None],
        *,
        writer: Writer | None = None,
    ) -> None:
        """Commit offsets; the answer comes when they are written.

        With `writer` they are part of that producer's transaction, and count when it does.
        """
        plan = self.coordinator.plan_commit(
            request,
            partition_count=self.partition_count,
            now_ms=self._clock.monotonic_ms(),
            unix_ms=self._clock.now_ms(),
            is_transactional=writer is not None,
        )
        if not plan.accepted:
            on_answer(plan.response())
            return
        group_id = GroupId(request.group_id)
        self._under_way[id(plan)] = group_id, plan

        def on_written(offsets: Sequence[Offset] | None) -> None:
            del self._under_way[id(plan)]
            if offsets is not None:
                self._committed(group_id, plan.placed(offsets), writer)
            on_answer(plan.response(_write_error(offsets is not None)))

        self._log.append(
            [offset_entry(group_id, *item) for item in plan.accepted.items()],
            on_written,
            writer=writer,
        )

    def _committed(
        self,
        group_id: GroupId,
        offsets: Mapping[TopicPartition, CommittedOffset],
        writer: Writer | None,
    ) -> None:
        if writer is None:
            self.coordinator.commit(group_id, offsets)
        else:
            part = TransactionPart(writer.producer_id, self._log.partition_of(group_id))
            self.coordinator.pending.put(part, group_id, offsets)

    def end_transaction(self, producer_id: int, partition: int, *, is_commit: bool) -> None:
        """A marker is in this partition of `__consumer_offsets`."""
        part = TransactionPart(producer_id, partition)
        self.coordinator.end_transaction(part, is_commit=is_commit)

    def offsets_partition_of(self, group_id: str) -> int:
        """Return the partition of `__consumer_offsets` that a group's offsets go to."""
        return self._log.partition_of(GroupId(group_id))

    def delete_groups(
        self, group_ids: Sequence[str], on_answer: Callable[[list[ErrorCode]], None]
    ) -> None:
        """Delete groups without members; the answer, a code each, comes when that is written."""
        plans = [self.coordinator.plan_deletion(GroupId(group_id)) for group_id in group_ids]

        def on_written(is_written: bool) -> None:
            write_error = _write_error(is_written)
            on_answer([error or write_error for error, _ in plans])

        self._forget([entry for _, entries in plans for entry in entries], on_written)

    def delete_offsets(
        self,
        group_id: str,
        places: Sequence[TopicPartition],
        on_answer: Callable[[ErrorCode], None],
    ) -> None:
        """Forget committed offsets of a group; the answer comes when that is written."""
        self._forget(
            tombstones(GroupId(group_id), places),
            lambda is_written: on_answer(_write_error(is_written)),
        )

    def forget_topics(self, names: Collection[str], on_done: Callable[[], None]) -> None:
        """Topics were deleted: forget every group's offsets there, in memory at once.

        `on_done` is called when that is written, or the disk has refused it.
        """
        entries = self.coordinator.offsets_of(lambda place: place.topic in names)
        self.coordinator.forget(entries)
        for group_id, plan in self._under_way.values():
            places = [place for place in plan.accepted if place.topic in names]
            entries += tombstones(group_id, places)

        def on_written(is_written: bool) -> None:
            _note_unwritten(is_written)
            on_done()

        self._forget(entries, on_written)

    def _forget(self, entries: Sequence[LogEntry], on_written: Callable[[bool], None]) -> None:
        """Write tombstones, and forget what they name in the order of the log: commits that
        were under way before them have come true by then, later ones have not."""
        if not entries:
            on_written(True)
            return

        def on_log(offsets: Sequence[Offset] | None) -> None:
            if offsets is not None:
                self.coordinator.forget(entries)
            on_written(offsets is not None)

        self._log.append(entries, on_log)

    # What was decided

    def _park(self, on_answer: OnAnswer) -> Ticket:
        self._last_ticket += 1
        ticket = Ticket(self._last_ticket)
        self._waiting[ticket] = on_answer
        return ticket

    def _settle(self, answers: Sequence[Answer]) -> None:
        """Write down groups that came to rest, then answer."""
        self._write(self.coordinator.changed_groups(unix_ms=self._clock.now_ms()))
        for ticket, response in answers:
            on_answer = self._waiting.pop(ticket, None)
            if on_answer is not None:
                on_answer(response)

    def _write(self, entries: Sequence[LogEntry]) -> None:
        if entries:
            self._log.append(entries, lambda offsets: _note_unwritten(offsets is not None))


def _write_error(is_written: bool) -> ErrorCode:
    """Told of `COORDINATOR_NOT_AVAILABLE`, clients look for the coordinator and ask again."""
    return ErrorCode.NONE if is_written else ErrorCode.COORDINATOR_NOT_AVAILABLE


def _note_unwritten(is_written: bool) -> None:
    """A group's members that were not written down rebalance after a restart: no harm."""
    if not is_written:
        logger.warning("changes of groups were not written: after a restart they are lost")
