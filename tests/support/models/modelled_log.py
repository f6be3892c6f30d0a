"""A topic, its models, and everybody who has to do with it."""

from tests.support.models.log_sessions import LogSessions
from tests.support.models.log_transactions import LogTransactors


class ModelledLog(LogTransactors, LogSessions):
    """Written to in transactions and without, read in sessions and without."""
