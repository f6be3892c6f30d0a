"""`dump-segment`: what stands in segment files, batch by batch, checked on the way."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streamcore.commands.texts import complain, fail, print_line

if TYPE_CHECKING:
    from streamcore.commands.segment_walk import Fault, SegmentWalk, WalkedBatch
    from streamcore.record.records import Record
    from streamcore.storage.index import IndexEntry


def dump_segment(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Segments (NNNN.log), or folders of segments."),
    ],
    records: Annotated[
        bool, typer.Option("--records", help="Unpack and show every record of every batch.")
    ] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Show only what is wrong, and a summary of each file."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Print the batches of segments; check their sums, their offsets and the index.

    Torn or corrupt places are named with their position and passed over; then the exit status
    is 1.
    """
    from streamcore.commands.progress import progress

    paths = list(_segments(files))
    faults = 0
    with progress("checking", sum(path.stat().st_size for path in paths)) as advance:
        for path in paths:
            printer = _Printer(path, verify=verify, with_records=records, as_json=as_json)
            with _walk_of(path, with_records=records) as walk:
                position = 0
                for step in walk.steps():
                    printer.show(step)
                    advance(step.position - position)
                    position = step.position
                advance(len(walk.data) - position)
                printer.summarize(walk)
                faults += walk.faults
    if faults:
        raise SystemExit(1)


def _segments(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = sorted(path.rglob("*.log"))
            if not found:
                fail(f"{path}: no segments (*.log) in it")
            yield from found
        elif path.exists():
            yield path
        else:
            fail(f"{path}: No such file or directory")


@contextmanager
def _walk_of(path: Path, *, with_records: bool) -> Iterator["SegmentWalk"]:
    """A walk over a file that is not read into memory as a whole."""
    import mmap

    from streamcore.commands.segment_walk import SegmentWalk

    index, complaint = _index_of(path)
    if complaint:
        complain(complaint)
    base = int(path.stem) if path.stem.isdecimal() else None
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                yield SegmentWalk(data=memoryview(b""), base_offset=base)
                return
            with (
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
                memoryview(mapped) as data,
            ):
                walk = SegmentWalk(
                    data=data, base_offset=base, index=index, with_records=with_records
                )
                yield walk
    except OSError as error:
        fail(f"{path}: {error.strerror}")


def _index_of(path: Path) -> tuple[Mapping[int, "IndexEntry"] | None, str]:
    from streamcore.storage.index import decoded

    beside = path.with_suffix(".index")
    if not beside.exists():
        return None, ""
    index = decoded(beside.read_bytes())
    if index is None:
        return None, f"{beside}: damaged; the broker builds it again from the segment"
    return {entry.position: entry for entry in index.entries()}, ""


class _Printer:
    """Says what a walk finds: as text for people, as a JSON object a line for programs."""

    def __init__(self, path: Path, *, verify: bool, with_records: bool, as_json: bool) -> None:
        self._path = path
        self._verify = verify
        self._with_records = with_records
        self._as_json = as_json

    def show(self, step: "WalkedBatch | Fault") -> None:
        from streamcore.commands.segment_walk import Fault

        if isinstance(step, Fault):
            self._show_fault(step)
        elif not self._verify:
            self._put(_batch_row(step))
            for record in step.records if self._with_records else ():
                self._put(_record_row(record), indent="  ")

    def _show_fault(self, fault: "Fault") -> None:
        passed = f", {fault.size} bytes passed over" if fault.size else ""
        complain(f"{self._path}: at byte {fault.position}: {fault.kind}: {fault.reason}{passed}")
        if self._as_json:
            row = {"fault": fault.kind, "position": fault.position, "reason": fault.reason}
            self._put({"file": str(self._path), **row, "bytes": fault.size})

    def summarize(self, walk: "SegmentWalk") -> None:
        if not self._verify:
            return
        counts = {
            "batches": walk.batches,
            "records": walk.record_count,
            "bytes": len(walk.data),
            "index_entries": len(walk.index or ()),
            "faults": walk.faults,
        }
        if self._as_json:
            self._put({"file": str(self._path), **counts})
        else:
            told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
            print_line(f"{self._path}: {told}")

    def _put(self, row: dict[str, Any], indent: str = "") -> None:
        try:
            if self._as_json:
                print_line(json.dumps(row))
            else:
                print_line(indent + " ".join(f"{name}={_cell(v)}" for name, v in row.items()))
        except BrokenPipeError:
            sys.stderr.close()  # whoever read us has seen enough
            raise SystemExit(1) from None


def _cell(value: object) -> object:
    return "-" if value is None else value


def _batch_row(batch: "WalkedBatch") -> dict[str, Any]:
    from streamcore.commands.segment_walk import control_type
    from streamcore.record.batch import (
        DELETE_HORIZON_BIT,
        TIMESTAMP_TYPE_BIT,
        TRANSACTIONAL_BIT,
    )
    from streamcore.record.compression import Codec

    header = batch.header
    has_horizon = header.attributes & DELETE_HORIZON_BIT
    is_append_time = bool(header.attributes & TIMESTAMP_TYPE_BIT)
    return {
        "position": batch.position,
        "base_offset": header.base_offset,
        "last_offset": header.next_offset - 1,
        "records": header.record_count,
        "bytes": header.size,
        "codec": Codec(header.codec).name.lower() if header.codec in list(Codec) else header.codec,
        "base_timestamp": header.base_timestamp,
        "max_timestamp": header.max_timestamp,
        "timestamp_type": "append" if is_append_time else "create",
        # Where compaction has set it, it stands in place of the base timestamp (KIP-534).
        "delete_horizon": header.base_timestamp if has_horizon else None,
        "leader_epoch": header.leader_epoch,
        "producer_id": header.producer_id,
        "producer_epoch": header.producer_epoch,
        "base_sequence": header.base_sequence,
        "transactional": bool(header.attributes & TRANSACTIONAL_BIT),
        "control": control_type(batch),
        "crc": f"{header.crc:08x}",
    }


def _record_row(record: "Record") -> dict[str, Any]:
    return {
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": _shown(record.key),
        "value": _shown(record.value),
        "headers": {name: _shown(content) for name, content in record.headers},
    }


def _shown(data: bytes | None) -> str | None:
    """Text where it is text, else hexadecimal."""
    if data is None:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return f"0x{data.hex()}"
    return text if text.isprintable() else f"0x{data.hex()}"
