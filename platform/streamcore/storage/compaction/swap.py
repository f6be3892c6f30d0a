"""Puts a cleaned segment in the place of those it was made from, whatever happens on the way.

The worker leaves `BASE.log.cleaned`, complete and synced, with its index beside it. Then:

1. `commit`: its list of aborted transactions is written beside it, and the file is renamed to
   `BASE.log.swap`. From here on the swap holds: a crash behind it is made up for at the start.
2. The log in memory reads the new segment instead of the old ones.
3. `finish`: the old files go, the list gets its name, then `.swap` goes from the file's.

Before 1 a crash leaves a `.cleaned` file, which means nothing and is removed. The last batch of
the new file ends where the last of the old ones did: so a `.swap` file alone says which
segments it stands for.
"""

from collections.abc import Sequence

from groundwork.seams import SPARE_SUFFIX, Directory
from streamcore.record.batch import BatchCorrupt, BatchFault
from streamcore.record.places import Offset
from streamcore.storage import aborted_transactions
from streamcore.storage.compaction.job import CleanedGroup, CleaningFailed
from streamcore.storage.index import decoded
from streamcore.storage.paths import (
    ABORTED_SUFFIX,
    CLEANED_SUFFIX,
    CORRUPT_SUFFIX,
    INDEX_SUFFIX,
    LOG_SUFFIX,
    SWAP_SUFFIX,
    aborted_path,
    index_path,
    segment_path,
)
from streamcore.storage.scanning import checked_headers
from streamcore.storage.segment import Segment


def remove_unfinished(directory: Directory, folder: str) -> None:
    """Remove what a worker left that did not come to its end. Raises `OSError`."""
    for name in directory.names(folder):
        if name.endswith(CLEANED_SUFFIX):
            directory.remove(f"{folder}/{name}")


def commit(
    directory: Directory, folder: str, group: CleanedGroup, old: Sequence[Segment]
) -> Segment:
    """Decide that the new file takes the place of the `old` ones; return it as a segment.

    Raises `OSError` and `CleaningFailed`; then the log is as it was.
    """
    assert group.path is not None, "a group in which nothing changed has no file"
    path = segment_path(folder, group.base_offset)
    index_file = index_path(path) + CLEANED_SUFFIX
    index = decoded(directory.read(index_file))
    file = directory.open_existing(group.path)
    if index is None or file.size() != group.size:
        file.close()
        raise CleaningFailed(f"{group.path} is not what the worker said")
    segment = Segment(path, group.base_offset, file)
    segment.take_cleaned(
        index,
        next_offset=group.next_offset,
        size=group.size,
        newest_timestamp=group.newest_timestamp,
    )
    if group.aborted:
        segment.aborted = list(group.aborted)
        directory.write_atomically(
            aborted_path(path) + CLEANED_SUFFIX, aborted_transactions.encoded(group.aborted)
        )
    segment.created_ms = max(each.created_ms for each in old)
    segment.written_ms = max(each.written_ms for each in old)
    directory.rename(group.path, path + SWAP_SUFFIX)
    directory.sync_names(folder)
    return segment


def finish(directory: Directory, folder: str, base: Offset, old: Sequence[Offset]) -> None:
    """Remove the files of the `old` segments and give the new one its name. Raises `OSError`."""
    path = segment_path(folder, base)
    for old_base in old:
        directory.remove(index_path(segment_path(folder, old_base)))
        directory.remove(aborted_path(segment_path(folder, old_base)))
        directory.remove(segment_path(folder, old_base))
    aborted_file = aborted_path(path) + CLEANED_SUFFIX
    if directory.exists(aborted_file):
        # Before `.swap` goes: what is left as `.cleaned` behind that means nothing any more.
        directory.rename(aborted_file, aborted_path(path))
    directory.rename(path + SWAP_SUFFIX, path)
    index_file = index_path(path) + CLEANED_SUFFIX
    if directory.exists(index_file):
        directory.rename(index_file, index_path(path))


def undo(directory: Directory, folder: str, base: Offset) -> None:
    """Drop a committed file: the segments it was made from have changed since."""
    path = segment_path(folder, base)
    directory.remove(index_path(path) + CLEANED_SUFFIX)
    directory.remove(aborted_path(path) + CLEANED_SUFFIX)
    directory.remove(path + SWAP_SUFFIX)


def finish_interrupted(directory: Directory, folder: str) -> list[str]:
    """Finish the swaps that a crash interrupted, and remove what means nothing any more; return
    journal lines. Raises `OSError`."""
    names = directory.names(folder)
    suffix = LOG_SUFFIX + SWAP_SUFFIX
    bases = [
        Offset(int(name.removesuffix(LOG_SUFFIX))) for name in names if name.endswith(LOG_SUFFIX)
    ]
    journal = []
    for name in names:
        if name.endswith(suffix):
            base = Offset(int(name.removesuffix(suffix)))
            journal.append(_finish_interrupted(directory, folder, base, bases))
    _remove_remains(directory, folder, directory.names(folder) if journal else names)
    return journal


def _remove_remains(directory: Directory, folder: str, names: Sequence[str]) -> None:
    """Remove what a crash left half written, and what belongs to segments that are gone."""
    segments = {name.removesuffix(LOG_SUFFIX) for name in names if name.endswith(LOG_SUFFIX)}
    for name in names:
        stem, suffix = _split(name)
        is_beside = suffix in (INDEX_SUFFIX, ABORTED_SUFFIX)
        if suffix in (CLEANED_SUFFIX, SPARE_SUFFIX) or (is_beside and stem not in segments):
            directory.remove(f"{folder}/{name}")


def _split(name: str) -> tuple[str, str]:
    stem, dot, suffix = name.rpartition(".")
    return stem, dot + suffix


def _finish_interrupted(
    directory: Directory, folder: str, base: Offset, bases: Sequence[Offset]
) -> str:
    path = segment_path(folder, base)
    try:
        end = _end_of(directory, path + SWAP_SUFFIX)
    except BatchFault as fault:
        aside = path + SWAP_SUFFIX + CORRUPT_SUFFIX
        directory.rename(path + SWAP_SUFFIX, aside)
        return f"{path}{SWAP_SUFFIX} is corrupt: {fault}; it is kept in {aside}"
    old = [each for each in bases if base <= each < end]
    finish(directory, folder, base, old)
    return f"{path}: its cleaning was finished, it reaches up to offset {end}"


def _end_of(directory: Directory, path: str) -> Offset:
    """Check every batch of a cleaned segment; return where it ends. Raises `BatchFault`."""
    file = directory.open_existing(path)
    try:
        next_offset = -1
        for header in checked_headers(file):
            next_offset = header.next_offset
    finally:
        file.close()
    if next_offset < 0:
        raise BatchCorrupt("it is empty")
    return Offset(next_offset)
