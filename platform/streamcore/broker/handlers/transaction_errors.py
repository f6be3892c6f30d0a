"""How transaction errors are told to clients that do not know the newer codes."""

from streamcore.wire.error_codes import ErrorCode


def told_to_older(error: ErrorCode) -> ErrorCode:
    """PRODUCER_FENCED came with KIP-588: before, a stale epoch was told as that."""
    return ErrorCode.INVALID_PRODUCER_EPOCH if error is ErrorCode.PRODUCER_FENCED else error


def told_as_abortable(error: ErrorCode) -> ErrorCode:
    """Since KIP-890 a producer whose write is in no transaction is told to abort and go on."""
    return ErrorCode.TRANSACTION_ABORTABLE if error is ErrorCode.INVALID_TXN_STATE else error
