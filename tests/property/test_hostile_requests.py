"""Whatever a peer sends: it is answered or cut with a word, nobody else notices, nothing is lost.

Every API of the registry in every version that it lists, right requests and wrong ones, from a
seed. `HAILSTREAM_FUZZ_CASES` of each version, from `HAILSTREAM_FUZZ_SEED`, for a long run:

    HAILSTREAM_FUZZ_CASES=1000 HAILSTREAM_FUZZ_SEED=7 .venv/bin/pytest --timeout 3600 \
        tests/property/test_hostile_requests.py
"""

import os
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from groundwork.simulated.clocks import VirtualClock
from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.handlers.registry import Handler
from streamcore.wire.api_keys import ApiKey
from tests.support.fuzzing.scene import Scene, attacked
from tests.support.virtual_loop import run_virtually

CASES: Final = int(os.environ.get("HAILSTREAM_FUZZ_CASES", "5"))
SEED: Final = os.environ.get("HAILSTREAM_FUZZ_SEED", "1")

# APIs whose requests reach further when they come together.
THEMES: Final = {
    "all": {handler.api_key for handler in REGISTRY.handlers},
    "groups": {
        *(ApiKey.JOIN_GROUP, ApiKey.SYNC_GROUP, ApiKey.HEARTBEAT, ApiKey.LEAVE_GROUP),
        *(ApiKey.OFFSET_COMMIT, ApiKey.OFFSET_FETCH, ApiKey.OFFSET_DELETE, ApiKey.DELETE_GROUPS),
        *(ApiKey.DESCRIBE_GROUPS, ApiKey.TXN_OFFSET_COMMIT),
    },
    "transactions": {
        *(ApiKey.INIT_PRODUCER_ID, ApiKey.ADD_PARTITIONS_TO_TXN, ApiKey.ADD_OFFSETS_TO_TXN),
        *(ApiKey.PRODUCE, ApiKey.TXN_OFFSET_COMMIT, ApiKey.END_TXN, ApiKey.FETCH),
        *(ApiKey.LIST_TRANSACTIONS, ApiKey.DESCRIBE_TRANSACTIONS, ApiKey.DESCRIBE_PRODUCERS),
    },
    "logs": {
        *(ApiKey.PRODUCE, ApiKey.FETCH, ApiKey.LIST_OFFSETS, ApiKey.DELETE_RECORDS),
        *(ApiKey.INCREMENTAL_ALTER_CONFIGS, ApiKey.CREATE_TOPICS, ApiKey.DELETE_TOPICS),
        *(ApiKey.CREATE_PARTITIONS, ApiKey.METADATA, ApiKey.OFFSET_FOR_LEADER_EPOCH),
    },
}


def attack(seed: str, cases: Callable[[Scene], Iterator[tuple[Handler, int]]]) -> None:
    clock = VirtualClock()

    async def run() -> None:
        async with attacked(clock, f"{SEED} {seed}") as scene:
            for handler, version in cases(scene):
                await scene.attack(handler, version)

    run_virtually(clock, run)


@pytest.mark.parametrize("handler", REGISTRY.handlers, ids=lambda handler: handler.name)
def test_requests_to_one_api(handler: Handler) -> None:
    versions = range(handler.min_version, handler.max_version + 1)
    attack(
        handler.name, lambda _: ((handler, version) for version in versions for _ in range(CASES))
    )


@pytest.mark.parametrize("theme", THEMES)
def test_requests_to_several_apis(theme: str) -> None:
    handlers = [handler for handler in REGISTRY.handlers if handler.api_key in THEMES[theme]]

    def cases(scene: Scene) -> Iterator[tuple[Handler, int]]:
        for _ in range(100 * CASES):
            handler = scene.rng.choice(handlers)
            yield handler, scene.rng.randint(handler.min_version, handler.max_version)

    attack(theme, cases)
