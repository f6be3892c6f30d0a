"""Rejected pings on their way to dead.letters: bounded, since a sender of garbage is not a reason
to run out of memory; what does not fit is counted."""

import base64
from typing import Final

import msgspec

from groundwork.mailboxes import DroppingMailbox
from rideflow.contracts.driver_socket import Rejected
from rideflow.contracts.rides import DeadLetter
from streamcore.client.api import OutRecord

LETTERS_MAX: Final = 1_000
DATA_BYTES_MAX: Final = 400


class DeadLetterDesk:
    """Collects letters until `take_records` hands them to a producer."""

    def __init__(self) -> None:
        self._letters: DroppingMailbox[DeadLetter] = DroppingMailbox(items_max=LETTERS_MAX)

    @property
    def dropped_total(self) -> int:
        return self._letters.dropped_total

    def write(self, source: str, rejected: Rejected, data: bytes, *, now_ms: int) -> None:
        """Note rejected pings of one frame and reason; `data` begins with the first of them."""
        letter = DeadLetter(
            source=source,
            reason=rejected.reason,
            at_ms=now_ms,
            count=rejected.count,
            data=base64.b64encode(data[:DATA_BYTES_MAX]).decode(),
            driver=rejected.driver,
            sequence=rejected.sequence,
        )
        self._letters.put(letter)

    def take_records(self) -> list[OutRecord]:
        return [
            OutRecord(key=letter.source.encode(), value=msgspec.json.encode(letter))
            for letter in self._letters.take_all()
        ]
