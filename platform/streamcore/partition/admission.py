"""What a topic's settings do to a batch before it gets its offset: look inside, refuse, change.

Only batches of topics whose settings ask for it come here. What can be decided from the
header is; records are unpacked where it cannot: for keys on compacted topics, for time bounds
that the header may break, for another codec. A batch is taken whole or refused whole, with
the records that were at fault named one by one (KIP-467).
"""

from typing import Final, NamedTuple

from streamcore.record.batch import (
    CODEC_MASK,
    CODEC_NUMBER_MAX,
    CONTROL_BIT,
    HEADER_SIZE,
    TIMESTAMP_TYPE_BIT,
    BatchCorrupt,
    BatchFault,
    BatchHeader,
    checked_header,
    sealed,
)
from streamcore.record.compression import Codec, UndecodableRecords, compressed, decompressed
from streamcore.record.scanning import scan_records
from streamcore.wire.error_codes import ErrorCode

NO_LIMIT_MS: Final = (1 << 63) - 1
NO_LIMIT_BYTES: Final = (1 << 31) - 1
NO_TIMESTAMP: Final = -1
ANY_TIME_MS: Final = 1 << 64
NO_KEY: Final = "a record of a compacted topic needs a key"
# Of one answer: a batch may have a million records, each as wrong as the next.
RECORD_ERRORS_MAX: Final = 100


class AdmissionRules(NamedTuple):
    """What a topic asks of its batches. The defaults ask for nothing."""

    codec: Codec | None = None  # what the log holds; None: what the producer chose
    level: int | None = None  # of that codec; None: its default
    needs_keys: bool = False
    stamps_append_time: bool = False
    behind_ms_max: int = NO_LIMIT_MS  # how much older than now a record may be
    ahead_ms_max: int = NO_LIMIT_MS  # how much newer
    record_bytes_max: int = NO_LIMIT_BYTES  # of a record that came compressed


class RecordError(NamedTuple):
    """Why one record, by its place in the batch, is refused."""

    batch_index: int
    message: str


class Admitted(NamedTuple):
    """A batch as the log is to hold it; `append_time_ms` is -1 where the producer's time counts."""

    batch: memoryview
    append_time_ms: int = NO_TIMESTAMP


class NotAdmitted(Exception):
    """A batch that is refused: the error for the client, why, and which records."""

    def __init__(
        self, error: ErrorCode, reason: str, record_errors: tuple[RecordError, ...] = ()
    ) -> None:
        super().__init__(reason)
        self.error = error
        self.reason = reason
        self.record_errors = record_errors


def admit(batch: memoryview, rules: AdmissionRules, *, now_ms: int) -> Admitted:
    """Return the batch to append. Raises `NotAdmitted`.

    A batch that is none comes back as it is: whoever places it says what is wrong with it.
    """
    try:
        header = checked_header(batch)
    except BatchFault:
        return Admitted(batch)
    if not _is_plain(header, len(batch)):
        return Admitted(batch)
    codec = Codec(header.codec)
    wanted = codec if rules.codec is None else rules.codec
    body = bytes(batch[HEADER_SIZE:])
    if wanted is not codec or _must_look(header, rules, now_ms):
        records = _plain_records(codec, body)
        _check_records(records, header, rules, now_ms)
        if wanted is not codec:
            body = compressed(wanted, records, rules.level)
    attributes = header.attributes & ~(CODEC_MASK | TIMESTAMP_TYPE_BIT) | wanted
    if rules.stamps_append_time:
        stamped = header._replace(attributes=attributes | TIMESTAMP_TYPE_BIT, max_timestamp=now_ms)
        return Admitted(_writable(stamped, body), append_time_ms=now_ms)
    if attributes == header.attributes:
        return Admitted(batch)
    return Admitted(_writable(header._replace(attributes=attributes), body))


def _is_plain(header: BatchHeader, size: int) -> bool:
    """Whether this is a whole batch of a producer's records, and the only one."""
    return (
        header.size == size
        and header.record_count == header.last_offset_delta + 1
        and not header.attributes & CONTROL_BIT
        and header.codec <= CODEC_NUMBER_MAX
    )


def _writable(header: BatchHeader, body: bytes) -> memoryview:
    return memoryview(bytearray(sealed(header, body)))


def _must_look(header: BatchHeader, rules: AdmissionRules, now_ms: int) -> bool:
    if rules.needs_keys:
        return True
    if header.codec != Codec.NONE and rules.record_bytes_max < NO_LIMIT_BYTES:
        return True
    if rules.stamps_append_time:
        return False
    if rules.behind_ms_max < NO_LIMIT_MS and header.record_count > 1:
        return True  # the header tells the newest record and the first, not the oldest
    earliest, latest = now_ms - rules.behind_ms_max, now_ms + rules.ahead_ms_max
    return not earliest <= header.base_timestamp <= header.max_timestamp <= latest


def _plain_records(codec: Codec, body: bytes) -> bytes:
    try:
        return decompressed(codec, body)
    except UndecodableRecords as fault:
        # Its checksum is right: sent again it would be as wrong, so it is no CORRUPT_MESSAGE.
        raise NotAdmitted(ErrorCode.INVALID_RECORD, str(fault)) from None


def _check_records(records: bytes, header: BatchHeader, rules: AdmissionRules, now_ms: int) -> None:
    base = header.base_timestamp
    if rules.stamps_append_time:
        earliest, latest = -ANY_TIME_MS, ANY_TIME_MS
    else:
        earliest, latest = now_ms - rules.behind_ms_max, now_ms + rules.ahead_ms_max
    try:
        found = scan_records(
            records, header.record_count, delta_min=earliest - base, delta_max=latest - base
        )
    except BatchCorrupt as fault:
        raise NotAdmitted(ErrorCode.INVALID_RECORD, str(fault)) from None
    if header.codec != Codec.NONE and found.largest > rules.record_bytes_max:
        raise NotAdmitted(
            ErrorCode.INVALID_RECORD,
            f"a record of {found.largest} bytes, the limit is {rules.record_bytes_max}",
        )
    keyless = found.keyless if rules.needs_keys else []
    untimely = [(n, base + delta) for n, delta in found.untimely if base + delta != NO_TIMESTAMP]
    if keyless or untimely:
        raise _refusal(keyless, untimely, f"{earliest} to {latest}")


def _refusal(keyless: list[int], untimely: list[tuple[int, int]], bounds: str) -> NotAdmitted:
    said = {number: f"timestamp {timestamp} is not in {bounds}" for number, timestamp in untimely}
    said |= dict.fromkeys(keyless, "a record of a compacted topic needs a key")
    errors = [RecordError(number, said[number]) for number in sorted(said)]
    return NotAdmitted(
        ErrorCode.INVALID_TIMESTAMP if untimely else ErrorCode.INVALID_RECORD,
        f"{len(errors)} refused: record {errors[0].batch_index}, {errors[0].message}",
        tuple(errors[:RECORD_ERRORS_MAX]),
    )
