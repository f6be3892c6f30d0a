"""Cleans logs where it is called, on any disk: the worker of simulated brokers."""

from groundwork.seams import Directory
from streamcore.storage.compaction.job import CleaningJob, RoundSummary, TakesGroup
from streamcore.storage.compaction.round import CleaningRound


class InlineWorker:
    """Does a job step by step, between two turns of the loop for each group."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.jobs: list[CleaningJob] = []

    async def clean(self, job: CleaningJob, take: TakesGroup) -> RoundSummary | None:
        self.jobs.append(job)
        work = CleaningRound(self._directory, job, secret=1, on_bytes=lambda _: None)
        for group in work.groups():
            if not await take(group):
                return None
        return work.summary()

    async def close(self) -> None:
        """There is no process to end."""
