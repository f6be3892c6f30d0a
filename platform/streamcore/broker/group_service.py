"""The group coordinator's shell: parks requests, keeps time, writes what was decided."""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from groundwork.seams import Clock
from streamcore.broker.group_log import GroupLog
from streamcore.broker.topics import TopicCatalogue
from streamcore.groups.answers import Answer
from streamcore.groups.coordinator import GroupCoordinator
from streamcore.groups.ids import GroupId, Ticket
from streamcore.groups.log_records import LogEntry, offset_entry
from streamcore.groups.member import JoinContext
from streamcore.groups.offsets import TopicPartition
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

    def load(self) -> int:
        """Read the log; return how many entries there were."""
        now_ms = self._clock.monotonic_ms()
        count = 0
        for entry in self._log.read():
            self.coordinator.restore(entry, now_ms=now_ms)
            count += 1
        return count

    def close(self) -> None:
        """Decide nothing any more: that the broker's end cuts connections is no news of members."""
        self._is_closed = True

    async def run(self) -> None:
        """Keep time: end waits and sessions, expire offsets, keep the log small."""
        expiry_due_ms = self._clock.monotonic_ms() + self._expiry_interval_ms
        while True:
            await self._clock.sleep_until(self._clock.monotonic_ms() + TICK_MS)
            now_ms = self._clock.monotonic_ms()
            self._settle(self.coordinator.tick(now_ms))
            if now_ms >= expiry_due_ms:
                expiry_due_ms = now_ms + self._expiry_interval_ms
                self.expire()
            self.keep_log_small()

    def keep_log_small(self) -> None:
        """Rewrite what is mostly out of date; the old entries go when the new are synced."""
        for partition in self._log.due_for_rewriting():
            here = (
                group_id
                for group_id in self.coordinator.group_ids()
                if self._log.partition_of(group_id) == partition
            )
            self._log.rewrite(partition, list(self.coordinator.entries(here)))

    def expire(self) -> None:
        """Forget offsets past their retention, of deleted topics, and groups without any."""
        entries = self.coordinator.expire(
            unix_ms=self._clock.now_ms(), partition_count=self.partition_count
        )
        self._write(entries)

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
        self, request: OffsetCommitRequest, on_answer: Callable[[OffsetCommitResponse], None]
    ) -> None:
        """Commit offsets; the answer comes when they are written."""
        plan = self.coordinator.plan_commit(
            request,
            partition_count=self.partition_count,
            now_ms=self._clock.monotonic_ms(),
            unix_ms=self._clock.now_ms(),
        )
        if not plan.accepted:
            on_answer(plan.response())
            return
        group_id = GroupId(request.group_id)

        def on_written(is_written: bool) -> None:
            if is_written:
                self.coordinator.commit(group_id, plan.accepted)
                on_answer(plan.response())
            else:
                # Clients look for the coordinator again and repeat the commit.
                on_answer(plan.response(ErrorCode.COORDINATOR_NOT_AVAILABLE))

        self._log.append(
            [offset_entry(group_id, *item) for item in plan.accepted.items()], on_written
        )

    def forget_group(self, group_id: str) -> ErrorCode:
        error, entries = self.coordinator.forget_group(GroupId(group_id))
        self._write(entries)
        return error

    def forget_offsets(self, group_id: str, places: Sequence[TopicPartition]) -> None:
        self._write(self.coordinator.forget_offsets(GroupId(group_id), places))

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
            self._log.append(entries, _note_unwritten)


def _note_unwritten(is_written: bool) -> None:
    """A group's members that were not written down rebalance after a restart: no harm."""
    if not is_written:
        logger.warning("changes of groups were not written: after a restart they are lost")
