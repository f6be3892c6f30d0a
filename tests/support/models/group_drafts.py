"""What may be said to a modelled group, and by whom."""

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.support.models.group_commits import Wish
from tests.support.models.group_facts import GroupFacts
from tests.support.models.group_log import Place
from tests.support.models.group_members import Claim
from tests.support.models.group_offsets import subscription_of

GROUP = st.sampled_from(["g", "g", "g", "h"])
INSTANCE = st.sampled_from([None, None, "i", "j"])
METADATA = st.sampled_from([b"", b"m", subscription_of("a"), subscription_of("b")])
PROTOCOLS = st.lists(
    st.tuples(st.sampled_from(["range", "range", "sticky", "odd"]), METADATA),
    max_size=3,
    unique_by=lambda each: each[0],
).map(tuple)
COMMON = st.sampled_from(
    [
        (("range", b"m"),),
        (("range", b"m"), ("sticky", b"s")),
        (("sticky", b"s"), ("range", subscription_of("a"))),
    ]
)
ANY_PROTOCOLS = st.one_of(COMMON, COMMON, COMMON, PROTOCOLS)
PLACE = st.builds(
    Place,
    st.sampled_from(["a", "a", "a", "a", "b", "nowhere"]),
    st.sampled_from([0, 0, 0, 0, 1, 2, -1]),
)
PLACES = st.lists(PLACE, min_size=1, max_size=3, unique=True)
WISH = st.builds(
    Wish,
    PLACE,
    st.sampled_from([-1, 0, 7]),
    st.sampled_from(["", "", "mine", "\u00e4" * 10, "\u00e4" * 11, "m" * 21]),
)
WISHES = st.lists(WISH, min_size=1, max_size=3, unique_by=lambda wish: wish.place)
TIMES = [100, 500, 1_000, 3_000, 5_000, 10_000, 30_000, 61_000]


@dataclass(frozen=True)
class Who:
    """Somebody in or near a group, and how well it knows who it is."""

    kind: str
    number: int
    generation_delta: int | None
    instance: str | None

    def member_id(self, group: GroupFacts) -> str:
        there = {
            "member": [*group.members],
            "expected": [*group.expected],
            "gone": group.gone[-3:],
        }.get(self.kind) or ([*group.members] if self.kind != "nobody" else [])
        return there[self.number % len(there)] if there else ""

    def claim(self, group: GroupFacts) -> Claim:
        member_id = self.member_id(group)
        member = group.members.get(member_id)
        own = None if member is None else member.instance
        delta = self.generation_delta
        return Claim(
            member_id=member_id,
            generation=-1 if delta is None else group.generation + delta,
            instance=own if self.instance == "own" else self.instance,
        )


KIND = st.sampled_from(["member", "member", "member", "member", "expected", "gone", "nobody"])
WHO = st.builds(
    Who,
    KIND,
    st.integers(0, 3),
    st.sampled_from([0, 0, 0, 0, 0, 1, -1, None]),
    st.sampled_from(["own", "own", "own", None, "i", "j"]),
)
