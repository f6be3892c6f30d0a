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


# With transaction.version 2 a producer's epoch moves with the end of every transaction, and
# partitions join a transaction by being written to (KIP-890).
FEATURES: Final[Sequence[Feature]] = (
    Feature("transaction.version", level_min=0, level_max=2, level=2),
)

# The features of a running broker never change: there is one state of them.
FEATURES_EPOCH: Final = 0
