"""The checks of `test_a_crash_at_every_write_point` have been seen to fail: where a broker does one
thing wrong, some write point tells."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from groundwork.simulated.disk import SimulatedDirectory, SimulatedFile
from streamcore.broker.append_round import AppendRound
from streamcore.broker.producer_ids import ProducerIds
from streamcore.broker.security.credentials import Change, CredentialStore
from streamcore.broker.settings import FlushAcks
from streamcore.broker.topics import TopicCatalogue, TopicsUnreadable
from streamcore.broker.transaction_service import TransactionService
from streamcore.groups.coordinator import GroupCoordinator
from streamcore.partition.producers import ProducerTable, Verdict
from streamcore.storage import recovery
from streamcore.storage.log import PartitionLog
from tests.support.writepoints.crashes import crash_at
from tests.support.writepoints.recording import CrashKind
from tests.support.writepoints.script import Script

pytestmark = pytest.mark.simulation

SEED: Final = 1
STRIDE: Final = 11
Patch = Callable[[pytest.MonkeyPatch], None]


def _replaced(owner: Any, name: str, by: Callable[..., Any]) -> Patch:
    return lambda patch: patch.setattr(owner, name, by)


def _answers_before_it_writes(patch: pytest.MonkeyPatch) -> None:
    flush = AppendRound.flush

    def hasty(self: AppendRound) -> None:
        early, self._on_kept = self._on_kept, []
        for on_kept in early:
            on_kept(True)
        flush(self)

    patch.setattr(AppendRound, "flush", hasty)


def _keeps_users_in_memory(patch: pytest.MonkeyPatch) -> None:
    apply = CredentialStore.apply

    def forgetful(self: CredentialStore, changes: list[Change]) -> None:
        self._directory = SimulatedDirectory()
        apply(self, changes)

    patch.setattr(CredentialStore, "apply", forgetful)


def _change_only(self: SimulatedFile) -> None:
    self._disk.change()


def _nothing(*_: object, **__: object) -> None:
    return None


def _nothing_found(*_: object) -> list[Any]:
    return []


MUTANTS: Final[dict[str, tuple[Patch, CrashKind, FlushAcks, str]]] = {
    "a file's sync does nothing": (
        _replaced(SimulatedFile, "fsync", _change_only),
        CrashKind.POWER,
        FlushAcks.WAIT,
        "should be one of|promised|unreadable",
    ),
    "a folder's sync does nothing": (
        _replaced(SimulatedDirectory, "sync_names", lambda self, _: self.change()),
        CrashKind.POWER,
        FlushAcks.WRITTEN,
        "should be one of|promised",
    ),
    "answers come before what they answer for is written": (
        _answers_before_it_writes,
        CrashKind.KILL,
        FlushAcks.WRITTEN,
        "a promised batch is gone|promised records|offset",
    ),
    "producer ids begin anew": (
        _replaced(ProducerIds, "_stored", lambda _: 0),
        CrashKind.KILL,
        FlushAcks.WRITTEN,
        "handed out twice|invalid_producer_epoch",
    ),
    "a checkpoint forgets what was aborted": (
        _replaced(PartitionLog, "_take_aborted", _nothing_found),
        CrashKind.KILL,
        FlushAcks.WRITTEN,
        "a transaction is seen",
    ),
    "interrupted swaps are not finished": (
        _replaced(recovery, "finish_interrupted", _nothing_found),
        CrashKind.KILL,
        FlushAcks.WRITTEN,
        "left over|promised records of the table|the table is another",
    ),
    "what belongs to no topic stays": (
        _replaced(TopicCatalogue, "remove_leftovers", _nothing_found),
        CrashKind.KILL,
        FlushAcks.WRITTEN,
        "belongs to no partition|left over",
    ),
    "users are kept in memory alone": (
        _keeps_users_in_memory,
        CrashKind.KILL,
        FlushAcks.WRITTEN,
        "another credential",
    ),
    "ends that were decided are not carried out": (
        _replaced(TransactionService, "finish", _nothing),
        CrashKind.KILL,
        FlushAcks.WRITTEN,
        "half a transaction|a transaction is not seen|for ever",
    ),
    "what is sent again is taken again": (
        _replaced(ProducerTable, "judge", lambda *_: Verdict.APPEND),
        CrashKind.KILL,
        FlushAcks.WRITTEN,
        "put elsewhere|not there once",
    ),
    "committed offsets are not read back": (
        _replaced(GroupCoordinator, "restore", _nothing),
        CrashKind.KILL,
        FlushAcks.WRITTEN,
        "offset -1",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_some_write_point_tells_of_a_fault(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    patch, kind, flush_acks, complaint = MUTANTS[name]
    patch(monkeypatch)
    with pytest.raises((AssertionError, TopicsUnreadable), match=complaint):
        _crash_everywhere(Script(SEED, flush_acks), kind)


def _crash_everywhere(life: Script, kind: CrashKind) -> None:
    life.live()
    for point in life.disk.points[::STRIDE]:
        crash_at(life, point, kind, to_the_end=True, again=False)
