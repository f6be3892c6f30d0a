"""`dump-segment`: what stands in a segment file, batch by batch, checked on the way."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from streamcore.commands.texts import fail, print_line


def dump_segment(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A segment: …/NNNN.log")],
    records: Annotated[
        bool, typer.Option("--records", help="Show every record of every batch too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Print the batches of a segment; status 1 at the first that is torn or corrupt."""
    from streamcore.record.batch import BatchFault

    try:
        data = file.read_bytes()
    except OSError as error:
        fail(f"{file}: {error.strerror}")
    rows = _rows(memoryview(data), with_records=records)
    while True:
        try:
            row = next(rows, None)
        except BatchFault as fault:
            fail(f"{file}: {fault}")
        if row is None:
            return
        print_line(json.dumps(row) if as_json else _as_text(row))


def _rows(data: memoryview, *, with_records: bool) -> Iterator[dict[str, Any]]:
    from streamcore.record.batch import BatchFault, checked_header
    from streamcore.record.records import read_records

    position = 0
    while position < len(data):
        try:
            header = checked_header(data, position)
        except BatchFault as fault:
            raise type(fault)(f"at byte {position}: {fault}") from fault
        yield _batch_row(header, position)
        if with_records:
            for record in read_records(data[position : position + header.size]):
                yield _record_row(record)
        position += header.size


def _batch_row(header: Any, position: int) -> dict[str, Any]:
    from streamcore.record.batch import DELETE_HORIZON_BIT
    from streamcore.record.compression import Codec

    has_horizon = header.attributes & DELETE_HORIZON_BIT
    return {
        "position": position,
        "base_offset": header.base_offset,
        "last_offset": header.next_offset - 1,
        "records": header.record_count,
        "bytes": header.size,
        "codec": Codec(header.codec).name.lower(),
        "base_timestamp": header.base_timestamp,
        "max_timestamp": header.max_timestamp,
        # Where compaction has set it, it stands in place of the base timestamp (KIP-534).
        "delete_horizon": header.base_timestamp if has_horizon else None,
        "leader_epoch": header.leader_epoch,
        "producer_id": header.producer_id,
        "producer_epoch": header.producer_epoch,
        "base_sequence": header.base_sequence,
        "crc": f"{header.crc:08x}",
    }


def _record_row(record: Any) -> dict[str, Any]:
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


def _as_text(row: dict[str, Any]) -> str:
    indent = "" if "position" in row else "  "
    return indent + " ".join(f"{name}={value}" for name, value in row.items())
