"""Builds the parts of a broker from its settings and the outside world."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from groundwork.seams import Clock, Directory, Rng
from streamcore.broker.append_round import AppendRound
from streamcore.broker.checkpoints import read_checkpoints
from streamcore.broker.cleaner import Cleaner
from streamcore.broker.durability import Durability
from streamcore.broker.group_log import GroupLog
from streamcore.broker.group_service import GroupService
from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.produce_routes import ProduceRoutes
from streamcore.broker.producer_ids import ProducerIds
from streamcore.broker.send_round import SendRound
from streamcore.broker.services import BrokerServices
from streamcore.broker.settings import BrokerSettings, FlushAcks
from streamcore.broker.topics import TopicCatalogue
from streamcore.broker.waiting_fetches import WaitingFetches
from streamcore.groups.coordinator import GroupCoordinator
from streamcore.groups.settings import GroupSettings
from streamcore.storage.compaction.job import CleaningWorker
from streamcore.storage.recovery import RecoveryReport
from streamcore.wire.api_versions import ApiRange

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a broker needs of the outside: time, chance, a disk, and who cleans logs on it."""

    clock: Clock
    rng: Rng
    directory: Directory
    cleaning_worker: CleaningWorker


def api_ranges() -> Sequence[ApiRange]:
    return [
        ApiRange(handler.api_key, handler.min_version, handler.max_version)
        for handler in REGISTRY.handlers
    ]


def assemble(settings: BrokerSettings, world: World) -> BrokerServices:
    """Open all logs and join the parts. Raises `TopicsUnreadable`,
    `ProducerIdsUnreadable` and `OSError`.

    Must be called on the event loop that the broker will run on.
    """
    catalogue = _open_catalogue(settings, world)
    durability = Durability(
        world.directory, clock=world.clock, settings=settings, replicas=catalogue.replicas
    )
    call_soon = asyncio.get_running_loop().call_soon
    fetches = WaitingFetches(world.clock)
    sends = SendRound(call_soon)
    appends = AppendRound(
        clock=world.clock,
        call_soon=call_soon,
        observers=(fetches, durability),
        after_flush=(fetches.answer_ready, sends.flush),
        hold_until_synced=durability.hold if settings.flush_acks is FlushAcks.WAIT else None,
    )
    return BrokerServices(
        settings=settings,
        clock=world.clock,
        topics=catalogue,
        appends=appends,
        fetches=fetches,
        sends=sends,
        durability=durability,
        producer_ids=ProducerIds(world.directory),
        groups=_open_groups(settings, world, catalogue, appends),
        cleaner=Cleaner(
            world.directory,
            clock=world.clock,
            settings=settings,
            topics=catalogue,
            durability=durability,
            worker=world.cleaning_worker,
        ),
        produce_routes=ProduceRoutes(catalogue),
        api_ranges=api_ranges(),
    )


def _open_groups(
    settings: BrokerSettings,
    world: World,
    catalogue: TopicCatalogue,
    appends: AppendRound,
) -> GroupService:
    log = GroupLog(
        clock=world.clock,
        topics=catalogue,
        appends=appends,
        partition_count=settings.offsets_topic_num_partitions,
    )
    groups = GroupService(
        GroupCoordinator(_group_settings(settings), world.rng),
        log,
        clock=world.clock,
        topics=catalogue,
        expiry_interval_ms=settings.offsets_retention_check_interval_ms,
    )
    groups.load()
    return groups


def _group_settings(settings: BrokerSettings) -> GroupSettings:
    return GroupSettings(
        session_timeout_ms_min=settings.group_min_session_timeout_ms,
        session_timeout_ms_max=settings.group_max_session_timeout_ms,
        initial_delay_ms=settings.group_initial_rebalance_delay_ms,
        groups_max=settings.groups_max,
        members_max=settings.group_max_size,
        offset_metadata_bytes_max=settings.offset_metadata_max_bytes,
        offsets_retention_ms=settings.offsets_retention_minutes * 60_000,
    )


def _open_catalogue(settings: BrokerSettings, world: World) -> TopicCatalogue:
    catalogue = TopicCatalogue(
        world.directory,
        clock=world.clock,
        rng=world.rng,
        settings=settings,
        on_report=_journal,
    )
    checkpoints, complaint = read_checkpoints(world.directory)
    if complaint is not None:
        logger.warning("%s", complaint)
    catalogue.load(checkpoints)
    for folder in catalogue.remove_leftovers():
        logger.warning("%s belongs to no topic and is left alone", folder)
    return catalogue


def _journal(report: RecoveryReport) -> None:
    for line in report.journal:
        logger.warning("%s", line)
