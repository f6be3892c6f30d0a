"""A topic that is written, read, cut, altered, restarted and crashed in any order: what everybody
is told of it is what a list of batches would say."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streamcore.broker.settings import FlushAcks
from streamcore.record.compression import Codec
from streamcore.record.records import Record
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import versions_of
from tests.support.models.lives import LIVES
from tests.support.models.log_reading import EPOCHS_FROM, SESSIONS_FROM, TOPIC_IDS_FROM, Fetch, Want
from tests.support.models.log_sessions import Session
from tests.support.models.log_transactions import Transactor
from tests.support.models.log_world import OUR_PRODUCERS_FROM
from tests.support.models.log_writing import Produce
from tests.support.models.modelled_log import ModelledLog
from tests.support.models.partition_model import PartitionModel
from tests.support.models.sendings import Damage, Identity, Sending

PARTITION = st.sampled_from([0, 0, 0, 1, 1, 2])
ANY_PARTITION = st.one_of(PARTITION, st.sampled_from([-1, 3]))
HOUR_MS = 3_600_000
SIZES = st.sampled_from([0, 1, 100, 300, 1_000, 1 << 20])


def versions(api: ApiKey) -> st.SearchStrategy[int]:
    return st.sampled_from(versions_of(api))


@dataclass(frozen=True)
class Spot:
    """A place in a log, wherever that is just then."""

    anchor: str
    delta: int

    def of(self, model: PartitionModel) -> int:
        middle = (model.start + model.end) // 2
        return {"start": model.start, "middle": middle, "end": model.end}[self.anchor] + self.delta


SPOT = st.builds(
    Spot,
    st.sampled_from(["start", "middle", "end"]),
    st.sampled_from([0, 0, 0, 0, 1, -1, 2, -3, 1000]),
)


@dataclass(frozen=True)
class When:
    """A time, as far from now as it says, or none at all."""

    ago_ms: int | None

    def at(self, now_ms: int) -> int:
        return -1 if self.ago_ms is None else max(0, now_ms - self.ago_ms)


WHEN = st.builds(
    When, st.sampled_from([0, 0, 0, 1, 7, 9_000, -9_000, HOUR_MS, -HOUR_MS, None, 1 << 60])
)


@dataclass(frozen=True)
class Row:
    """A record that is to be written."""

    when: When
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


TEXT = st.one_of(st.none(), st.binary(max_size=3), st.just(b"x" * 150))
HEADERS = st.sampled_from([(), (), (("h", b"1"),), (("", None), ("h", b""))])
ROWS = st.lists(st.builds(Row, WHEN, TEXT, TEXT, HEADERS), min_size=1, max_size=4)


@dataclass(frozen=True)
class Whose:
    """Which producer writes, and how what it says goes with what it wrote before."""

    producer_id: int
    epoch_delta: int
    sequence: str

    def identity(self, model: PartitionModel) -> tuple[Identity, int | None]:
        """And how many records there must be, for a batch that is sent again."""
        known = model.producers.known.get(self.producer_id)
        if known is None:
            return Identity(self.producer_id, 3, 0 if self.sequence == "next" else 5), None
        epoch = max(0, known.epoch + self.epoch_delta)
        if epoch > known.epoch:
            return Identity(self.producer_id, epoch, 0 if self.sequence == "next" else 7), None
        if self.sequence.startswith("again") and known.kept:
            number = min(int(self.sequence.removeprefix("again")), len(known.kept))
            kept = known.kept[-number]
            return Identity(self.producer_id, epoch, kept.first), kept.last - kept.first + 1
        at = {"next": 1, "gap": 3, "behind": 0}.get(self.sequence, 1)
        return Identity(self.producer_id, epoch, max(0, known.last_sequence + at)), None


WHOSE = st.one_of(
    st.none(),
    st.builds(
        Whose,
        st.integers(OUR_PRODUCERS_FROM, OUR_PRODUCERS_FROM + 3),
        st.sampled_from([0, 0, 0, 0, 0, 1, -1]),
        st.sampled_from(["next", "next", "next", "again1", "again2", "again5", "gap", "behind"]),
    ),
)
DAMAGE = st.one_of(st.just(Damage.NONE), st.just(Damage.NONE), st.sampled_from(list(Damage)))
CODEC = st.sampled_from(list(Codec))


@dataclass(frozen=True)
class Draft:
    """A batch that somebody will send; what it says depends on what is there by then."""

    partition: int
    rows: list[Row]
    codec: Codec
    whose: Whose | None
    damage: Damage

    def sending(self, world: ModelledLog) -> Sending:
        model = world.models.get(self.partition)
        identity, count = None, None
        if self.whose is not None and model is not None:
            identity, count = self.whose.identity(model)
        rows = self.rows if count is None else (self.rows * count)[:count]
        return Sending(
            partition=self.partition,
            records=tuple(
                Record(
                    timestamp=row.when.at(world.now_ms),
                    key=row.key,
                    value=row.value,
                    headers=row.headers,
                )
                for row in rows
            ),
            codec=self.codec,
            identity=identity,
            damage=self.damage,
        )


DRAFT = st.builds(Draft, ANY_PARTITION, ROWS, CODEC, WHOSE, DAMAGE)
DRAFTS = st.lists(DRAFT, min_size=1, max_size=3, unique_by=lambda draft: draft.partition)
REQUESTS = st.lists(
    st.tuples(versions(ApiKey.PRODUCE), st.sampled_from([-1, 1, 1, 0]), DRAFTS),
    min_size=1,
    max_size=2,
)
WANT = st.tuples(ANY_PARTITION, SPOT, SIZES, st.sampled_from([None, None, None, 0, -1, 1]))
WANTS = st.lists(WANT, min_size=1, max_size=3, unique_by=lambda want: want[0])
SETTINGS: dict[str, list[str | None]] = {
    "segment.bytes": ["100", "400", "1500", None],
    "segment.ms": ["3000", None],
    "retention.ms": ["0", "10000", str(2 * HOUR_MS), "-1", None],
    "retention.bytes": ["0", "600", "2000", None],
    "max.message.bytes": ["150", "300", None],
    "message.timestamp.type": ["LogAppendTime", "CreateTime", None],
    "message.timestamp.before.max.ms": ["8000", None],
    "message.timestamp.after.max.ms": ["8000", None],
    "compression.type": ["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd", None],
    "flush.messages": ["1", "3", None],
    "index.interval.bytes": ["0", "200", None],
}
SETTING = st.sampled_from(sorted(SETTINGS)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(SETTINGS[name]))
)


class Kind(Enum):
    """What some lives have that others have not, as nobody could say what to expect of all."""

    WRITTEN = "acknowledged when it is written"
    WAITING = "acknowledged when it is synced"
    CROWDED = "more producers than are remembered"
    TRANSACTIONAL = "transactions, and no failing disk"


class LogMachine(RuleBasedStateMachine):
    """Everything that may happen to a topic."""

    world: ModelledLog
    sessions: list[Session]

    @initialize(
        seed=st.integers(0, 1000),
        configs=st.dictionaries(st.just("segment.bytes"), st.sampled_from(["100", "400", "1500"])),
        kind=st.sampled_from(list(Kind)),
    )
    def begin(self, seed: int, configs: dict[str, str], kind: Kind) -> None:
        self.kind = kind
        self.sessions = []
        self.world = ModelledLog(
            seed=seed,
            configs=configs,
            flush_acks=FlushAcks.WAIT if kind is Kind.WAITING else FlushAcks.WRITTEN,
            producers_max=3 if kind is Kind.CROWDED else 1000,
            transactors=[
                Transactor(f"tx-{number}", is_new=bool(number))
                for number in range(2 if kind is Kind.TRANSACTIONAL else 0)
            ],
        )

    # Writing and reading

    @rule(requests=REQUESTS)
    def produce(self, requests: list[tuple[int, int, list[Draft]]]) -> None:
        drafts = [
            Produce(
                version=version,
                acks=acks,
                sendings=tuple(draft.sending(self.world) for draft in some),
            )
            for version, acks, some in requests
        ]
        self.world.send(drafts)

    @rule(
        version=versions(ApiKey.FETCH),
        wants=WANTS,
        max_wait_ms=st.sampled_from([0, 0, 500, 10_000]),
        bytes_min=st.sampled_from([0, 1, 1, 200, 1000]),
        bytes_max=SIZES,
        is_committed_only=st.booleans(),
    )
    def fetch(self, version: int, wants: list[Any], **limits: Any) -> None:
        self.world.fetch(Fetch(version=version, wants=self._wants(wants, version), **limits))

    def _wants(
        self, wants: list[tuple[int, Spot, int, int | None]], version: int
    ) -> tuple[Want, ...]:
        found = []
        for partition, spot, bytes_max, epoch in wants:
            model = self.world.models.get(partition)
            offset = 0 if model is None else spot.of(model)
            known = 0 if model is None else model.leader_epoch
            said = -1 if epoch is None or version < EPOCHS_FROM else known + epoch
            found.append(Want(partition, offset, bytes_max, said))
        return tuple(found)

    @rule(
        data=st.data(),
        version=st.sampled_from(versions_of(ApiKey.FETCH)[SESSIONS_FROM - 4 :]),
        wants=st.lists(WANT, max_size=3, unique_by=lambda want: want[0]),
        forgotten=st.lists(PARTITION, max_size=1),
        bytes_max=SIZES,
        is_committed_only=st.booleans(),
        step=st.sampled_from(["begin", "go on", "go on", "go on", "go on", "end", "err"]),
    )
    def read_in_session(
        self,
        data: st.DataObject,
        version: int,
        wants: list[Any],
        forgotten: list[int],
        step: str,
        **limits: Any,
    ) -> None:
        fetch = Fetch(version=version, wants=self._wants(wants, version), **limits)
        if step == "begin" or not self.sessions:
            self.sessions.append(self.world.begin_session(fetch))
            return
        session = data.draw(st.sampled_from(self.sessions), label="session")
        if step == "end":
            self.world.end_session(session, fetch)
        else:
            by_id = range(TOPIC_IDS_FROM, 19) if session.by_id else range(SESSIONS_FROM, 13)
            version = by_id[version % len(by_id)] if step == "go on" else version
            fetch = replace(fetch, version=version, wants=self._wants(wants, version))
            delta = 1 if step == "err" and version % 2 else 0
            self.world.go_on(session, fetch, forgotten, epoch_delta=delta)

    @precondition(lambda self: self.kind is Kind.TRANSACTIONAL)
    @rule(
        number=st.integers(0, 1),
        partition=PARTITION,
        rows=ROWS,
        codec=CODEC,
        choice=st.integers(0, 9),
    )
    def write_in_transaction(
        self, number: int, partition: int, rows: list[Row], codec: Codec, choice: int
    ) -> None:
        transactor = self.world.transactors[number]
        versions = transactor.produce_versions
        draft = Draft(partition, rows, codec, None, Damage.NONE)
        self.world.write_in_transaction(
            transactor, versions[choice % len(versions)], draft.sending(self.world)
        )

    @precondition(lambda self: self.kind is Kind.TRANSACTIONAL)
    @rule(number=st.integers(0, 1), commit=st.booleans(), choice=st.integers(0, 4))
    def end_transaction(self, number: int, commit: bool, choice: int) -> None:
        transactor = self.world.transactors[number]
        versions = transactor.end_versions
        self.world.end_transaction(transactor, versions[choice % len(versions)], commit=commit)

    @rule(
        version=versions(ApiKey.LIST_OFFSETS),
        wanted=st.dictionaries(
            ANY_PARTITION, st.one_of(WHEN, st.integers(-7, -1)), min_size=1, max_size=3
        ),
        is_committed_only=st.booleans(),
        epoch=st.sampled_from([None, None, -1, 0, 1]),
    )
    def list_offsets(
        self,
        version: int,
        wanted: dict[int, When | int],
        is_committed_only: bool,
        epoch: int | None,
    ) -> None:
        now_ms = self.world.now_ms
        self.world.list_offsets(
            version,
            {n: each.at(now_ms) if isinstance(each, When) else each for n, each in wanted.items()},
            is_committed_only=is_committed_only,
            epoch=-1 if epoch is None else self.world.models[0].leader_epoch + epoch,
        )

    @rule(
        version=versions(ApiKey.OFFSET_FOR_LEADER_EPOCH),
        back=st.dictionaries(ANY_PARTITION, st.integers(-1, 4), min_size=1, max_size=3),
        known=st.sampled_from([None, None, None, 0, -1, 1]),
    )
    def end_of_epoch(self, version: int, back: dict[int, int], known: int | None) -> None:
        current = self.world.models[0].leader_epoch
        self.world.end_of_epoch(
            version,
            {number: max(0, current - epochs) for number, epochs in back.items()},
            known=-1 if known is None else current + known,
        )

    # Deleting and altering

    @rule(
        version=versions(ApiKey.DELETE_RECORDS),
        wanted=st.dictionaries(ANY_PARTITION, SPOT, min_size=1, max_size=2),
    )
    def delete_records(self, version: int, wanted: dict[int, Spot]) -> None:
        models = self.world.models
        self.world.delete_records(
            version,
            {n: spot.of(models[n]) if n in models else 0 for n, spot in wanted.items()},
        )

    @rule(
        version=versions(ApiKey.INCREMENTAL_ALTER_CONFIGS),
        changes=st.lists(SETTING, min_size=1, max_size=2, unique_by=lambda each: each[0]),
    )
    def alter(self, version: int, changes: list[tuple[str, str | None]]) -> None:
        if self.kind is Kind.TRANSACTIONAL:
            changes = [change for change in changes if change[0] != "flush.messages"]
        self.world.alter(version, dict(changes))

    # Time and the disk

    @rule(ms=st.sampled_from([1, 20, 50, 500, 3_000, 5_000, 12_000, HOUR_MS, 3 * HOUR_MS]))
    def pass_time(self, ms: int) -> None:
        self.world.pass_time(ms)

    @precondition(lambda self: not self.world.is_held and self.kind is not Kind.TRANSACTIONAL)
    @rule()
    def hold_disk(self) -> None:
        self.world.hold_disk()

    @precondition(lambda self: self.world.is_held)
    @rule()
    def release_disk(self) -> None:
        self.world.release_disk()

    @precondition(lambda self: self.kind in (Kind.WRITTEN, Kind.WAITING))
    @rule(room=st.sampled_from([0, 10, 100, 250, 400]))
    def fill_disk(self, room: int) -> None:
        self.world.disk.room_bytes = room

    @precondition(lambda self: self.world.disk.room_bytes is not None)
    @rule()
    def heal_disk(self) -> None:
        self.world.disk.room_bytes = None

    # Restarts

    @rule()
    def end(self) -> None:
        self.world.end()
        self._begin_again()

    @rule()
    def kill(self) -> None:
        self.world.kill()
        self._begin_again()

    @precondition(lambda self: self.kind is not Kind.TRANSACTIONAL)
    @rule()
    def lose_power(self) -> None:
        self.world.lose_power()
        self._begin_again()

    def _begin_again(self) -> None:
        for session in self.sessions:
            session.is_over = True
        self.world.read_all()

    @invariant()
    def producers_are_known(self) -> None:
        for number, model in self.world.models.items():
            assert self.world.described_producers(number) == model.producers.described()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.broker.discard()


TestLog = LogMachine.TestCase
TestLog.settings = LIVES
