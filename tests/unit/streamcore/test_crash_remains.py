"""What a crash leaves on the disk: names that were to last, and files that nobody needs."""

from groundwork.simulated.disk import SimulatedDirectory
from tests.support.broker_questions import produce
from tests.support.simulated_broker import simulated_broker


class NotedDirectory(SimulatedDirectory):
    """Remembers which folders were synced."""

    def __init__(self) -> None:
        super().__init__()
        self.synced: list[str] = []

    def sync_names(self, path: str) -> None:
        self.synced.append(path)
        super().sync_names(path)


async def test_the_first_sync_of_a_log_makes_its_name_last_and_those_of_its_folders() -> None:
    disk = NotedDirectory()
    async with simulated_broker(disk) as services:
        topic = services.topics.create("t", partition_count=2, configs={"segment.bytes": "100"})
        disk.synced.clear()
        await produce(services, b"x" * 60)
        await services.durability.sync(checkpoint=False)
        assert disk.synced == ["", "logs", topic.folder, f"{topic.folder}/0"]
        disk.synced.clear()
        await produce(services, b"x" * 60)
        await services.durability.sync(checkpoint=False)
        assert disk.synced[0] == f"{topic.folder}/0", "a new segment has its name there"
