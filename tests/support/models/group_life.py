"""One life of two groups in which each thing happens that their model has a word on."""

from typing import Final

from streamcore.broker.settings import FlushAcks
from tests.support.models.group_agreeing import again, all_join, all_sync, claim_of, come_in
from tests.support.models.group_commits import Committer, Wish
from tests.support.models.group_facts import STABLE, GroupFacts, Protocols
from tests.support.models.group_joining import Joining
from tests.support.models.group_log import Place
from tests.support.models.group_members import Claim
from tests.support.models.group_offsets import GroupOffsets

NOBODY: Final = Claim(member_id="")
BOTH: Final[Protocols] = (("sticky", b"s"), ("range", b"m"))
SINCE_9: Final = 9


def live_in_groups(world: GroupOffsets) -> None:
    group = world.facts["g"]
    _come_in(world, group, BOTH, instance="i")
    _come_in(world, group, BOTH)
    _all_join_and_sync(world, group)
    _misunderstand(world, group)
    _commit(world, group)
    _fall_silent(world, group)
    _fill(world, group)
    world.kill()
    world.fetch(8, {"g": None}, is_stable=True)
    _leave_all(world, group)
    _use_transactions(world, world.facts["h"])
    world.delete_groups(2, ["h"])
    world.kill()
    world.fetch(8, {"g": None, "h": None}, is_stable=True)
    for _ in range(8):
        world.pass_time(10_000)
        world.fetch(8, {"g": None}, is_stable=True)


def live_in_synced_groups(world: GroupOffsets) -> None:
    assert world.flush_acks is FlushAcks.WAIT
    group = world.facts["g"]
    for number in range(3):
        world.commit(group, NOBODY, 2 + number, [Wish(Place("a", number), -1, "")])
        world.lose_power()
        world.fetch(8, {"g": None}, is_stable=True)


def _come_in(
    world: GroupOffsets, group: GroupFacts, protocols: Protocols, instance: str | None = None
) -> None:
    come_in(world, group, 5, protocols, instance)
    all_sync(world, group, 5)


def _all_join_and_sync(world: GroupOffsets, group: GroupFacts) -> None:
    all_join(world, group, SINCE_9)
    all_sync(world, group, 5)


def _two(group: GroupFacts) -> tuple[str, str]:
    """The leader and a follower."""
    assert group.current is not None
    leader = group.current.leader
    return leader, next(member_id for member_id in group.members if member_id != leader)


def _misunderstand(world: GroupOffsets, group: GroupFacts) -> None:
    """Answers get lost, members want something new, one comes back under another id."""
    leader, follower = _two(group)
    world.join(group, again(group, follower, SINCE_9))
    world.heartbeat(group, claim_of(group, follower, delta=-1), 4)
    world.join(
        group, again(group, follower, SINCE_9, protocols=(("sticky", b"new"), ("range", b"m")))
    )
    world.join(group, again(group, follower, SINCE_9))
    _all_join_and_sync(world, group)
    back = Joining(version=SINCE_9, member_id="", instance="i", protocols=BOTH)
    world.join(group, back)
    world.heartbeat(group, Claim(member_id=leader, generation=group.generation, instance="i"), 4)
    assert group.state == STABLE
    world.join(group, again(group, _two(group)[0], SINCE_9))
    _all_join_and_sync(world, group)


def _commit(world: GroupOffsets, group: GroupFacts) -> None:
    leader, follower = _two(group)
    place = Place("a", 0)
    world.commit(group, claim_of(group, leader), 8, [Wish(place, 3, "mine")])
    world.commit(group, claim_of(group, follower, delta=1), 8, [Wish(place, 3, "other")])
    world.commit(group, NOBODY, 10, [Wish(place, -1, "")])
    for length in (20, 21):
        world.commit(group, claim_of(group, follower), 10, [Wish(place, -1, "m" * length)])
    world.fetch(10, {"g": [place, Place("nowhere", 0)]}, is_stable=True)
    world.kill()
    world.fetch(5, {"g": [place]}, is_stable=False)


def _fall_silent(world: GroupOffsets, group: GroupFacts) -> None:
    """One member lives, the other is silent; it is back for the next rebalance, or is not."""
    leader, follower = _two(group)
    world.pass_time(6_000)
    world.heartbeat(group, claim_of(group, leader), 4)
    world.pass_time(6_000)
    assert follower not in group.members
    _all_join_and_sync(world, group)
    _come_in(world, group, BOTH)
    world.heartbeat(group, claim_of(group, leader), 4)
    world.pass_time(5_000)  # the leader is static: it is kept over what it misses
    all_sync(world, group, 5)


def _fill(world: GroupOffsets, group: GroupFacts) -> None:
    for _ in range(world.members_max):
        _come_in(world, group, BOTH)
        _all_join_and_sync(world, group)


def _leave_all(world: GroupOffsets, group: GroupFacts) -> None:
    world.pass_time(5_000)
    for member_id, member in list(group.members.items()):
        world.leave(group, 5, [(member_id, member.instance)])
        _all_join_and_sync(world, group)


def _use_transactions(world: GroupOffsets, group: GroupFacts) -> None:
    for number, committer in enumerate(world.committers):
        _use_transaction(world, group, committer, 5 if number else 3)


def _use_transaction(
    world: GroupOffsets, group: GroupFacts, committer: Committer, version: int
) -> None:
    places = [Place("a", number) for number in range(3)]
    for commit in (False, True):
        for place in places:
            wish = Wish(place, 1, "staged")
            world.commit_in_transaction(group, committer, NOBODY, version, [wish])
        world.commit(group, NOBODY, 8, [Wish(places[0], 1, "later")])
        world.delete_offsets(group, [places[1]])
        world.fetch(8, {"h": None}, is_stable=True)
        world.fetch(8, {"h": None}, is_stable=False)
        world.end_transaction(committer, committer.end_versions[-1], commit=commit)
        world.fetch(8, {"h": None}, is_stable=True)
