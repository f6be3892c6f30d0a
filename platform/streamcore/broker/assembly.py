"""Builds the parts of a broker from its settings and the outside world."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from groundwork.seams import SPARE_SUFFIX, Clock, Directory, Rng
from streamcore.broker.append_round import AppendRound
from streamcore.broker.checkpoints import read_checkpoints
from streamcore.broker.clean_end import was_closed_cleanly
from streamcore.broker.cleaner import Cleaner
from streamcore.broker.durability import Durability
from streamcore.broker.fetch_sessions import FetchSessions
from streamcore.broker.group_log import GroupLog
from streamcore.broker.group_service import GroupService
from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.internal_log import InternalLog
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
from streamcore.broker.transaction_log import TransactionLog
from streamcore.broker.transaction_markers import TransactionMarkers
from streamcore.broker.transaction_service import TransactionService, ids_or_refusal
from streamcore.broker.waiting_fetches import WaitingFetches
from streamcore.groups.coordinator import GroupCoordinator
from streamcore.groups.log_records import OFFSETS_TOPIC
from streamcore.groups.settings import GroupSettings
from streamcore.storage.compaction.job import CleaningWorker
from streamcore.storage.recovery import RecoveryReport
from streamcore.transactions.coordinator import TransactionCoordinator
from streamcore.transactions.log_records import TRANSACTIONS_TOPIC
from streamcore.transactions.settings import TransactionSettings
from streamcore.wire.messages.api_versions import ApiRange

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
        ApiRange(
            api_key=handler.api_key,
            min_version=handler.min_version_listed,
            max_version=handler.max_version,
        )
        for handler in REGISTRY.handlers
    ]


def assemble(settings: BrokerSettings, world: World) -> BrokerServices:
    """Open all logs and join the parts. Raises `TopicsUnreadable`, `ProducerIdsUnreadable`,
    `CredentialsUnreadable`, `InvalidSetting` and `OSError`.

    Must be called on the event loop that the broker will run on.
    """
    catalogue = _open_catalogue(settings, world)
    durability = Durability(
        world.directory,
        clock=world.clock,
        settings=settings,
        replicas=catalogue.replicas,
        flush_interval_ms=lambda: catalogue.flush_interval_ms,
    )
    durability.owe_what_was_found()
    call_soon = asyncio.get_running_loop().call_soon
    fetches = WaitingFetches(world.clock)
    sends = SendRound(call_soon)
    producer_ids = ProducerIds(world.directory)
    appends = AppendRound(
        clock=world.clock,
        call_soon=call_soon,
        observers=(fetches, durability),
        after_flush=(fetches.answer_ready, sends.flush),
        hold_until_synced=durability.hold,
        always_syncs=settings.flush_acks is FlushAcks.WAIT,
    )
    groups = _open_groups(settings, world, catalogue, appends)
    budget = ReceiveBudget(settings.queued_max_request_bytes)
    return BrokerServices(
        settings=settings,
        clock=world.clock,
        topics=catalogue,
        appends=appends,
        fetches=fetches,
        fetch_sessions=_fetch_sessions(settings, world),
        sends=sends,
        durability=durability,
        producer_ids=producer_ids,
        groups=groups,
        transactions=_open_transactions(
            settings, world, catalogue, appends, groups, new_producer_id=producer_ids.take
        ),
        cleaner=Cleaner(
            world.directory,
            clock=world.clock,
            settings=settings,
            topics=catalogue,
            durability=durability,
            worker=world.cleaning_worker,
        ),
        produce_routes=ProduceRoutes(catalogue),
        guard=_guard(settings, world),
        crowd=Crowd(_crowd_limits(settings), budget),
        receive_budget=budget,
        peer_journal=PeerJournal(world.clock, lines_max=settings.peer_lines_per_minute),
        api_ranges=api_ranges(),
        disk_space=world.directory.space,
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
) -> GroupService:
    log = InternalLog(
        OFFSETS_TOPIC,
        partition_count=settings.offsets_topic_num_partitions,
        clock=world.clock,
        topics=catalogue,
        appends=appends,
    )
    groups = GroupService(
        GroupCoordinator(_group_settings(settings), world.rng),
        GroupLog(log),
        clock=world.clock,
        topics=catalogue,
        expiry_interval_ms=settings.offsets_retention_check_interval_ms,
    )
    groups.load()
    return groups


def _open_transactions(
    settings: BrokerSettings,
    world: World,
    catalogue: TopicCatalogue,
    appends: AppendRound,
    groups: GroupService,
    *,
    new_producer_id: Callable[[], int],
) -> TransactionService:
    log = InternalLog(
        TRANSACTIONS_TOPIC,
        partition_count=settings.transaction_state_log_num_partitions,
        clock=world.clock,
        topics=catalogue,
        appends=appends,
    )
    limits = TransactionSettings(
        timeout_ms_max=settings.transaction_max_timeout_ms,
        id_expiration_ms=settings.transactional_id_expiration_ms,
        ids_max=settings.transactional_ids_max,
        places_max=settings.transactional_partitions_max,
    )
    transactions = TransactionService(
        TransactionCoordinator(limits, new_producer_id=ids_or_refusal(new_producer_id)),
        TransactionLog(log),
        TransactionMarkers(clock=world.clock, topics=catalogue, appends=appends, groups=groups),
        clock=world.clock,
        topics=catalogue,
        interval_ms=settings.transaction_check_interval_ms,
    )
    transactions.load()
    return transactions


def _fetch_sessions(settings: BrokerSettings, world: World) -> FetchSessions:
    return FetchSessions(
        clock=world.clock,
        rng=world.rng,
        sessions_max=settings.max_incremental_fetch_session_cache_slots,
        partitions_max=settings.fetch_session_partitions_max,
        evictable_after_ms=settings.fetch_session_evictable_after_ms,
    )


def _group_settings(settings: BrokerSettings) -> GroupSettings:
    return GroupSettings(
        session_timeout_ms_min=settings.group_min_session_timeout_ms,
        session_timeout_ms_max=settings.group_max_session_timeout_ms,
        initial_delay_ms=settings.group_initial_rebalance_delay_ms,
        groups_max=settings.groups_max,
        members_max=settings.group_max_size,
        groups_bytes_max=settings.groups_bytes_max,
        offsets_bytes_max=settings.offsets_bytes_max,
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
    for name in world.directory.names():
        if name.endswith(SPARE_SUFFIX):
            world.directory.remove(name)  # a crash came before it took its place
    checkpoints, complaint = read_checkpoints(world.directory)
    if complaint is not None:
        logger.warning("%s", complaint)
    catalogue.load(checkpoints, is_new_term=not was_closed_cleanly(world.directory))
    for folder in catalogue.remove_leftovers():
        logger.warning("%s belongs to no topic and is left alone", folder)
    return catalogue


def _journal(report: RecoveryReport) -> None:
    for line in report.journal:
        logger.warning("%s", line)
