"""All appends of one loop tick: one write a partition, then the answers, then the readers.

Nothing is answered and nothing can be read before it is written. With
`flush.acks=wait` the answers wait further, for the next group commit; a topic's
`flush.messages` makes those of its producers wait.
"""

import logging
from collections.abc import Callable
from typing import Protocol

from groundwork.seams import Clock
from streamcore.partition.replica import (
    CLIENTS_REFUSED_BITS,
    Appended,
    AppendRules,
    Placement,
    Replica,
)
from streamcore.storage.failures import StorageFailed

logger = logging.getLogger(__name__)

# Says whether the batch is as safe as the settings promise.
OnKept = Callable[[bool], None]


class AppendObserver(Protocol):
    """Who is told of written batches."""

    def on_appended(self, replica: Replica, appended: Appended) -> None: ...


class AppendRound:
    """Collects staged batches; `flush` runs once at the end of the tick."""

    def __init__(
        self,
        *,
        clock: Clock,
        call_soon: Callable[[Callable[[], None]], object],
        observers: tuple[AppendObserver, ...],
        after_flush: tuple[Callable[[], None], ...],
        hold_until_synced: Callable[[OnKept], None],
        always_syncs: bool,
    ) -> None:
        self._clock = clock
        self._call_soon = call_soon
        self._observers = observers
        self._after_flush = after_flush
        self._hold_until_synced = hold_until_synced
        self._always_syncs = always_syncs
        self._touched: dict[Replica, None] = {}
        self._on_kept: list[OnKept] = []
        self._on_synced: list[OnKept] = []
        self._waits_for_sync = always_syncs  # who is added next
        self._is_due = False
        self._full: set[Replica] = set()

    def stage(
        self, replica: Replica, batch: memoryview, *, refused_bits: int = CLIENTS_REFUSED_BITS
    ) -> Placement:
        """Give a client's batch a place. `batch` must be writable; its bytes are copied.

        Tell `when_kept` whom to call once the placement is final.
        """
        rules = replica.limits.append_rules
        if rules is None:
            placement = replica.stage(batch, refused_bits=refused_bits)
        else:
            placement = self._stage_by(rules, replica, batch, refused_bits)
        self._touched[replica] = None
        return placement

    def stage_own(self, replica: Replica, batch: bytes) -> Placement:
        """Give a place to a batch that the broker itself has made."""
        placement = replica.stage_own(memoryview(bytearray(batch)))
        self._touched[replica] = None
        return placement

    def _stage_by(
        self, rules: AppendRules, replica: Replica, batch: memoryview, refused_bits: int
    ) -> Placement:
        if rules.admission is None:
            placement = replica.stage(batch, refused_bits=refused_bits)
        else:
            placement = replica.stage_admitted(
                batch, rules.admission, now_ms=self._clock.now_ms(), refused_bits=refused_bits
            )
        if replica.unsynced_records >= rules.unsynced_records_max:
            self._waits_for_sync = True
        return placement

    def when_kept(self, on_kept: OnKept) -> None:
        """Call `on_kept` when this tick's batches are written.

        When they are synced, where the broker (`flush.acks`) or a topic of what was staged since
        the last call (`flush.messages`) wants it so: then it is told False when the sync failed.
        A failed write is in the placements.
        """
        if self._waits_for_sync:
            self._on_synced.append(on_kept)
            self._waits_for_sync = self._always_syncs
        else:
            self._on_kept.append(on_kept)
        if not self._is_due:
            self._is_due = True
            self._call_soon(self.flush)

    def flush(self) -> None:
        """Write what was staged, then tell everybody."""
        self._is_due = False
        touched, self._touched = self._touched, {}
        written, self._on_kept = self._on_kept, []
        synced, self._on_synced = self._on_synced, []
        now_ms = self._clock.now_ms()
        for replica in touched:
            self._commit(replica, now_ms)
        for on_kept in written:
            on_kept(True)
        for on_kept in synced:
            self._hold_until_synced(on_kept)
        for step in self._after_flush:
            step()

    def _commit(self, replica: Replica, now_ms: int) -> None:
        try:
            appended = replica.commit(now_ms=now_ms)
        except StorageFailed as failure:
            if replica not in self._full:
                # Said once: a producer tries again many times a second.
                self._full.add(replica)
                logger.error("append refused by the disk: %s", failure)  # noqa: TRY400  # no trace: the disk's words say it all
            return
        if replica in self._full:
            self._full.discard(replica)
            logger.warning("%s takes appends again", replica.log.folder)
        if appended.size:
            for observer in self._observers:
                observer.on_appended(replica, appended)
