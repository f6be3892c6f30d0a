"""kcat, over an old librdkafka: what people have at hand when they look into a log.

A command per call; a member of a group is a command that runs on, read by a thread.
"""

import json
import queue
import re
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.clients.protocol import Cluster, Read, Refused, Security, Sent

CALL_S = 40.0
POLL_S = 0.2
BYTES_MAX = "50000000"
# Key, value and place of each record as JSON would lose bytes that are no text, and headers.
FORMAT = "%p %o %T %K %S %h\n%k%s\n"
KEYS = "\x1f"


class KcatClient:
    """A `Client`, as far as kcat goes. Its records are text, and their time is its own."""

    def __init__(self, address: str, security: Security | None = None) -> None:
        settings = [
            *("message.max.bytes=" + BYTES_MAX, "receive.message.max.bytes=100000000"),
            "linger.ms=50",  # lines come one by one, and one by one they are not compressed
            *_security(security or Security()),
        ]
        self._command = ["kcat", "-b", address]
        for setting in settings:
            self._command += ["-X", setting]

    def _run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        done = subprocess.run(
            [*self._command, *arguments],
            input=stdin,
            capture_output=True,
            timeout=CALL_S,
            check=False,
        )
        if done.returncode:
            raise _refused(done.stderr.decode(errors="replace"))
        return done.stdout

    def partition_count(self, topic: str) -> int:
        told = json.loads(self._run("-L", "-J"))
        counts = {known["topic"]: len(known["partitions"]) for known in told["topics"]}
        return counts.get(topic, 0)

    def cluster(self) -> Cluster:
        told = json.loads(self._run("-L", "-J"))
        return Cluster(
            cluster_id="",
            controller=told["controllerid"],
            brokers=tuple(broker["name"] for broker in told["brokers"]),
        )

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
        arguments = ["-P", "-t", topic, "-K", KEYS, "-Z", "-z", codec, "-X", f"acks={acks}"]
        if idempotent:
            arguments += ["-X", "enable.idempotence=true"]
        if partition is not None:
            arguments += ["-p", str(partition)]
        for headers in {record.headers for record in records}:
            told = [f"{name}={value.decode()}" for name, value in headers]
            lines = [
                (record.key or b"") + KEYS.encode() + (record.value or b"")
                for record in records
                if record.headers == headers
            ]
            options = [word for header in told for word in ("-H", header)]
            self._run(*arguments, *options, stdin=b"\n".join(lines) + b"\n")

    def offsets_at(self, topic: str, partitions: int, timestamp_ms: int) -> dict[int, int | None]:
        asked = [
            word
            for number in range(partitions)
            for word in ("-t", f"{topic}:{number}:{timestamp_ms}")
        ]
        lines = self._run("-Q", *asked).decode().splitlines()
        found = {}
        for line in lines:
            place, _, offset = line.rpartition(" offset ")
            number = int(place.partition("[")[2].partition("]")[0])
            found[number] = int(offset) if int(offset) >= 0 else None
        return found

    def reader(
        self, topic: str, offsets: Mapping[int, int], *, committed_only: bool = False
    ) -> "KcatConsumer":
        ((number, offset),) = offsets.items()
        arguments = ["-C", "-t", topic, *_isolation(committed_only=committed_only)]
        reader = self._consumer(*arguments)
        reader.seek(number, offset)
        return reader

    def member(
        self,
        topic: str,
        group: str,
        *,
        session_timeout_ms: int,
        assignor: str = "range",
        instance_id: str | None = None,
        committed_only: bool = False,
    ) -> "KcatConsumer":
        settings = [
            "auto.offset.reset=earliest",
            f"session.timeout.ms={session_timeout_ms}",
            "heartbeat.interval.ms=300",
            "auto.commit.interval.ms=200",
            f"partition.assignment.strategy={assignor}",
            *([f"group.instance.id={instance_id}"] if instance_id else []),
        ]
        words = [word for setting in settings for word in ("-X", setting)]
        words += _isolation(committed_only=committed_only)
        member = self._consumer(*words, "-G", group, topic)
        member.start()
        return member

    def _consumer(self, *arguments: str) -> "KcatConsumer":
        return KcatConsumer([*self._command, "-u", "-f", FORMAT, *arguments])


class KcatConsumer:
    """A `Reader`, or a `Member` that commits by itself."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None
        self._read: queue.Queue[Read] = queue.Queue()
        self._assigned: set[int] = set()
        self._threads: list[threading.Thread] = []

    def start(self, *arguments: str) -> None:
        command = [*self._command[:1], *arguments, *self._command[1:]]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
        )
        self._threads = [
            threading.Thread(target=target, args=(stream,), daemon=True)
            for target, stream in (
                (self._take_records, self._process.stdout),
                (self._take_news, self._process.stderr),
            )
        ]
        for thread in self._threads:
            thread.start()

    def seek(self, partition: int, offset: int) -> None:
        """It reads from one place to the end: seeking is beginning again."""
        self.close()
        self.start("-p", str(partition), "-o", str(offset))

    def _take_records(self, out: Any) -> None:
        while line := out.readline():
            partition, offset, time, key_size, value_size, *headers = line.decode().split()
            key = out.read(max(0, int(key_size)))
            value = out.read(max(0, int(value_size)))
            out.readline()
            told = [header.partition("=") for header in ",".join(headers).split(",") if header]
            sent = Sent(
                key=None if int(key_size) < 0 else key,
                value=None if int(value_size) < 0 else value,
                timestamp_ms=int(time),
                headers=tuple((name, text.encode()) for name, _, text in told),
            )
            self._read.put(Read(partition=int(partition), offset=int(offset), sent=sent))

    def _take_news(self, err: Any) -> None:
        """`% Group g rebalanced (memberid m): assigned: t [0], t [1]`, or, cooperative,
        `% Group g rebalanced: incremental assignment of 1 partition(s) (...): t [0]`."""
        while line := err.readline().decode(errors="replace"):
            if " rebalanced" not in line:
                continue
            places = {int(number) for number in re.findall(r" \[(\d+)\]", line)}
            if "incremental assignment" in line:
                self._assigned |= places
            elif "incremental revoke" in line:
                self._assigned -= places
            else:
                self._assigned = places if " assigned: " in line else set()

    def poll(self) -> list[Read]:
        read = []
        try:
            read.append(self._read.get(timeout=POLL_S))
            while True:
                read.append(self._read.get_nowait())
        except queue.Empty:
            return read

    def assigned(self) -> list[int]:
        return list(self._assigned)

    def commit(self) -> None:
        """It has committed, or will, when it ends at the latest."""

    def close(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait(CALL_S)
        for thread in self._threads:
            thread.join()


def _refused(text: str) -> Refused:
    known = {
        "Message size too large": "MESSAGE_TOO_LARGE",
        "failed to validate record": "INVALID_RECORD",
    }
    return Refused(next((name for words, name in known.items() if words in text), "CLIENT"), text)


def _isolation(*, committed_only: bool) -> list[str]:
    return ["-X", "isolation.level=" + ("read_committed" if committed_only else "read_uncommitted")]


def _security(security: Security) -> list[str]:
    if not security.mechanism:
        if not security.authority:
            return []
        return ["security.protocol=SSL", f"ssl.ca.location={security.authority}"]
    return [
        "security.protocol=" + ("SASL_SSL" if security.authority else "SASL_PLAINTEXT"),
        *([f"ssl.ca.location={security.authority}"] if security.authority else []),
        f"sasl.mechanism={security.mechanism}",
        f"sasl.username={security.user}",
        f"sasl.password={security.password}",
    ]
