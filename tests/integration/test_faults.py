"""Random faults on a real broker: what it acknowledged is there once, and moved exactly once."""

from pathlib import Path

import pytest

from loadlab.broker_process import BrokerProcess
from loadlab.faults.audit import audit
from loadlab.faults.run import SOURCE, TARGET, run
from loadlab.faults.writers import NumberWriter

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


def test_nothing_acknowledged_is_lost_or_doubled_and_transactions_are_whole(
    tmp_path: Path,
) -> None:
    verdict, happened = run(tmp_path, seconds=8, per_second=2000, seed=5, pause_s=(0.5, 1.5))
    assert verdict.is_clean, verdict
    assert verdict.acknowledged > 0
    assert happened["killed"] > 0
    assert happened["transactions committed"] > 0


def test_the_audit_sees_what_is_lost_and_what_was_not_moved(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "broker", num_partitions=2) as broker:
        writer = NumberWriter(broker.address, SOURCE, writer=0, per_second=200)
        writer.stop()
        writer.write()
        writer.write()
        writer.run()
        writer.acknowledged += b"\1"  # one that never was
        other = NumberWriter(broker.address, TARGET, writer=0, per_second=200)
        other.write()
        other.stop()
        other.run()
        verdict = audit(broker.address, [writer], source=SOURCE, target=TARGET)
    assert (verdict.acknowledged, verdict.in_log, verdict.moved) == (3, 2, 1)
    assert (verdict.lost, verdict.not_moved, verdict.is_clean) == (1, 1, False)


def test_the_audit_sees_what_is_there_twice(tmp_path: Path) -> None:
    with BrokerProcess(tmp_path / "broker", num_partitions=2) as broker:
        writers = [
            NumberWriter(broker.address, topic, writer=0, per_second=200)
            for topic in (SOURCE, SOURCE, TARGET, TARGET)
        ]
        for writer in writers:
            writer.stop()
            writer.write()
            writer.run()
        verdict = audit(broker.address, writers[:1], source=SOURCE, target=TARGET)
    assert (verdict.doubled, verdict.moved_twice, verdict.is_clean) == (1, 1, False)
