"""A whole broker lives through everything that writes, and ends at every single change of its disk:
killed, or by a loss of power that tears what was not synced.

Whatever is left, a broker opens on it, and all that was promised holds (`writepoints/verdict`):
acknowledged records once and in order, transactions whole or not at all, topics, settings,
offsets, users and producer ids; what was cut off can be sent again; a clean end changes nothing;
nothing lies around for ever. One life has some 700 such points. `HAILSTREAM_WRITE_POINTS` says
how far it goes from one to the next (1: none is passed over), in the life of the seed
`HAILSTREAM_WRITE_POINTS_SEED`:

    HAILSTREAM_WRITE_POINTS=1 HAILSTREAM_WRITE_POINTS_SEED=7 .venv/bin/pytest --timeout 3600 \\
        tests/simulation/test_a_crash_at_every_write_point.py
"""

import os
from functools import cache
from typing import Final

import pytest

from streamcore.broker.settings import FlushAcks
from tests.support.writepoints.crashes import crash_at
from tests.support.writepoints.recording import CrashKind
from tests.support.writepoints.script import Script

pytestmark = pytest.mark.simulation

STRIDE: Final = int(os.environ.get("HAILSTREAM_WRITE_POINTS", "24"))
SEED: Final = int(os.environ.get("HAILSTREAM_WRITE_POINTS_SEED", "5"))
# Each such crash has another one in the recovery from it, or is followed until all is at rest.
AGAIN_EVERY: Final = 5
TO_THE_END_EVERY: Final = 7


@cache
def lived(flush_acks: FlushAcks) -> Script:
    life = Script(SEED, flush_acks)
    life.live()
    return life


@pytest.mark.parametrize("flush_acks", FlushAcks)
@pytest.mark.parametrize("kind", CrashKind)
def test_what_was_promised_holds_wherever_a_broker_ends(
    kind: CrashKind, flush_acks: FlushAcks
) -> None:
    life = lived(flush_acks)
    for number, point in enumerate(life.disk.points[::STRIDE]):
        crash_at(
            life,
            point,
            kind,
            to_the_end=number % TO_THE_END_EVERY == 0,
            again=number % AGAIN_EVERY == 0,
        )


def test_a_life_has_everything_in_it_that_writes() -> None:
    life = lived(FlushAcks.WRITTEN)
    assert len(life.disk.points) == life.disk.changes > 400
    names = life.disk.names_ever()
    written = {name.rpartition("/")[2].partition(".")[2] for name in names}
    assert {"log", "index", "txnindex", "log.cleaned", "log.swap", "json", "json.new"} <= written
    assert {"producer_ids", "clean_end"} <= names
