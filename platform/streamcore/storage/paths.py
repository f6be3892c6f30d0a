"""What the files of a partition's folder are called."""

LOG_SUFFIX = ".log"
INDEX_SUFFIX = ".index"
ABORTED_SUFFIX = ".txnindex"
CORRUPT_SUFFIX = ".corrupt"
# A segment, or its index, that the cleaner writes; and a segment about to take its place.
CLEANED_SUFFIX = ".cleaned"
SWAP_SUFFIX = ".swap"


def segment_path(folder: str, base_offset: int) -> str:
    return f"{folder}/{base_offset:020d}{LOG_SUFFIX}"


def index_path(path: str) -> str:
    return path.removesuffix(LOG_SUFFIX) + INDEX_SUFFIX


def aborted_path(path: str) -> str:
    return path.removesuffix(LOG_SUFFIX) + ABORTED_SUFFIX


def folders_down_to(folder: str) -> tuple[str, ...]:
    """The data directory, as "", and the folders in it on the way to `folder`, itself included."""
    parts = folder.split("/")
    return tuple("/".join(parts[:count]) for count in range(len(parts) + 1))
