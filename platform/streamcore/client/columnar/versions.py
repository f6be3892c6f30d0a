"""Which versions of each API the columnar client speaks, and which of them a broker shares.

The oldest forms that carry what we need: they are the ones that every broker since Kafka 2.1
has, 4.x included (KIP-896), and their fixed lengths are the cheapest to read and write.
"""

from collections.abc import Mapping
from typing import Final

from streamcore.client.api import LogError
from streamcore.wire.api_keys import ApiKey

PRODUCE_VERSION: Final = 7
FETCH_VERSION: Final = 11

SPOKEN: Final[Mapping[ApiKey, tuple[int, int]]] = {
    ApiKey.PRODUCE: (PRODUCE_VERSION, PRODUCE_VERSION),
    ApiKey.FETCH: (FETCH_VERSION, FETCH_VERSION),
    ApiKey.LIST_OFFSETS: (1, 5),
    ApiKey.METADATA: (4, 7),
    ApiKey.OFFSET_COMMIT: (2, 7),
    ApiKey.OFFSET_FETCH: (2, 7),
    ApiKey.FIND_COORDINATOR: (1, 2),
    ApiKey.JOIN_GROUP: (4, 7),
    ApiKey.HEARTBEAT: (1, 4),
    ApiKey.LEAVE_GROUP: (1, 4),
    ApiKey.SYNC_GROUP: (1, 5),
    ApiKey.SASL_HANDSHAKE: (1, 1),
    ApiKey.API_VERSIONS: (0, 0),
    ApiKey.CREATE_TOPICS: (2, 4),
    ApiKey.INIT_PRODUCER_ID: (0, 1),
    ApiKey.SASL_AUTHENTICATE: (0, 2),
}


def shared_version(
    key: ApiKey, broker_ranges: Mapping[int, tuple[int, int]], *, broker: str
) -> int:
    """Return the highest version that both speak. Raises `LogError` where there is none."""
    ours_min, ours_max = SPOKEN[key]
    theirs_min, theirs_max = broker_ranges.get(key, (0, -1))
    version = min(ours_max, theirs_max)
    if version < max(ours_min, theirs_min):
        raise LogError(
            f"broker {broker} speaks {key.name} {theirs_min}-{theirs_max}, "
            f"we need {ours_min}-{ours_max}",
            retriable=False,
        )
    return version
