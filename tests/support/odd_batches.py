"""Record batches that no client of ours would send: packed by others, or saying what is not so."""

from collections.abc import Sequence

from streamcore.record.batch import CODEC_MASK, HEADER_SIZE, read_header, sealed
from streamcore.record.compression import Codec
from streamcore.record.records import Record, encode_batch


def plain_records(records: Sequence[Record]) -> bytes:
    """The records alone, as they lie in an uncompressed batch."""
    return encode_batch(records)[HEADER_SIZE:]


def batch_around(packed: bytes, codec: Codec, records: Sequence[Record], **header: int) -> bytes:
    """A batch whose header tells of `records` and whose body is `packed`, by whatever hand."""
    told = read_header(encode_batch(records))
    told = told._replace(attributes=told.attributes & ~CODEC_MASK | codec)
    return sealed(told._replace(**header), packed)
