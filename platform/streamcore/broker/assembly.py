"""Builds the parts of a broker from its settings and the outside world."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from groundwork.seams import Clock, Directory, Rng
from streamcore.broker.append_round import AppendRound
from streamcore.broker.checkpoints import read_checkpoints
from streamcore.broker.durability import Durability
from streamcore.broker.group_log import GroupLog
from streamcore.broker.group_service import GroupService
from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.produce_routes import ProduceRoutes
from streamcore.broker.producer_ids import ProducerIds
from streamcore.broker.security.credentials import CredentialStore
from streamcore.broker.security.crowd import Crowd, CrowdLimits
from streamcore.broker.security.guard import Guard
from streamcore.broker.security.mechanisms import enabled_mechanisms
from streamcore.broker.security.password_thread import PasswordThread
from streamcore.broker.security.peer_journal import PeerJournal
from streamcore.broker.security.progress import Limits
from streamcore.broker.security.receive_budget import ReceiveBudget
from streamcore.broker.send_round import SendRound
from streamcore.broker.services import BrokerServices
from streamcore.broker.settings import BrokerSettings, FlushAcks
from streamcore.broker.topics import TopicCatalogue
from streamcore.broker.waiting_fetches import WaitingFetches
from streamcore.groups.coordinator import GroupCoordinator
from streamcore.groups.settings import GroupSettings
from streamcore.storage.recovery import RecoveryReport
from streamcore.wire.api_versions import ApiRange

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a broker needs of the outside: time, chance and a disk."""

    clock: Clock
    rng: Rng
    directory: Directory


def api_ranges() -> Sequence[ApiRange]:
    return [
        ApiRange(handler.api_key, handler.min_version, handler.max_version)
        for handler in REGISTRY.handlers
    ]


def assemble(settings: BrokerSettings, world: World) -> BrokerServices:
    """Open all logs and join the parts. Raises `TopicsUnreadable`, `ProducerIdsUnreadable`,
    `CredentialsUnreadable`, `InvalidSetting` and `OSError`.

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
    budget = ReceiveBudget(settings.queued_max_request_bytes)
    return BrokerServices(
        settings=settings,
        clock=world.clock,
        topics=catalogue,
        appends=appends,
        fetches=fetches,
        sends=sends,
        durability=durability,
        producer_ids=ProducerIds(world.directory),
        groups=_open_groups(settings, world, catalogue, appends, durability),
        produce_routes=ProduceRoutes(catalogue),
        guard=_guard(settings, world),
        crowd=Crowd(_crowd_limits(settings), budget),
        receive_budget=budget,
        peer_journal=PeerJournal(world.clock, lines_max=settings.peer_lines_per_minute),
        api_ranges=api_ranges(),
    )


def _guard(settings: BrokerSettings, world: World) -> Guard:
    return Guard(
        users=CredentialStore(world.directory, world.rng),
        passwords=PasswordThread(),
        clock=world.clock,
        rng=world.rng,
        mechanisms=enabled_mechanisms(settings.sasl_enabled_mechanisms),
        refusal_delay_ms=settings.connection_failed_authentication_delay_ms,
        session_ms_max=settings.connections_max_reauth_ms,
    )


def _crowd_limits(settings: BrokerSettings) -> CrowdLimits:
    return CrowdLimits(
        connections_max=settings.connections_max,
        connections_per_host_max=settings.max_connections_per_ip,
        unsent_bytes_max=settings.unsent_bytes_max,
        deadlines=Limits(
            establish_ms=settings.handshake_timeout_ms,
            idle_ms=settings.connections_max_idle_ms,
            stall_ms=settings.slow_peer_timeout_ms,
        ),
    )


def _open_groups(
    settings: BrokerSettings,
    world: World,
    catalogue: TopicCatalogue,
    appends: AppendRound,
    durability: Durability,
) -> GroupService:
    log = GroupLog(
        clock=world.clock,
        topics=catalogue,
        appends=appends,
        durability=durability,
        partition_count=settings.offsets_topic_num_partitions,
        rewrite_bytes=settings.offsets_topic_rewrite_bytes,
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
