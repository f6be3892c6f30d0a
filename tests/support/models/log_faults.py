"""Small faults of a broker in what it does with logs: each of them must be seen."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from streamcore.broker.transaction_markers import TransactionMarkers
from streamcore.partition.producers import Duplicate, ProducerTable, Verdict
from streamcore.partition.replica import Replica
from streamcore.record.places import Offset
from streamcore.storage.log import PartitionLog
from tests.support.models.faults import Fault, instead, nothing, told_otherwise
from tests.support.models.group_faults import GROUP_FAULTS


def _judged(change: Mapping[Verdict, Verdict], duplicate_at: int | None = 0) -> Fault:
    """Producers are judged otherwise. `duplicate_at`: how far from its place; None: it is new."""
    usual = ProducerTable.judge

    def judge(table: ProducerTable, header: Any) -> Verdict | Duplicate:
        verdict = usual(table, header)
        if not isinstance(verdict, Duplicate):
            return change.get(verdict, verdict)
        if duplicate_at is None:
            return Verdict.APPEND
        return Duplicate(Offset(verdict.base_offset + duplicate_at))

    return instead(ProducerTable, "judge", judge)


def _tell_one_too_few(patch: pytest.MonkeyPatch) -> None:
    usual = Replica.commit

    def commit(replica: Replica, *, now_ms: int) -> Any:
        appended = usual(replica, now_ms=now_ms)
        replica.high_watermark = Offset(replica.high_watermark - bool(appended.size))
        return appended

    patch.setattr(Replica, "commit", commit)


def _commit_always(patch: pytest.MonkeyPatch) -> None:
    usual = TransactionMarkers.write

    def write(markers: TransactionMarkers, *given: Any, is_commit: bool, **named: Any) -> None:
        usual(markers, *given, is_commit=True, **named)

    patch.setattr(TransactionMarkers, "write", write)


IGNORE_OPEN: Final = instead(Replica, "_stable_before", lambda _, end: end)
HIDE_ABORTED: Final = instead(PartitionLog, "aborted_between", lambda *_: [])

LOG_FAULTS: Final[Mapping[str, Fault]] = {
    "the high watermark is one too low": _tell_one_too_few,
    "what stands behind an open transaction is read": IGNORE_OPEN,
    "nobody is told of aborted transactions": HIDE_ABORTED,
    "an aborted transaction is marked as committed": _commit_always,
    "what is sent again is written again": _judged({}, duplicate_at=None),
    "what is sent again is told another place": _judged({}, duplicate_at=1),
    "a gap in a producer's numbers is taken": _judged({Verdict.OUT_OF_ORDER: Verdict.APPEND}),
    "a producer of an older epoch may write": _judged({Verdict.FENCED: Verdict.APPEND}),
    "producers are forgotten at a restart": nothing(ProducerTable, "restore"),
    "reading begins one record later": told_otherwise(
        Replica, "fetch", lambda replica, offset: (replica, offset + 1)
    ),
    "a record more than asked is deleted": told_otherwise(
        Replica, "delete_before", lambda replica, offset: (replica, Offset(offset + 1))
    ),
    "no record is ever too old": instead(Replica, "drop_expired", lambda *_, **__: []),
    "all epochs end at the end": instead(
        Replica, "epoch_end", lambda replica, epoch: (epoch, replica.high_watermark)
    ),
    "a time is looked for a moment later": told_otherwise(
        PartitionLog, "first_at", lambda log, timestamp: (log, timestamp + 1)
    ),
}

TRANSACTION_FAULTS: Final[Mapping[str, Fault]] = {
    "what stands behind an open transaction is read": IGNORE_OPEN,
    "nobody is told of aborted transactions": HIDE_ABORTED,
    "an aborted transaction is marked as committed": _commit_always,
    **{
        name: GROUP_FAULTS[name]
        for name in ("an offset counts before its transaction", "an aborted offset counts")
    },
}
