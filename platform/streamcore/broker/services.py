"""What a running broker offers its handlers: one object, handed to every call.

A part with a life of its own beside the log (the group coordinator) is an attribute
here, is built in `assembly`, and runs as a task of the broker's task group.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from groundwork.seams import Clock
from streamcore.broker.append_round import AppendRound
from streamcore.broker.cleaner import Cleaner
from streamcore.broker.durability import Durability
from streamcore.broker.group_service import GroupService
from streamcore.broker.metadata_cache import MetadataCache
from streamcore.broker.produce_routes import ProduceRoutes
from streamcore.broker.producer_ids import ProducerIds
from streamcore.broker.said_once import SaidOnce
from streamcore.broker.send_round import SendRound
from streamcore.broker.settings import BrokerSettings
from streamcore.broker.topics import TopicCatalogue
from streamcore.broker.waiting_fetches import WaitingFetches
from streamcore.wire.api_versions import ApiRange


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
    sends: SendRound
    durability: Durability
    producer_ids: ProducerIds
    groups: GroupService
    cleaner: Cleaner
    produce_routes: ProduceRoutes
    api_ranges: Sequence[ApiRange]
    said_once: SaidOnce = field(default_factory=SaidOnce)
    metadata_cache: MetadataCache = field(default_factory=MetadataCache)
    listening_port: int = 0  # known once the broker listens
