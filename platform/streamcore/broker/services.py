"""What a running broker offers its handlers: one object, handed to every call.

A part with a life of its own beside the log (the group coordinator) is an attribute
here, is built in `assembly`, and runs as a task of the broker's task group.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from groundwork.seams import Clock, DiskSpace
from streamcore.broker.append_round import AppendRound
from streamcore.broker.cleaner import Cleaner
from streamcore.broker.durability import Durability
from streamcore.broker.features import FEATURES, Feature
from streamcore.broker.fetch_sessions import FetchSessions
from streamcore.broker.group_service import GroupService
from streamcore.broker.metadata_cache import MetadataCache
from streamcore.broker.produce_routes import ProduceRoutes
from streamcore.broker.producer_ids import ProducerIds
from streamcore.broker.said_once import SaidOnce
from streamcore.broker.security.crowd import Crowd
from streamcore.broker.security.guard import Guard
from streamcore.broker.security.peer_journal import PeerJournal
from streamcore.broker.security.receive_budget import ReceiveBudget
from streamcore.broker.send_round import SendRound
from streamcore.broker.settings import BrokerSettings
from streamcore.broker.topics import TopicCatalogue
from streamcore.broker.transaction_service import TransactionService
from streamcore.broker.waiting_fetches import WaitingFetches
from streamcore.wire.messages.api_versions import ApiRange


@dataclass(slots=True, kw_only=True)
class BrokerServices:
    """The parts of one broker.

    To write records of the broker's own: `stage` a writable batch on `appends`, then
    have `when_kept` called; the placement says whether it is in the log.
    """

    settings: BrokerSettings
    clock: Clock
    topics: TopicCatalogue
    appends: AppendRound
    fetches: WaitingFetches
    fetch_sessions: FetchSessions
    sends: SendRound
    durability: Durability
    producer_ids: ProducerIds
    groups: GroupService
    transactions: TransactionService
    cleaner: Cleaner
    produce_routes: ProduceRoutes
    guard: Guard
    crowd: Crowd
    receive_budget: ReceiveBudget
    peer_journal: PeerJournal
    api_ranges: Sequence[ApiRange]
    disk_space: Callable[[], DiskSpace]
    features: Sequence[Feature] = FEATURES
    said_once: SaidOnce = field(default_factory=SaidOnce)
    metadata_cache: MetadataCache = field(default_factory=MetadataCache)
