"""Applies retention to every partition, again and again."""

import logging

from streamcore.broker.services import BrokerServices
from streamcore.partition.replica import Replica
from streamcore.storage.failures import StorageFailed

logger = logging.getLogger(__name__)


class RetentionRounds:
    """Drops segments that are past their time or over the size limit."""

    def __init__(self, services: BrokerServices) -> None:
        self._services = services

    async def run(self) -> None:
        """Look at every partition each `retention_check_interval_ms`, until cancelled."""
        services = self._services
        while True:
            interval_ms = services.settings.retention_check_interval_ms
            await services.clock.sleep_until(services.clock.monotonic_ms() + interval_ms)
            services.durability.remove_due()
            for replica in services.topics.replicas():
                self._apply(replica)

    def _apply(self, replica: Replica) -> None:
        try:
            gone = replica.drop_expired(now_ms=self._services.clock.now_ms())
        except StorageFailed as failure:
            logger.error("retention: %s", failure)  # noqa: TRY400  # no trace: the disk's words say it all
            return
        if gone:
            durability = self._services.durability
            durability.log_changed(replica)
            durability.remove_segments(replica, gone, "retention")
