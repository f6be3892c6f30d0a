"""Groups whose members join, fall silent, come back, commit and leave, in any order, over restarts
and crashes: each is told what follows from what it and the others have said."""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from streamcore.broker.settings import FlushAcks
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import versions_of
from tests.support.models.group_agreeing import (
    all_join,
    all_live,
    all_sync,
    come_back,
    come_in,
)
from tests.support.models.group_commits import Committer, Wish
from tests.support.models.group_drafts import (
    ANY_PROTOCOLS,
    COMMON,
    GROUP,
    INSTANCE,
    PLACES,
    TIMES,
    WHO,
    WISHES,
    Who,
)
from tests.support.models.group_facts import COMPLETING, DEAD, EMPTY, STABLE, GroupFacts
from tests.support.models.group_joining import Joining
from tests.support.models.group_log import Place
from tests.support.models.group_members import Claim
from tests.support.models.group_offsets import GroupOffsets
from tests.support.models.group_world import GROUPS
from tests.support.models.lives import LIVES

KIO_LACKS = {ApiKey.DELETE_GROUPS: 3, ApiKey.TXN_OFFSET_COMMIT: 6}


def versions(api: ApiKey) -> st.SearchStrategy[int]:
    return st.sampled_from([v for v in versions_of(api) if v != KIO_LACKS.get(api)])


class GroupMachine(RuleBasedStateMachine):
    """Everything that may happen to a group."""

    world: GroupOffsets

    @initialize(
        seed=st.integers(0, 1000),
        kind=st.sampled_from(["written", "synced", "transactional"]),
        initial_delay_ms=st.sampled_from([0, 0, 3_000]),
        crowd=st.lists(INSTANCE, max_size=3),
        version=versions(ApiKey.JOIN_GROUP),
    )
    def begin(
        self, seed: int, kind: str, initial_delay_ms: int, crowd: list[str | None], version: int
    ) -> None:
        """Begin with some who are in a group already."""
        self.kind = kind
        self.world = GroupOffsets(
            seed=seed,
            flush_acks=FlushAcks.WAIT if kind == "synced" else FlushAcks.WRITTEN,
            initial_delay_ms=initial_delay_ms,
            committers=[
                Committer(f"tx-{number}", is_new=bool(number))
                for number in range(2 if kind == "transactional" else 0)
            ],
        )
        for instance in crowd:
            self.come_in("g", version, instance, (("range", b"m"), ("sticky", b"s")))
        self.world.pass_time(initial_delay_ms or 100)
        self.do_as_told("g", version, 5)

    def group(self, name: str) -> GroupFacts:
        return self.world.facts[name]

    def are_any(self, is_so: Callable[[GroupFacts], bool]) -> bool:
        return any(is_so(group) for group in self.world.facts.values())

    # Members

    @rule(
        name=GROUP,
        version=versions(ApiKey.JOIN_GROUP),
        who=WHO,
        is_new=st.booleans(),
        instance=INSTANCE,
        protocols=ANY_PROTOCOLS,
        session_ms=st.sampled_from([10_000, 10_000, 1_000, 60_000, 999, 1_800_001]),
        rebalance_ms=st.sampled_from([5_000, 2_000, 20_000]),
        protocol_type=st.sampled_from(["consumer", "consumer", "consumer", "connect", ""]),
    )
    def join(
        self, name: str, version: int, who: Who, is_new: bool, instance: str | None, **said: object
    ) -> None:
        group = self.group(name)
        claim = who.claim(group)
        joining = Joining(
            version=version,
            member_id="" if is_new else claim.member_id,
            instance=instance if is_new else claim.instance,
            **said,  # type: ignore[arg-type]  # the strategies above
        )
        self.world.join(group, joining)

    @rule(name=GROUP, version=versions(ApiKey.JOIN_GROUP), instance=INSTANCE, protocols=COMMON)
    def come_in(
        self, name: str, version: int, instance: str | None, protocols: tuple[tuple[str, bytes]]
    ) -> None:
        """Join as a client does."""
        come_in(self.world, self.group(name), version, protocols, instance)

    @rule(name=GROUP, version=versions(ApiKey.JOIN_GROUP), sync=versions(ApiKey.SYNC_GROUP))
    def do_as_told(self, name: str, version: int, sync: int) -> None:
        """All members join and sync, as far as that goes."""
        group = self.group(name)
        come_back(self.world, group, version, (("range", b"m"),))
        all_join(self.world, group, version)
        all_sync(self.world, group, sync)
        is_early = group.is_first_round and group.opens_ms > self.world.now_ms
        is_whole = bool(group.members) and not is_early and not group.expected
        assert group.state == STABLE or not is_whole, "all agree, to no end"

    @precondition(lambda self: self.are_any(lambda group: group.state == COMPLETING))
    @rule(name=GROUP, version=versions(ApiKey.SYNC_GROUP))
    def sync_all(self, name: str, version: int) -> None:
        all_sync(self.world, self.group(name), version)

    @rule(
        name=GROUP,
        version=versions(ApiKey.SYNC_GROUP),
        who=WHO,
        protocol=st.sampled_from(["own", "own", "own", "odd", None]),
        protocol_type=st.sampled_from(["own", "own", "own", "odd", None]),
    )
    def sync(
        self, name: str, version: int, who: Who, protocol: str | None, protocol_type: str | None
    ) -> None:
        group = self.group(name)
        agreed = "" if group.current is None else group.current.protocol
        self.world.sync(
            group,
            who.claim(group),
            version,
            plan=dict.fromkeys(group.members, b"new"),
            protocol=agreed if protocol == "own" else protocol,
            protocol_type=group.protocol_type if protocol_type == "own" else protocol_type,
        )

    @rule(name=GROUP, version=versions(ApiKey.HEARTBEAT), who=WHO)
    def heartbeat(self, name: str, version: int, who: Who) -> None:
        group = self.group(name)
        self.world.heartbeat(group, who.claim(group), version)

    @rule(name=GROUP, version=versions(ApiKey.HEARTBEAT))
    def live_on(self, name: str, version: int) -> None:
        """All members show that they live, for longer than a session."""
        for _ in range(2):
            all_live(self.world, self.group(name), version)
            self.world.pass_time(6_000)

    @rule(
        name=GROUP,
        version=versions(ApiKey.LEAVE_GROUP),
        leaving=st.lists(WHO, min_size=1, max_size=2),
        is_by_instance=st.booleans(),
    )
    def leave(self, name: str, version: int, leaving: list[Who], is_by_instance: bool) -> None:
        group = self.group(name)
        claims = [who.claim(group) for who in leaving]
        self.world.leave(
            group,
            version,
            [
                ("" if is_by_instance and claim.instance else claim.member_id, claim.instance)
                for claim in claims
            ],
        )

    @precondition(lambda self: self.are_any(lambda group: any(group.waiting)))
    @rule(name=GROUP, number=st.integers(0, 3))
    def hang_up(self, name: str, number: int) -> None:
        group = self.group(name)
        waiting = group.waiting
        if waiting:
            self.world.hang_up(group, waiting[number % len(waiting)])

    # Offsets

    @rule(name=GROUP, version=versions(ApiKey.OFFSET_COMMIT), who=WHO, wishes=WISHES)
    def commit(self, name: str, version: int, who: Who, wishes: list[Wish]) -> None:
        group = self.group(name)
        self.world.commit(group, who.claim(group), version, wishes)

    @rule(name=GROUP, version=versions(ApiKey.OFFSET_COMMIT), wishes=WISHES)
    def commit_alone(self, name: str, version: int, wishes: list[Wish]) -> None:
        """As a consumer does that assigns partitions to itself."""
        self.world.commit(self.group(name), Claim(member_id=""), version, wishes)

    @precondition(lambda self: self.kind == "transactional")
    @rule(
        name=GROUP,
        number=st.integers(0, 1),
        who=st.one_of(st.none(), WHO),
        wishes=WISHES,
        choice=st.integers(0, 4),
    )
    def commit_in_transaction(
        self, name: str, number: int, who: Who | None, wishes: list[Wish], choice: int
    ) -> None:
        group, committer = self.group(name), self.world.committers[number]
        version = committer.commit_versions[choice % len(committer.commit_versions)]
        claim = Claim(member_id="") if who is None else who.claim(group)
        self.world.commit_in_transaction(group, committer, claim, version, wishes)

    @precondition(lambda self: any(each.open for each in self.world.committers))
    @rule(number=st.integers(0, 1), commit=st.booleans(), choice=st.integers(0, 4))
    def end_transaction(self, number: int, commit: bool, choice: int) -> None:
        committer = self.world.committers[number]
        version = committer.end_versions[choice % len(committer.end_versions)]
        self.world.end_transaction(committer, version, commit=commit)
        self.fetch_all()

    @rule(
        version=versions(ApiKey.OFFSET_FETCH),
        wanted=st.dictionaries(GROUP, st.one_of(st.none(), PLACES), min_size=1),
        is_stable=st.booleans(),
    )
    def fetch(self, version: int, wanted: dict[str, list[Place] | None], is_stable: bool) -> None:
        self.world.fetch(version, wanted, is_stable=is_stable)

    @rule(
        version=versions(ApiKey.LIST_GROUPS),
        states=st.lists(st.sampled_from(["Empty", "Stable", "PreparingRebalance"]), max_size=2),
        types=st.sampled_from([[], [], ["classic"], ["consumer"]]),
    )
    def list_groups(self, version: int, states: list[str], types: list[str]) -> None:
        self.world.list_groups(version, states, types)

    @rule(
        version=versions(ApiKey.DELETE_GROUPS),
        names=st.lists(GROUP, min_size=1, max_size=2, unique=True),
    )
    def delete_groups(self, version: int, names: list[str]) -> None:
        self.world.delete_groups(version, names)

    @rule(name=GROUP, places=PLACES)
    def delete_offsets(self, name: str, places: list[Place]) -> None:
        self.world.delete_offsets(self.group(name), places)

    # Time and restarts

    @rule(ms=st.sampled_from(TIMES))
    def pass_time(self, ms: int) -> None:
        self.world.pass_time(ms)

    @rule()
    def be_left_alone(self) -> None:
        """Nobody says anything any more: then nobody is a member, nor waits for an answer."""
        for _ in range(4):
            self.world.pass_time(61_000)
        for group in self.world.facts.values():
            assert group.state in (EMPTY, DEAD), "a group of nobody goes on"
            assert not group.places_taken

    @rule(how=st.sampled_from(["end", "kill", "lose power"]))
    def restart(self, how: str) -> None:
        if how == "end":
            self.world.end()
        elif how == "kill" or self.kind == "transactional":
            self.world.kill()
        else:
            self.world.lose_power()
        self.fetch_all()

    def fetch_all(self) -> None:
        self.world.fetch(8, dict.fromkeys(GROUPS), is_stable=True)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.broker.discard()


TestGroups = GroupMachine.TestCase
TestGroups.settings = LIVES
