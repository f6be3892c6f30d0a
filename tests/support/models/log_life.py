"""One life of a topic in which each thing happens that its model has a word on."""

from dataclasses import replace

from streamcore.broker.settings import FlushAcks
from streamcore.record.records import Record
from tests.support.models.log_reading import Fetch, Want
from tests.support.models.log_world import OUR_PRODUCERS_FROM, RETENTION_CHECK_MS
from tests.support.models.log_writing import Produce
from tests.support.models.modelled_log import ModelledLog
from tests.support.models.sendings import Identity, Sending


def live_in_a_log(world: ModelledLog) -> None:
    _write_idempotently(world)
    world.pass_time(1_000)
    _write(world, 0, 3)
    _look(world)
    for transactor in world.transactors:
        _use_transactions(world, transactor.transactional_id)
    world.kill()
    _look(world)
    _write_idempotently(world, known=4)
    world.end()
    _write_idempotently(world, known=8)
    world.delete_records(2, {0: 2})
    _look(world)
    world.alter(1, {"segment.bytes": "100", "retention.ms": "1000"})
    _write(world, 0, 1)
    world.pass_time(RETENTION_CHECK_MS)
    _look(world)


def live_in_a_synced_log(world: ModelledLog) -> None:
    assert world.flush_acks is FlushAcks.WAIT
    for number in range(3):
        _write(world, number, 2)
        world.lose_power()
        world.read_all()


def _sending(world: ModelledLog, partition: int, count: int) -> Sending:
    records = [
        Record(timestamp=world.now_ms + number, key=b"k", value=b"%d" % number)
        for number in range(count)
    ]
    return Sending(partition=partition, records=tuple(records))


def _send(world: ModelledLog, sending: Sending) -> None:
    world.send([Produce(version=9, acks=-1, sendings=(sending,))])


def _write(world: ModelledLog, partition: int, count: int) -> None:
    _send(world, _sending(world, partition, count))


def _write_idempotently(world: ModelledLog, known: int = 0) -> None:
    """Two batches, each twice, one that leaves a gap, one of an older epoch."""
    sending = _sending(world, 0, 2)

    def send(epoch: int, sequence: int) -> None:
        identity = Identity(OUR_PRODUCERS_FROM, epoch, sequence)
        _send(world, replace(sending, identity=identity))

    for sequence in (known, known + 2):
        send(3, sequence)
        send(3, sequence)
    send(3, known + 9)
    send(2, known + 4)


def _look(world: ModelledLog) -> None:
    world.read_all()
    model = world.models[0]
    for offset in range(model.start, model.end + 1):
        want = Want(0, offset, 1 << 20)
        world.fetch(Fetch(version=11, wants=(want,), is_committed_only=True))
    for timestamp in (-1, -2, -3, world.now_ms - 1_000, world.now_ms):
        world.list_offsets(7, {0: timestamp}, is_committed_only=True, epoch=-1)
    world.end_of_epoch(4, {0: max(0, model.leader_epoch - 1)}, known=-1)


def _use_transactions(world: ModelledLog, name: str) -> None:
    transactor = next(each for each in world.transactors if each.transactional_id == name)
    for commit in (False, True):
        world.write_in_transaction(
            transactor, transactor.produce_versions[-1], _sending(world, 0, 2)
        )
        _write(world, 0, 1)
        _look(world)
        world.end_transaction(transactor, transactor.end_versions[-1], commit=commit)
        _look(world)
