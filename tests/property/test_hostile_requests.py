"""Whatever a peer sends: it is answered or cut with a word, nobody else notices, nothing is lost.

Every API of the registry in every version that it lists, right requests and wrong ones.
`HAILSTREAM_FUZZ_CASES` says how many of each version, `HAILSTREAM_FUZZ_SEED` from which seed on:

    HAILSTREAM_FUZZ_CASES=10000 HAILSTREAM_FUZZ_SEED=7 .venv/bin/pytest tests/property/test_hostile_requests.py
"""

import os

import pytest

from groundwork.simulated.clocks import VirtualClock
from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.handlers.registry import Handler
from tests.support.fuzzing.scene import attacked
from tests.support.virtual_loop import run_virtually

CASES = int(os.environ.get("HAILSTREAM_FUZZ_CASES", "6"))
SEED = os.environ.get("HAILSTREAM_FUZZ_SEED", "1")


@pytest.mark.parametrize("handler", REGISTRY.handlers, ids=lambda handler: handler.name)
def test_requests_to_one_api(handler: Handler) -> None:
    clock = VirtualClock()

    async def attack() -> None:
        async with attacked(clock, f"{SEED} {handler.name}") as scene:
            for _ in range(CASES):
                for version in range(handler.min_version, handler.max_version + 1):
                    await scene.attack(handler, version)

    run_virtually(clock, attack)


def test_requests_to_all_apis_in_turn() -> None:
    clock = VirtualClock()

    async def attack() -> None:
        async with attacked(clock, f"{SEED} all") as scene:
            for _ in range(100 * CASES):
                handler = scene.rng.choice(REGISTRY.handlers)
                version = scene.rng.randint(handler.min_version, handler.max_version)
                await scene.attack(handler, version)

    run_virtually(clock, attack)
