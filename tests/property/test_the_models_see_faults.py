"""A broker with a small fault: the models, which find nothing in a sound one, find each."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from streamcore.broker.settings import FlushAcks
from tests.property.test_transactions_are_atomic import live
from tests.support.models.faults import acknowledge_unsynced
from tests.support.models.group_commits import Committer
from tests.support.models.group_faults import GROUP_FAULTS
from tests.support.models.group_life import live_in_groups, live_in_synced_groups
from tests.support.models.group_offsets import GroupOffsets
from tests.support.models.log_faults import LOG_FAULTS, TRANSACTION_FAULTS
from tests.support.models.log_life import live_in_a_log, live_in_a_synced_log
from tests.support.models.log_transactions import Transactor
from tests.support.models.modelled_log import ModelledLog


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


@contextmanager
def a_log(flush_acks: FlushAcks = FlushAcks.WRITTEN) -> Iterator[ModelledLog]:
    transactors = [Transactor("old", is_new=False), Transactor("new", is_new=True)]
    world = ModelledLog(flush_acks=flush_acks, transactors=transactors)
    try:
        yield world
    finally:
        world.broker.discard()


def test_a_sound_broker_lives_the_lives_of_a_log() -> None:
    with a_log() as world:
        live_in_a_log(world)
    with a_log(FlushAcks.WAIT) as world:
        live_in_a_synced_log(world)


@pytest.mark.parametrize("fault", LOG_FAULTS)
def test_the_model_of_the_log_sees_that(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_log() as world:
        LOG_FAULTS[fault](monkeypatch)
        with pytest.raises(AssertionError):
            live_in_a_log(world)


def test_the_model_of_the_log_sees_that_a_batch_is_acknowledged_before_it_is_synced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with a_log(FlushAcks.WAIT) as world:
        acknowledge_unsynced(monkeypatch)
        with pytest.raises(AssertionError):
            live_in_a_synced_log(world)


@pytest.mark.parametrize("fault", TRANSACTION_FAULTS)
async def test_readers_of_transactions_see_that(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    TRANSACTION_FAULTS[fault](monkeypatch)
    with pytest.raises(AssertionError):
        await live(0)
