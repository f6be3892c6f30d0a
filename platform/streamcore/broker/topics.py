"""The catalogue of topics: names, ids, partitions, settings; kept in one file.

The file is replaced before a new topic can be used and before a deleted topic's folder
goes, so that a crash in between leaves a folder too many, never a half topic. The next start
removes it: nothing is in it, or the file says that it was to go. A topic
made anew under an old name has a new id, a new folder and a higher leader epoch.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

from groundwork.seams import Clock, Directory, Rng
from streamcore.broker.checkpoints import ReplicaCheckpoint
from streamcore.broker.settings import BrokerSettings
from streamcore.broker.topic_configs import partition_limits
from streamcore.groups.log_records import OFFSETS_TOPIC
from streamcore.partition.history import PartitionHistory
from streamcore.partition.replica import PartitionKey, PartitionLimits, Replica
from streamcore.record.places import LeaderEpoch
from streamcore.storage.paths import segment_path
from streamcore.storage.recovery import RecoveryReport, open_log
from streamcore.storage.tail_cache import TailCache
from streamcore.transactions.log_records import TRANSACTIONS_TOPIC

TOPICS_FILE = "topics.json"
TOPICS_FORMAT = 1
LOGS_FOLDER = "logs"
DELETED_SUFFIX = ".deleted"
TOPIC_FOLDER = re.compile(r"logs/[a-zA-Z0-9._-]+@[0-9a-f]{32}")
# A deleted name's leader epoch is remembered, for clients that compare epochs by name.
DELETED_NAMES_MAX = 1000

# Topics that only the broker itself writes to.
INTERNAL_TOPICS = frozenset({OFFSETS_TOPIC, TRANSACTIONS_TOPIC})

# Lines of the catalogue's file that are kept encoded: more topics are the slower to change.
ROWS_KEPT = 10_000

NAME_LENGTH_MAX = 249
LEGAL_NAME = re.compile(r"[a-zA-Z0-9._-]+")


class TopicsUnreadable(Exception):
    """The catalogue's file is not what this version wrote. Nothing was changed."""


@dataclass(slots=True, kw_only=True)
class Topic:
    """One topic and the replicas of its partitions, by partition number."""

    name: str
    topic_id: UUID
    leader_epoch: LeaderEpoch
    configs: dict[str, str]
    replicas: list[Replica]
    is_internal: bool = field(init=False)

    def __post_init__(self) -> None:
        self.is_internal = self.name in INTERNAL_TOPICS

    @property
    def folder(self) -> str:
        return f"{LOGS_FOLDER}/{self.name}@{self.topic_id.hex}"

    def replica(self, partition: int) -> Replica | None:
        return self.replicas[partition] if 0 <= partition < len(self.replicas) else None


def is_legal_name(name: str) -> bool:
    """Kafka's rule (org.apache.kafka.common.internals.Topic)."""
    return (
        0 < len(name) <= NAME_LENGTH_MAX
        and name not in (".", "..")
        and LEGAL_NAME.fullmatch(name) is not None
    )


@lru_cache(maxsize=ROWS_KEPT)
def _row(
    name: str,
    topic_id: UUID,
    leader_epoch: int,
    partition_count: int,
    configs: tuple[tuple[str, str], ...],
) -> str:
    """A topic's line in the catalogue's file."""
    return json.dumps(
        {
            "name": name,
            "id": topic_id.hex,
            "leader_epoch": leader_epoch,
            "partitions": partition_count,
            "configs": dict(configs),
        }
    )


class TopicCatalogue:
    """All topics of the broker. Raises `OSError` where the disk refuses; then nothing changed."""

    def __init__(
        self,
        directory: Directory,
        *,
        clock: Clock,
        rng: Rng,
        settings: BrokerSettings,
        on_report: Callable[[RecoveryReport], None],
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._rng = rng
        self._settings = settings
        self._on_report = on_report
        self._topics: dict[str, Topic] = {}
        self._by_raw_name: dict[bytes, Topic] = {}
        self._by_raw_id: dict[bytes, Topic] = {}
        self._deleted_epochs: dict[str, int] = {}
        self._leaving: list[str] = []  # folders of deleted topics that may not be gone yet
        self._flush_ms: dict[str, int] = {}  # of topics that are synced more often than others
        self._tails = TailCache(bytes_max=settings.tail_cache_bytes)
        self.generation = 0
        self._counted = (-1, 0)  # generation, and how many partitions there were in it

    def __len__(self) -> int:
        return len(self._topics)

    @property
    def partition_count(self) -> int:
        """Of all topics together. Asked for each topic of a request that makes many."""
        if self._counted[0] != self.generation:
            count = sum(len(topic.replicas) for topic in self._topics.values())
            self._counted = self.generation, count
        return self._counted[1]

    @property
    def tail_bytes_held(self) -> int:
        return self._tails.bytes_held

    @property
    def flush_interval_ms(self) -> int:
        """How long any topic lets a record wait for the disk at the most."""
        return min((self._settings.flush_interval_ms, *self._flush_ms.values()))

    def all(self) -> Sequence[Topic]:
        return [self._topics[name] for name in sorted(self._topics)]

    def find(self, name: str) -> Topic | None:
        return self._topics.get(name)

    def find_raw(self, name: bytes) -> Topic | None:
        """Find a topic by its name as it came over the wire."""
        return self._by_raw_name.get(name)

    def find_key(self, key: bytes, *, by_id: bool) -> Topic | None:
        """Find a topic by what it is called over the wire: its id's bytes, or its name."""
        return self._by_raw_id.get(key) if by_id else self._by_raw_name.get(key)

    def find_id(self, topic_id: UUID) -> Topic | None:
        return self._by_raw_id.get(topic_id.bytes)

    def find_raw_id(self, topic_id: bytes) -> Topic | None:
        """Find a topic by its id as it came over the wire."""
        return self._by_raw_id.get(topic_id)

    def replica(self, name: str, partition: int) -> Replica | None:
        topic = self._topics.get(name)
        return topic.replica(partition) if topic else None

    def replicas(self) -> list[Replica]:
        return [replica for topic in self._topics.values() for replica in topic.replicas]

    def create(self, name: str, *, partition_count: int, configs: Mapping[str, str]) -> Topic:
        """Make a topic whose name, size and settings the caller has checked."""
        assert is_legal_name(name), "the handler refuses illegal names"
        assert name not in self._topics, "the handler refuses existing names"
        topic = self.draft(name, configs=configs)
        try:
            self._open_replicas(topic, partition_count, {})
            self._write({**self._counts(), name: partition_count}, extra=topic)
        except OSError:
            self.remove_files(topic)
            raise
        self._add(topic)
        return topic

    def draft(self, name: str, *, configs: Mapping[str, str]) -> Topic:
        """A topic without partitions that is in no catalogue yet."""
        return Topic(
            name=name,
            topic_id=UUID(bytes=self._rng.randbytes(16), version=4),
            leader_epoch=LeaderEpoch(self._deleted_epochs.get(name, -1) + 1),
            configs=dict(configs),
            replicas=[],
        )

    def add_partitions(self, topic: Topic, *, partition_count: int) -> None:
        """Let a topic have `partition_count` partitions, more than it has."""
        assert partition_count > len(topic.replicas), "partitions are never taken away"
        before = len(topic.replicas)
        try:
            self._open_replicas(topic, partition_count, {})
            self._write({**self._counts(), topic.name: partition_count})
        except OSError:
            for replica in topic.replicas[before:]:
                replica.log.close()
                self._directory.remove(replica.log.folder)
            del topic.replicas[before:]
            raise
        self.generation += 1

    def alter(self, topic: Topic, *, configs: Mapping[str, str]) -> None:
        """Give a topic other settings of its own, which the caller has checked, from now on."""
        before = topic.configs
        topic.configs = dict(configs)
        try:
            self._write(self._counts())
        except OSError:
            topic.configs = before
            raise
        limits = self._limits(topic)
        for replica in topic.replicas:
            replica.limits = limits
        self._note_flush(topic.name, limits)
        self.generation += 1

    def delete(self, topic: Topic) -> None:
        """Forget a topic. The caller removes its folder, when nobody syncs its files."""
        counts = self._counts()
        del counts[topic.name]
        deleted = {**self._deleted_epochs, topic.name: int(topic.leader_epoch)}
        while len(deleted) > DELETED_NAMES_MAX:
            deleted.pop(next(iter(deleted)))
        still_there = [folder for folder in self._leaving if self._directory.exists(folder)]
        before, self._leaving = self._leaving, [*still_there, topic.folder]
        try:
            self._write(counts, deleted=deleted)
        except OSError:
            self._leaving = before
            raise
        self._deleted_epochs = deleted
        del self._topics[topic.name], self._by_raw_name[topic.name.encode()]
        del self._by_raw_id[topic.topic_id.bytes]
        self._flush_ms.pop(topic.name, None)
        for replica in topic.replicas:
            replica.forget_tail()
        self.generation += 1

    def remove_files(self, topic: Topic) -> None:
        """Close and remove what `delete` left of a topic on the disk."""
        for replica in topic.replicas:
            replica.log.close()
        if self._directory.exists(topic.folder):
            # Renamed first: whatever stops the removal, `remove_leftovers` finishes it.
            self._directory.rename(topic.folder, topic.folder + DELETED_SUFFIX)
            self._directory.remove(topic.folder + DELETED_SUFFIX)

    def load(
        self, checkpoints: Mapping[str, ReplicaCheckpoint], *, is_new_term: bool = False
    ) -> None:
        """Open everything the file names. Raises `TopicsUnreadable` and `OSError`.

        In a new term every partition has the next leader epoch: what was lost before is
        then no mystery to whoever has read it (KIP-320).
        """
        if not self._directory.exists(TOPICS_FILE):
            return
        try:
            data = json.loads(self._directory.read(TOPICS_FILE))
            if data["format"] != TOPICS_FORMAT:
                raise TopicsUnreadable(
                    f"{TOPICS_FILE} has format {data['format']}, expected {TOPICS_FORMAT}"
                )
            self._deleted_epochs = {str(k): int(v) for k, v in data["deleted"].items()}
            self._leaving = [str(folder) for folder in data.get("leaving", ())]
            rows = [
                (
                    Topic(
                        name=str(row["name"]),
                        topic_id=UUID(row["id"]),
                        leader_epoch=LeaderEpoch(int(row["leader_epoch"])),
                        configs={str(k): str(v) for k, v in row["configs"].items()},
                        replicas=[],
                    ),
                    int(row["partitions"]),
                )
                for row in data["topics"]
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise TopicsUnreadable(f"{TOPICS_FILE} is unreadable: {error!r}") from error
        if is_new_term and rows:
            for topic, _ in rows:
                topic.leader_epoch = LeaderEpoch(topic.leader_epoch + 1)
            self._write_rows(rows, self._deleted_epochs)
        for topic, partition_count in rows:
            self._open_replicas(topic, partition_count, checkpoints)
            self._add(topic)

    def remove_leftovers(self) -> list[str]:
        """Finish what was cut short; return folders that belong to no topic and are not empty."""
        known = {topic.folder for topic in self._topics.values()}
        unknown = []
        for name in self._directory.names(LOGS_FOLDER):
            folder = f"{LOGS_FOLDER}/{name}"
            if name.endswith(DELETED_SUFFIX) or folder in self._leaving:
                self._directory.remove(folder)
            elif folder not in known:
                unknown.append(folder)
        self._leaving = []
        partitions = {
            folder: self._directory.names(folder)
            for folder in unknown
            if TOPIC_FOLDER.fullmatch(folder)
        }
        for topic in self._topics.values():
            for name in self._directory.names(topic.folder):
                if name.isdigit() and int(name) >= len(topic.replicas):
                    partitions[f"{topic.folder}/{name}"] = [""]
        left = [folder for folder in unknown if folder not in partitions]
        for folder, names in partitions.items():
            if all(self._is_bare(f"{folder}/{name}".rstrip("/")) for name in names):
                self._directory.remove(folder)
            else:
                left.append(folder)
        return left

    def _is_bare(self, folder: str) -> bool:
        """Whether a partition was made here and nothing was ever written to it."""
        first = segment_path(folder, 0)
        names = [f"{folder}/{name}" for name in self._directory.names(folder)]
        if names != [first]:
            return not names
        file = self._directory.open_existing(first)
        try:
            return file.size() == 0
        finally:
            file.close()

    def close(self) -> None:
        for replica in self.replicas():
            replica.log.close()

    def _add(self, topic: Topic) -> None:
        self._topics[topic.name] = topic
        self._by_raw_name[topic.name.encode()] = topic
        self._by_raw_id[topic.topic_id.bytes] = topic
        self._note_flush(topic.name, self._limits(topic))
        self.generation += 1

    def _note_flush(self, name: str, limits: PartitionLimits) -> None:
        self._flush_ms.pop(name, None)
        if limits.flush_ms < self._settings.flush_interval_ms:
            self._flush_ms[name] = limits.flush_ms

    def _limits(self, topic: Topic) -> PartitionLimits:
        return partition_limits(topic.configs, self._settings, is_internal=topic.is_internal)

    def _counts(self) -> dict[str, int]:
        return {name: len(topic.replicas) for name, topic in self._topics.items()}

    def _write(
        self,
        counts: Mapping[str, int],
        *,
        extra: Topic | None = None,
        deleted: Mapping[str, int] | None = None,
    ) -> None:
        topics = [*self._topics.values(), *([extra] if extra else [])]
        rows = [(topic, counts[topic.name]) for topic in topics if topic.name in counts]
        self._write_rows(rows, self._deleted_epochs if deleted is None else deleted)

    def _write_rows(self, rows: Sequence[tuple[Topic, int]], deleted: Mapping[str, int]) -> None:
        # A topic a line, and only what has changed is encoded: there is one write for each topic
        # that is made, and there may be thousands.
        topics = ",\n".join(
            _row(topic.name, topic.topic_id, topic.leader_epoch, count, (*topic.configs.items(),))
            for topic, count in rows
        )
        head = f'"format": {TOPICS_FORMAT}, "deleted": {json.dumps(deleted)}'
        if self._leaving:
            head += f', "leaving": {json.dumps(self._leaving)}'
        text = f'{{{head}, "topics": [\n{topics}\n]}}\n'
        self._directory.write_atomically(TOPICS_FILE, text.encode())

    def _open_replicas(
        self, topic: Topic, partition_count: int, checkpoints: Mapping[str, ReplicaCheckpoint]
    ) -> None:
        for partition in range(len(topic.replicas), partition_count):
            folder = f"{topic.folder}/{partition}"
            topic.replicas.append(self._open(topic, partition, checkpoints.get(folder)))

    def _open(self, topic: Topic, partition: int, checkpoint: ReplicaCheckpoint | None) -> Replica:
        history = PartitionHistory(producers_max=self._settings.producer_ids_max)
        if checkpoint:
            history.restore(producers=checkpoint.producers, epochs=checkpoint.epochs)
        log, report = open_log(
            self._directory,
            f"{topic.folder}/{partition}",
            checkpoint=checkpoint.log if checkpoint else None,
            now_ms=self._clock.now_ms(),
            reader=history,
        )
        self._on_report(report)
        # Files of segments that had gone, but whose removal was still to come.
        log.remove_files(log.cut_front(log.start_offset))
        return Replica(
            PartitionKey(topic.name, partition),
            log,
            history=history,
            tail=self._tails.partition(),
            leader_epoch=topic.leader_epoch,
            limits=self._limits(topic),
        )
