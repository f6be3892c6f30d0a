"""The mark of a broker that ended in order: nothing that it had written was lost.

Without it the next start begins a new leader epoch. It stands for one start only.
"""

from groundwork.seams import Directory

CLEAN_END_FILE = "clean_end"


def was_closed_cleanly(directory: Directory) -> bool:
    """Whether the last broker here ended in order; this one has not yet. Raises `OSError`."""
    was_clean = directory.exists(CLEAN_END_FILE)
    if was_clean:
        directory.remove(CLEAN_END_FILE)
        # It must not come back with a loss of power, beside logs that have lost records by then.
        directory.sync_names("")
    return was_clean


def mark_clean_end(directory: Directory) -> None:
    """All is written and synced. Raises `OSError`."""
    directory.write_atomically(CLEAN_END_FILE, b"")
