"""A client in a process of its own: a `Client` whose calls are JSON lines."""

import contextlib
import json
import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from groundwork.real.clocks import SystemClock
from tests.support.clients.lines import pairs_in, pairs_out, read_in, record_out
from tests.support.clients.protocol import (
    Cluster,
    Committed,
    GroupView,
    Read,
    Refused,
    Security,
    Sent,
)

CALL_WITHIN_MS = 50_000
END_WITHIN_S = 10.0
ROOT = Path(__file__).parents[3]


class ClientGone(Exception):
    """The program ended or did not answer in time. Holds the end of its journal."""


class ClientProcess:
    """Sends one call at a time to a client's program, and waits for its answer."""

    def __init__(
        self, command: Sequence[str], address: str, security: Security, journal: Path
    ) -> None:
        self.journal = journal
        with journal.open("ab") as stderr:
            self._process = subprocess.Popen(
                [*command, address, json.dumps(asdict(security))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=ROOT,
                start_new_session=True,
            )
        self._unread = b""

    def call(self, name: str, on: int | None = None, **arguments: Any) -> Any:
        """Return what the call gave. Raises `Refused`, or `ClientGone`."""
        line = json.dumps({"call": name, "on": on, "with": arguments})
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise ClientGone(self._last_words(name)) from None
        answer = json.loads(self._line(name))
        if "refused" in answer:
            raise Refused(answer["refused"], answer["why"])
        return answer["gave"]

    def _line(self, name: str) -> bytes:
        assert self._process.stdout is not None
        out = self._process.stdout.fileno()
        clock = SystemClock()
        deadline_ms = clock.monotonic_ms() + CALL_WITHIN_MS
        pieces = [self._unread]
        while b"\n" not in pieces[-1]:
            left_ms = deadline_ms - clock.monotonic_ms()
            readable, _, _ = select.select([out], [], [], max(0, left_ms) / 1000)
            piece = os.read(out, 1 << 20) if readable else b""
            if not piece:
                self.kill()
                raise ClientGone(self._last_words(name))
            pieces.append(piece)
        line, _, self._unread = b"".join(pieces).partition(b"\n")
        return line

    def _last_words(self, name: str) -> str:
        return f"no answer to {name}; {self.journal.read_text(errors='replace')[-3000:]}"

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL, to whatever it has started too: nobody says goodbye to the broker."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._ended()

    def close(self) -> None:
        """Let it end by itself, if it does."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._ended()

    def _ended(self) -> None:
        self._process.wait(END_WITHIN_S)
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                if stream is not None:
                    stream.close()


class _Remote:
    """What an earlier call gave, on the other side."""

    def __init__(self, process: ClientProcess, given: Mapping[str, int]) -> None:
        self._process = process
        self.handle = given["handle"]
        self._is_open = True

    def _call(self, name: str, **arguments: Any) -> Any:
        return self._process.call(name, self.handle, **arguments)

    def close(self) -> None:
        if self._is_open and self._process.is_alive:
            self._is_open = False
            self._call("close")


class RemoteReader(_Remote):
    """A `Reader`."""

    def poll(self) -> list[Read]:
        return [read_in(told) for told in self._call("poll")]

    def seek(self, partition: int, offset: int) -> None:
        self._call("seek", partition=partition, offset=offset)


class RemoteMember(_Remote):
    """A `Member`."""

    def poll(self) -> list[Read]:
        return [read_in(told) for told in self._call("poll")]

    def assigned(self) -> list[int]:
        return sorted(self._call("assigned"))

    def commit(self) -> None:
        self._call("commit")

    def commit_at(self, partition: int, offset: int, metadata: str) -> None:
        self._call("commit_at", partition=partition, offset=offset, metadata=metadata)


class RemoteProducer(_Remote):
    """A `Producer`."""

    def send(self, topic: str, records: Sequence[Sent]) -> None:
        self._call("send", topic=topic, records=[record_out(record) for record in records])


class RemoteTransactor(RemoteProducer):
    """A `Transactor`."""

    def begin(self) -> None:
        self._call("begin")

    def send_offsets(self, member: RemoteMember, topic: str, offsets: Mapping[int, int]) -> None:
        told = pairs_out(offsets)
        self._call("send_offsets", member=member.handle, topic=topic, offsets=told)

    def commit(self) -> None:
        self._call("commit")

    def abort(self) -> None:
        self._call("abort")


Given = TypeVar("Given", bound=_Remote)


class RemoteClient:
    """A `Client` in a process of its own. Closes what it gave out when it is told to."""

    def __init__(self, process: ClientProcess, *, session_timeout_ms: int) -> None:
        self.process = process
        self._session_timeout_ms = session_timeout_ms
        self._given: list[_Remote] = []

    def close_given(self) -> None:
        """Close every member, reader and producer that is still open."""
        given, self._given = self._given, []
        for remote in given:
            remote.close()

    def create_topic(
        self, topic: str, *, partitions: int = 1, configs: Mapping[str, str] | None = None
    ) -> None:
        told = dict(configs or {})
        self.process.call("create_topic", topic=topic, partitions=partitions, configs=told)

    def delete_topic(self, topic: str) -> None:
        self.process.call("delete_topic", topic=topic)

    def partition_count(self, topic: str) -> int:
        return int(self.process.call("partition_count", topic=topic))

    def add_partitions(self, topic: str, total: int) -> None:
        self.process.call("add_partitions", topic=topic, total=total)

    def cluster(self) -> Cluster:
        told = self.process.call("cluster")
        return Cluster(**{**told, "brokers": tuple(told["brokers"])})

    def configs(self, topic: str) -> dict[str, str]:
        return dict(self.process.call("configs", topic=topic))

    def alter_configs(self, topic: str, changes: Mapping[str, str]) -> None:
        self.process.call("alter_configs", topic=topic, changes=dict(changes))

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        self.process.call("delete_records", topic=topic, partition=partition, before=before)

    def log_bytes(self, topic: str) -> int:
        return int(self.process.call("log_bytes", topic=topic))

    def groups(self) -> list[str]:
        return list(self.process.call("groups"))

    def group(self, group: str) -> GroupView:
        return GroupView(**self.process.call("group", group=group))

    def delete_group(self, group: str) -> None:
        self.process.call("delete_group", group=group)

    def committed(self, group: str, topic: str) -> dict[int, Committed]:
        told = pairs_in(self.process.call("committed", group=group, topic=topic))
        return {partition: Committed(**value) for partition, value in told.items()}

    def alter_offsets(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        self.process.call("alter_offsets", group=group, topic=topic, offsets=pairs_out(offsets))

    def delete_offsets(self, group: str, topic: str, partitions: Sequence[int]) -> None:
        self.process.call("delete_offsets", group=group, topic=topic, partitions=list(partitions))

    def produce(
        self,
        topic: str,
        records: Sequence[Sent],
        *,
        codec: str = "none",
        acks: int = -1,
        idempotent: bool = False,
        partition: int | None = None,
    ) -> None:
        self.process.call(
            "produce",
            topic=topic,
            records=[record_out(record) for record in records],
            codec=codec,
            acks=acks,
            idempotent=idempotent,
            partition=partition,
        )

    def offsets_at(self, topic: str, partitions: int, timestamp_ms: int) -> dict[int, int | None]:
        told = self.process.call(
            "offsets_at", topic=topic, partitions=partitions, timestamp_ms=timestamp_ms
        )
        return pairs_in(told)

    def reader(
        self, topic: str, offsets: Mapping[int, int], *, committed_only: bool = False
    ) -> RemoteReader:
        asked = {"offsets": pairs_out(offsets), "committed_only": committed_only}
        return self._kept(RemoteReader(self.process, self._made("reader", topic=topic, **asked)))

    def member(
        self,
        topic: str,
        group: str,
        *,
        session_timeout_ms: int | None = None,
        assignor: str = "range",
        instance_id: str | None = None,
        committed_only: bool = False,
    ) -> RemoteMember:
        given = self._made(
            "member",
            topic=topic,
            group=group,
            session_timeout_ms=session_timeout_ms or self._session_timeout_ms,
            assignor=assignor,
            instance_id=instance_id,
            committed_only=committed_only,
        )
        return self._kept(RemoteMember(self.process, given))

    def producer(self) -> RemoteProducer:
        return self._kept(RemoteProducer(self.process, self._made("producer")))

    def transactor(self, transactional_id: str) -> RemoteTransactor:
        given = self._made("transactor", transactional_id=transactional_id)
        return self._kept(RemoteTransactor(self.process, given))

    def transactions(self) -> list[str]:
        return list(self.process.call("transactions"))

    def transaction_state(self, transactional_id: str) -> str:
        return str(self.process.call("transaction_state", transactional_id=transactional_id))

    def producers(self, topic: str, partition: int) -> int:
        return int(self.process.call("producers", topic=topic, partition=partition))

    def _made(self, name: str, **arguments: Any) -> Mapping[str, int]:
        made: Mapping[str, int] = self.process.call(name, **arguments)
        return made

    def _kept(self, given: Given) -> Given:
        self._given.append(given)
        return given
