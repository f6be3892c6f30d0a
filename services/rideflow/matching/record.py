"""What matching writes to the log, and in which order it becomes true."""

from collections.abc import Sequence

import msgspec

from rideflow.contracts.ids import DriverId, driver_key
from rideflow.contracts.rides import DispatchDecision, RideFact
from rideflow.contracts.topics import DISPATCH_DECISIONS, DRIVER_STATES, RIDE_EVENTS
from rideflow.matching.driver_states import driver_state
from streamcore.client.api import LogProducer, OutRecord, TopicName

_RIDE_EVENTS = TopicName(RIDE_EVENTS.name)
_DRIVER_STATES = TopicName(DRIVER_STATES.name)
_DECISIONS = TopicName(DISPATCH_DECISIONS.name)


class Record:
    """Appends facts first and waits: what follows from them may rely on their being in the log.

    Raises `DeliveryFailed` when that cannot be known. The process then has to end, since its
    book may be ahead of the log; the next one makes its book from the log.
    """

    def __init__(self, producer: LogProducer) -> None:
        self._producer = producer

    async def facts(self, facts: Sequence[RideFact]) -> None:
        """Return when the facts, and then what they make of the drivers, are acknowledged."""
        if not facts:
            return
        await self._producer.append(
            _RIDE_EVENTS,
            [OutRecord(key=f.ride.encode(), value=msgspec.json.encode(f)) for f in facts],
        )
        states = [state for fact in facts if (state := driver_state(fact)) is not None]
        if states:
            await self._producer.append(
                _DRIVER_STATES,
                [
                    OutRecord(key=driver_key(DriverId(s.driver)), value=msgspec.json.encode(s))
                    for s in states
                ],
            )

    async def decisions(self, decisions: Sequence[DispatchDecision]) -> None:
        if decisions:
            await self._producer.append(
                _DECISIONS,
                [OutRecord(key=d.ride.encode(), value=msgspec.json.encode(d)) for d in decisions],
            )
