"""A partition on disk: segments, their indexes, recovery and retention."""
