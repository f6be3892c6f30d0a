"""The features of the cluster (KIP-584): levels that clients and brokers agree on.

A client that finds a feature here may use what it stands for, without asking again.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple


class Feature(NamedTuple):
    """A feature that works at `level`, and could work at others. Level 0 is off."""

    name: str
    level_min: int
    level_max: int
    level: int


FEATURES: Final[Sequence[Feature]] = ()

# The features of a running broker never change: there is one state of them.
FEATURES_EPOCH: Final = 0
