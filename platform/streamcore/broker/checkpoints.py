"""The checkpoint file: up to where each log is whole and synced, and its history until then.

Without it nothing is lost: recovery then checks every log from its start.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from groundwork.seams import Directory
from streamcore.partition.replica import Replica
from streamcore.record.places import Offset
from streamcore.storage.recovery import LogCheckpoint

CHECKPOINT_FILE = "checkpoint.json"
CHECKPOINT_FORMAT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaCheckpoint:
    """One partition's line in the file."""

    log: LogCheckpoint
    producers: list[list[int]]
    epochs: list[list[int]]


def checkpoint_of(replica: Replica) -> ReplicaCheckpoint:
    """Describe a replica as it is now. True only once all it holds has been synced."""
    active = replica.log.active
    return ReplicaCheckpoint(
        log=LogCheckpoint(
            start_offset=replica.log.start_offset,
            segment_base=active.base_offset,
            position=active.size,
        ),
        producers=replica.producers.snapshot(),
        epochs=replica.history.epochs.rows(),
    )


def write_checkpoints(directory: Directory, lines: Mapping[str, ReplicaCheckpoint]) -> None:
    """Replace the file; `lines` are by log folder. Raises `OSError`."""
    data = {
        "format": CHECKPOINT_FORMAT,
        "logs": {
            folder: [
                line.log.start_offset,
                line.log.segment_base,
                line.log.position,
                line.producers,
                line.epochs,
            ]
            for folder, line in lines.items()
        },
    }
    directory.write_atomically(CHECKPOINT_FILE, json.dumps(data).encode())


def read_checkpoints(directory: Directory) -> tuple[dict[str, ReplicaCheckpoint], str | None]:
    """Return the file's lines, and a journal line when it could not be used."""
    if not directory.exists(CHECKPOINT_FILE):
        return {}, None
    try:
        data = json.loads(directory.read(CHECKPOINT_FILE))
        if data["format"] != CHECKPOINT_FORMAT:
            return {}, f"{CHECKPOINT_FILE} has format {data['format']}: every log is checked whole"
        return dict(_lines(data["logs"].items())), None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return {}, f"{CHECKPOINT_FILE} is unreadable ({error}): every log is checked whole"


def _lines(
    rows: Iterable[tuple[str, tuple[int, int, int, list[list[int]], list[list[int]]]]],
) -> Iterable[tuple[str, ReplicaCheckpoint]]:
    for folder, (start_offset, segment_base, position, producers, epochs) in rows:
        log = LogCheckpoint(
            start_offset=Offset(start_offset),
            segment_base=Offset(segment_base),
            position=position,
        )
        yield folder, ReplicaCheckpoint(log=log, producers=producers, epochs=epochs)
