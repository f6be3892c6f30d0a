"""Reads the whole log after a run and says what Hailstream did to acknowledged pings and rides."""

from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from rideflow.contracts.rides import RideFact
from rideflow.contracts.topics import DRIVER_BACKLOG, DRIVER_PINGS, RIDE_EVENTS
from rideflow.contracts.truth import TRUTH_FILE
from rideflow.ops.audit_rides import RideAudit
from rideflow.ops.audit_sequences import BACKLOG, LIVE
from rideflow.ops.ping_columns import PING_SHAPE, pings_of
from rideflow.ops.run_audit import RunAudit
from streamcore.client.api import (
    FixedBatch,
    Log,
    RecordBatch,
    StartAt,
    Subscription,
    TopicName,
)

_LANES: Final = {TopicName(DRIVER_PINGS.name): LIVE, TopicName(DRIVER_BACKLOG.name): BACKLOG}
_FOREVER_MS: Final = 1 << 62
_POLL_BYTES: Final = 32 << 20


class AuditReport(msgspec.Struct, frozen=True, kw_only=True):
    """The proof. All but the injected counts must be zero, or equal to what was acknowledged."""

    in_log: int
    lost: int
    duplicated: int
    out_of_order: int
    wrong_partition: int
    strangers: int
    odd: int  # records of the ping topics that are no PING
    injected: dict[str, int]
    injected_in_log: dict[str, int]
    rides_checked: int
    double_assigned: int
    violations: list[str]  # the newest double assignments, in words


async def audit_run(log: Log, truth: Path, *, start_ms: int | None = None) -> AuditReport:
    """Audit the run whose truth lies in the folder `truth`.

    `start_ms`: read the log from this time on, where it holds earlier runs too. Raises `OSError`
    where there is no truth, `LogError` where the log cannot be read.
    """
    counts = {lane: await log.admin.partition_count(topic) for topic, lane in _LANES.items()}
    with np.load(truth / TRUTH_FILE) as arrays:
        audit = RunAudit(arrays["drivers"], arrays["absent"], arrays["faults"], partitions=counts)
    odd = await _read_pings(log, audit, start_ms)
    rides = await _read_rides(log, start_ms)
    pings = audit.result()
    return AuditReport(
        in_log=pings.in_log,
        lost=pings.lost,
        duplicated=pings.duplicated,
        out_of_order=pings.out_of_order,
        wrong_partition=pings.wrong_partition,
        strangers=pings.strangers,
        odd=odd,
        injected=pings.injected,
        injected_in_log=pings.injected_in_log,
        rides_checked=rides.rides_checked,
        double_assigned=rides.double_assigned,
        violations=[violation.what for violation in rides.violations],
    )


async def _read_pings(log: Log, audit: RunAudit, start_ms: int | None) -> int:
    """Feed every ping to the audit; return how many records are none."""
    topics = list(_LANES)
    ends = await log.admin.end_offsets(topics)
    consumer = await log.consumer(
        Subscription(
            topics=dict.fromkeys(topics, PING_SHAPE),
            start=StartAt.EARLIEST,
            start_ms=start_ms,
            bytes_min=_POLL_BYTES // 32,
            bytes_max=_POLL_BYTES,
            wait_ms_max=100,
        )
    )
    odd = 0
    try:
        while any(consumer.positions().get(place, 0) < end for place, end in ends.items()):
            for batch in await consumer.poll():
                assert isinstance(batch, FixedBatch), "widths were asked for"
                odd += len(batch.odd)
                pings = pings_of(batch)
                audit.take(
                    pings.drivers,
                    pings.sequences,
                    lane=_LANES[batch.topic],
                    partition=batch.partition,
                )
    finally:
        await consumer.close()
    return odd


async def _read_rides(log: Log, start_ms: int | None) -> RideAudit:
    topic = TopicName(RIDE_EVENTS.name)
    ends = await log.admin.end_offsets([topic])
    consumer = await log.consumer(
        Subscription(topics={topic: None}, start=StartAt.EARLIEST, start_ms=start_ms)
    )
    decode = msgspec.json.Decoder(RideFact).decode
    audit = RideAudit()
    try:
        while any(consumer.positions().get(place, 0) < end for place, end in ends.items()):
            for batch in await consumer.poll():
                assert isinstance(batch, RecordBatch), "no widths were asked for"
                for record in batch.records:
                    if record.value is not None:
                        audit.take(decode(record.value))
    finally:
        await consumer.close()
    audit.settle(_FOREVER_MS)
    return audit
