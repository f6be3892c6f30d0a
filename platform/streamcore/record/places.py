"""Where things are in a partition's log."""

from typing import NewType

Offset = NewType("Offset", int)
"""A record's number in its partition; never reused."""

LeaderEpoch = NewType("LeaderEpoch", int)
"""The number of a leadership term."""
