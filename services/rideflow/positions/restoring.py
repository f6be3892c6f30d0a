"""After a restart the newest frames tell where everybody was."""

import logging
from typing import Final

from groundwork.seams import Clock
from rideflow.columns.position_frames import FrameCorrupt, read_frame
from rideflow.contracts.topics import DRIVER_POSITIONS
from rideflow.positions.stage import Stage
from streamcore.client.api import Log, LogConsumer, RecordBatch, Subscription, TopicName

journal = logging.getLogger("hailstream.positions")

_TOPIC: Final = TopicName(DRIVER_POSITIONS.name)


async def restore_from_frames(log: Log, stage: Stage, clock: Clock, *, back_ms: int) -> None:
    """Read the frames of the last `back_ms` into `stage`, up to the log's end as it is now."""
    consumer = await log.consumer(
        Subscription(topics={_TOPIC: None}, start_ms=clock.now_ms() - back_ms)
    )
    try:
        ends = await log.admin.end_offsets([_TOPIC])
        while any(consumer.positions().get(place, 0) < end for place, end in ends.items()):
            await _take_poll(consumer, stage)
    finally:
        await consumer.close()


async def _take_poll(consumer: LogConsumer, stage: Stage) -> None:
    for batch in await consumer.poll():
        assert isinstance(batch, RecordBatch), "frames have no fixed shape"
        for record in batch.records:
            try:
                stage.restore(read_frame(record.value or b"")[1])
            except FrameCorrupt as error:
                journal.warning("offset %d of %s is no frame: %s", record.offset, _TOPIC, error)
