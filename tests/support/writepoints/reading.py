"""Reads all of a partition as recovery has left it, with the log's own list of what was aborted."""

from collections.abc import Iterator

from streamcore.partition.replica import Replica
from streamcore.record.batch import CONTROL_BIT, BatchHeader, checked_header
from streamcore.record.places import Offset
from streamcore.record.records import Record, read_records


def batches_of(replica: Replica) -> Iterator[tuple[BatchHeader, bytes]]:
    """Every batch from the log start on, by way of fetches."""
    offset = replica.start_offset
    while offset < replica.high_watermark:
        fetched = replica.fetch(offset, bytes_max=1 << 20)
        assert not fetched.error, f"{replica.log.folder} at {offset}: {fetched.reason}"
        data = b"".join(fetched.pieces)
        position = 0
        while position < len(data):
            header = checked_header(memoryview(data), position)
            yield header, data[position : position + header.size]
            position += header.size
            offset = Offset(header.next_offset)


def committed_records(replica: Replica) -> list[Record]:
    """What readers of committed records see, once no transaction is open before it."""
    aborted = replica.log.aborted_between(Offset(0), replica.high_watermark)
    is_open = replica.producers.open_transactions
    found: list[Record] = []
    for header, batch in batches_of(replica):
        is_skipped = (
            header.attributes & CONTROL_BIT
            or is_open.get(header.producer_id, replica.high_watermark) <= header.base_offset
            or any(
                each.producer_id == header.producer_id
                and each.first_offset <= header.base_offset < each.last_offset
                for each in aborted
            )
        )
        if not is_skipped:
            found += [
                record for record in read_records(batch) if record.offset >= replica.start_offset
            ]
    return found


def has_gaps(replica: Replica) -> bool:
    """Whether offsets are missing between batches."""
    expected: int | None = None
    for header, _ in batches_of(replica):
        if expected is not None and header.base_offset != expected:
            return True
        expected = header.next_offset
    return expected is not None and expected != replica.high_watermark
