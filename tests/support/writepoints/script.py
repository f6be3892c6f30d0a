"""What happens in the life of a broker: everything that writes, in an order from the seed."""

from collections.abc import Callable
from typing import Final

from streamcore.broker.settings import FlushAcks
from streamcore.record.compression import Codec
from tests.support.writepoints.asking import CLEANER_MS, FLUSH_MS
from tests.support.writepoints.writing import Producer, Transacting

RETENTION_MS: Final = 30_000
SHORT_TIMEOUT_MS: Final = 10_000
KEYS: Final = 5


class Script(Transacting):
    """One life. `live` it, and its disk has all its write points."""

    def live(self) -> None:
        try:
            self._live()
        finally:
            self.disk.before_change = None
            self.broker.discard()

    def _live(self) -> None:
        self._begin()
        steps: list[Callable[[], None]] = [
            *[self._write_plainly, self._write_in_order, self._write_table] * 3,
            *[self._write_old, self._write_safely, self._commit_offsets] * 2,
            *[self._commit_transaction, self._abort_transaction] * 2,
            *[self._trim, self._rest, self._rest, self._clean, self._clean],
            *[self._grow, self._alter, self._make_anew, self._change_users],
            *[self._leave_open, self._join_and_leave, self._kill, self._restart, self._kill],
        ]
        self.rng.shuffle(steps)
        for step in steps:
            step()
        self.settle()
        self.pass_time(FLUSH_MS)

    def _begin(self) -> None:
        self.create("plain", 2, segment_bytes="400")
        self.create("ordered", 1, segment_bytes="500")
        self.create(
            "table",
            1,
            cleanup_policy="compact",
            segment_bytes="300",
            min_cleanable_dirty_ratio="0.01",
            delete_retention_ms="0",
        )
        self.create("old", 1, segment_bytes="150", retention_ms=str(RETENTION_MS))
        self.create("safe", 1, flush_messages="1")
        self.create("tx", 2, segment_bytes="400")
        self.create("doomed", 1)
        self.idempotent = self.new_producer()
        self.transactor: Producer | None = None
        self.is_new = self.rng.random() < 0.5
        self.send("doomed")
        self.settle()

    def _await_sync(self) -> None:
        """Have all answered that was asked."""
        if self.flush_acks is FlushAcks.WAIT:
            self.pass_time(FLUSH_MS)

    # Records

    def _write_plainly(self) -> None:
        for _ in range(2):
            for _ in range(self.rng.randint(1, 3)):
                self.send(
                    "plain",
                    self.rng.randint(0, 1),
                    acks=self.rng.choice((-1, 1, 1, 0)),
                    codec=self.rng.choice(list(Codec)),
                )
            self.settle()

    def _write_in_order(self) -> None:
        for _ in range(2):
            for _ in range(self.rng.randint(1, 3)):
                self.send("ordered", producer=self.idempotent)
            self.settle()
            self._await_sync()

    def _write_table(self) -> None:
        for _ in range(4):
            keys = [b"key-%d" % self.rng.randrange(KEYS) for _ in range(self.rng.randint(1, 3))]
            self.send("table", keys=keys, forgets=self.rng.random() < 0.25)
            self.settle()

    def _write_old(self) -> None:
        for _ in range(3):
            self.send("old", count=2)
            self.settle()

    def _write_safely(self) -> None:
        self.send("safe")
        self.settle()

    def _trim(self) -> None:
        self.trim("plain", self.rng.randint(0, 1))

    # Groups and transactions

    def _commit_offsets(self) -> None:
        for number in range(2):
            self.commit("readers", "plain", 10 * self.count + number)
        self.settle()

    def _join_and_leave(self) -> None:
        member = self.join("members")
        self.commit("members", "ordered", self.count, member)
        self.settle()
        self._rest()
        self.leave("members", member[0])

    def _transaction(self, *, commit: bool) -> None:
        producer = self.transactor or self.new_transactor("tx-1", is_new=self.is_new)
        self.transactor = producer
        places = [("tx", 0), ("tx", 1)]
        self.begin(producer, places)
        for _ in range(2):
            for topic, partition in places:
                self.send(topic, partition, producer=producer)
        self.settle()
        self._await_sync()
        offset = "processors", "plain", self.count
        self.commit_in(producer, *offset)
        self.finish(producer, commit=commit, offset=offset)

    def _commit_transaction(self) -> None:
        self._transaction(commit=True)

    def _abort_transaction(self) -> None:
        self._transaction(commit=False)

    def _leave_open(self) -> None:
        """Until time ends it."""
        producer = self.new_transactor("tx-2", SHORT_TIMEOUT_MS)
        self.begin(producer, [("tx", 0)])
        self.send("tx", 0, producer=producer)
        self.settle()

    # Topics and users

    def _grow(self) -> None:
        self.grow("plain", 3)
        self.send("plain", 2)
        self.settle()

    def _alter(self) -> None:
        self.alter("plain", "segment.bytes", "300")
        self.alter("table", "max.message.bytes", "5000")

    def _make_anew(self) -> None:
        self.commit("doomed readers", "doomed", 1)
        self.settle()
        self.pass_time(FLUSH_MS)
        self.delete("doomed")
        self.create("doomed", 1)
        self.send("doomed")
        self.settle()

    def _change_users(self) -> None:
        self.set_user("ada", 4096)
        self.set_user("bob", 4096)
        self.set_user("ada", 5000)
        self.set_user("bob", None)

    # Time and ends

    def _rest(self) -> None:
        self.pass_time(FLUSH_MS)

    def _clean(self) -> None:
        self.pass_time(CLEANER_MS)

    def _kill(self) -> None:
        self.settle()
        self._await_sync()
        self.kill()

    def _restart(self) -> None:
        self.restart()
