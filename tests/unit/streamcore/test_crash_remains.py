"""What a crash leaves on the disk: names that were to last, and files that nobody needs."""

import copy
import logging

import pytest

from groundwork.simulated.disk import SimulatedDirectory
from tests.support.broker_questions import NONE, create, produce
from tests.support.committed_reading import committed_values
from tests.support.simulated_broker import batch_of, simulated_broker
from tests.support.transactional_producer import TransactionalProducer


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


@pytest.mark.parametrize("is_synced_before", [False, True])
async def test_what_was_aborted_is_known_after_a_kill_however_the_checkpoint_came(
    is_synced_before: bool,
) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        create(services)
        producer = TransactionalProducer(services, is_new=False)
        assert await producer.init() == NONE
        assert await producer.send(b"never committed") == NONE
        assert await producer.end(commit=False) == NONE
        if is_synced_before:
            await services.durability.sync(checkpoint=False)
        await services.durability.sync(checkpoint=True)
        as_killed = copy.deepcopy(disk)
    async with simulated_broker(as_killed, seed=8) as services:
        assert await committed_values(services, "t") == []


async def test_a_deleted_topic_whose_removal_was_cut_short_goes_at_the_next_start() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        create(services, partitions=1)
        await produce(services, b"x")
        topic = services.topics.find("t")
        assert topic is not None
        services.topics.delete(topic)
        create(services, partitions=1)
        assert len(disk.names("logs")) == 2
    async with simulated_broker(disk, seed=8) as services:
        (left,) = services.topics.all()
        assert disk.names("logs") == [left.folder.removeprefix("logs/")]
        services.topics.alter(left, configs={})
    assert "leaving" not in disk.read("topics.json").decode(), "it is gone and forgotten"


async def test_what_was_made_for_a_topic_or_partition_that_was_not_goes_at_the_next_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        create(services, partitions=1)
        topic = services.topics.find("t")
        assert topic is not None
    first = "00000000000000000000.log"
    of_another = f"logs/u@{'5' * 32}"
    for folder in (f"{topic.folder}/1", f"{of_another}/0", f"{of_another}/1"):
        disk.open_append(f"{folder}/{first}")
    disk.open_append(f"{topic.folder}/2/{first}").append([batch_of(b"somebody's")])
    disk.open_append("logs/notes").append([b"not ours"])
    with caplog.at_level(logging.WARNING):
        async with simulated_broker(disk, seed=8):
            assert disk.names("logs") == ["notes", topic.folder.removeprefix("logs/")]
            assert disk.names(topic.folder) == ["0", "2"]
    assert f"{topic.folder}/2 belongs to no topic and is left alone" in caplog.text


async def test_files_that_mean_nothing_any_more_go_at_the_next_start() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        create(services, partitions=1)
        folder = services.topics.replicas()[0].log.folder
        await produce(services, b"x")
    before = disk.names(folder)
    gone = "00000000000000000000.index.new", "00000000000000000077.index"
    for name in (*gone, "00000000000000000077.txnindex", "00000000000000000000.log.cleaned"):
        disk.open_append(f"{folder}/{name}")
    for name in ("credentials.json.new", "topics.json.new"):
        disk.open_append(name)
    async with simulated_broker(disk, seed=8):
        assert disk.names(folder) == before
        assert not [name for name in disk.names() if name.endswith(".new")]


async def test_an_empty_segment_behind_a_torn_one_is_not_kept_aside() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        create(services, partitions=1)
        folder = services.topics.replicas()[0].log.folder
        await produce(services, b"x")
    disk.open_append(f"{folder}/00000000000000000009.log")
    async with simulated_broker(disk, seed=8) as services:
        assert disk.names(folder) == ["00000000000000000000.log"]
        assert services.topics.replicas()[0].high_watermark == 1
