"""Members that come, go, fall silent and come back, in any order: what must always hold."""

import random

import pytest

from streamcore.groups.states import GroupState
from streamcore.wire.error_codes import ErrorCode
from tests.support.group_scene import REBALANCE_MS, SESSION_MS, GroupScene

STEPS = 150


def act(scene: GroupScene, rng: random.Random, known: list[str]) -> None:
    """Let one thing happen."""
    member = rng.choice(known) if known else ""
    match rng.randrange(8):
        case 0:
            ticket = scene.join(client="n", version=rng.choice((1, 4, 9)))
            if ticket in scene.joined:
                known.append(scene.joined[ticket].member_id)
        case 1:
            scene.join(instance=f"pod-{rng.randrange(3)}", version=rng.choice((5, 9)))
        case 2 | 3:
            scene.join(member, protocols=(("range", rng.randbytes(1)),))
        case 4:
            everybody = [str(m.member_id) for m in scene.group.roster]
            scene.sync(member, assignments={m: m.encode() for m in everybody})
        case 5:
            scene.heartbeat(member)
        case 6:
            scene.leave(member)
        case _:
            scene.pass_time(rng.choice((1, 1_000, SESSION_MS, REBALANCE_MS)))
    known.extend(m.member_id for m in scene.group.roster if m.member_id not in known)


def check(scene: GroupScene, generation_before: int) -> None:
    group = scene.group
    assert group.generation >= generation_before
    members = list(group.roster)
    if group.state is GroupState.EMPTY:
        assert not members
    if group.state is GroupState.STABLE:
        assert not any(member.is_waiting for member in members), "nobody waits in a stable group"
    if group.state in (GroupState.STABLE, GroupState.COMPLETING_REBALANCE):
        assert group.roster.leader is not None
        assert group.roster.leader in group.roster
        assert all(member.parked_join is None for member in members)
    instances = [member.instance_id for member in members if member.instance_id is not None]
    assert len(instances) == len(set(instances)), "one member an instance"
    waiting = [t for m in members for t in (m.parked_join, m.parked_sync) if t is not None]
    assert len(waiting) == len(set(waiting))
    assert not set(waiting) & (set(scene.joined) | set(scene.synced)), "answered, yet waiting"


@pytest.mark.parametrize("seed", range(100))
def test_every_request_is_answered_once_and_a_group_left_alone_comes_to_rest(seed: int) -> None:
    rng = random.Random(seed)
    scene = GroupScene(members_max=6, initial_delay_ms=rng.choice((0, 3_000)))
    known: list[str] = []
    for _ in range(STEPS):
        generation = scene.group.generation
        act(scene, rng, known)
        check(scene, generation)
    for _ in range(10):
        scene.pass_time(REBALANCE_MS)
    assert scene.group.state is GroupState.EMPTY
    assert scene.group.is_vacant
    assert scene.unanswered() == set()


@pytest.mark.parametrize("seed", range(100))
def test_members_that_do_as_they_are_told_all_get_into_one_generation(seed: int) -> None:
    rng = random.Random(seed)
    scene = GroupScene(members_max=10)
    known: list[str] = []
    for _ in range(STEPS):
        act(scene, rng, known)
    scene.pass_time(10 * REBALANCE_MS)
    faithful = [scene.enter(client=f"f{number}")[0] for number in range(3)]
    for _ in range(4):
        for member in faithful:
            if scene.heartbeat(member) is ErrorCode.REBALANCE_IN_PROGRESS:
                scene.join(member)
        scene.pass_time(SESSION_MS // 2)
    leader = scene.group.roster.leader
    assert leader is not None
    scene.sync(leader, assignments={member: member.encode() for member in faithful})
    assert scene.group.state is GroupState.STABLE
    answers = {member: scene.synced[scene.sync(member)].assignment for member in faithful}
    assert answers == {member: member.encode() for member in faithful}
