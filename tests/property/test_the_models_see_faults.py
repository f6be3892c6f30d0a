"""A broker with a small fault: the models, which find nothing in a sound one, find each."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from streamcore.broker.settings import FlushAcks
from tests.support.models.group_commits import Committer
from tests.support.models.group_faults import GROUP_FAULTS, acknowledge_unsynced
from tests.support.models.group_life import live_in_groups, live_in_synced_groups
from tests.support.models.group_offsets import GroupOffsets


@contextmanager
def some_groups(flush_acks: FlushAcks = FlushAcks.WRITTEN) -> Iterator[GroupOffsets]:
    committers = [Committer("old", is_new=False), Committer("new", is_new=True)]
    world = GroupOffsets(flush_acks=flush_acks, committers=committers)
    try:
        yield world
    finally:
        world.broker.discard()


def test_a_sound_broker_lives_the_lives_of_groups() -> None:
    with some_groups() as world:
        live_in_groups(world)
    with some_groups(FlushAcks.WAIT) as world:
        live_in_synced_groups(world)


@pytest.mark.parametrize("fault", GROUP_FAULTS)
def test_the_model_of_groups_sees_that(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with some_groups() as world:
        GROUP_FAULTS[fault](monkeypatch)
        with pytest.raises(AssertionError):
            live_in_groups(world)


def test_the_model_of_groups_sees_that_a_commit_is_acknowledged_before_it_is_synced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with some_groups(FlushAcks.WAIT) as world:
        acknowledge_unsynced(monkeypatch)
        with pytest.raises(AssertionError):
            live_in_synced_groups(world)
