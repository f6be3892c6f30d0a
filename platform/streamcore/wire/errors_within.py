"""What is refused in an answer, in short: each error code once, with the first place it stands at.

The broker's journal is made from it. It is worked out when an answer is encoded that has an
error code in it, so that a large answer need not be kept until it is sent; and it stays small,
however much was refused, and however long the names are that a peer has sent.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from streamcore.wire.declared import Part, declared_fields
from streamcore.wire.kinds import ERROR_CODE, ERROR_MESSAGE
from streamcore.wire.topic_ids import NO_TOPIC_ID

# Characters of a name that a peer has sent, and of a reason that may repeat such names.
NAME_SHOWN: Final = 100
REASON_SHOWN: Final = 300
# Fields that say what an answer, or a part of one, is about; and how they are called.
LABELS: Final = {
    "group_id": "group",
    "group_instance_id": "instance",
    "key": "key",
    "log_dir": "folder",
    "member_id": "member",
    "name": "topic",
    "partition": "partition",
    "partition_id": "partition",
    "partition_index": "partition",
    "resource_name": "settings of",
    "topic": "topic",
    "topic_id": "topic id",
    "transactional_id": "transactional id",
    "user": "user",
}


class AnsweredError(NamedTuple):
    """An error code of an answer: at which place first, why there, and at how many more."""

    error: int
    place: str
    reason: str
    more: int = 0


class AnswerWithErrors(bytes):
    """An encoded answer that refuses something."""

    errors: Sequence[AnsweredError]

    def __new__(cls, encoded: bytes, errors: Sequence[AnsweredError]) -> "AnswerWithErrors":
        answer = super().__new__(cls, encoded)
        answer.errors = errors
        return answer


class ErrorTally:
    """Counts the errors of one answer."""

    def __init__(self) -> None:
        self._first: dict[int, tuple[str, str]] = {}
        self._counts: dict[int, int] = {}

    def note(self, error: int, place: Callable[[], str], reason: str | None = None) -> None:
        count = self._counts[error] = self._counts.get(error, 0) + 1
        if count == 1:
            self._first[error] = place(), _printable(reason or "")

    def errors(self) -> Sequence[AnsweredError]:
        return tuple(
            AnsweredError(error, *first, self._counts[error] - 1)
            for error, first in self._first.items()
        )


def place_of(**names: object) -> str:
    """Say in words what something is about. Names are those of the protocol's fields."""
    return _in_words(names.items())


def errors_within(answer: Part, about: Part | None = None) -> Sequence[AnsweredError]:
    """Find the error codes of an answer to the request `about`."""
    tally = ErrorTally()
    _search(answer, () if about is None else (about,), tally)
    return tally.errors()


class _Plan(NamedTuple):
    """Where to look in the parts of one class."""

    codes: Sequence[str]
    reason: str | None
    within: Sequence[str]


def _search(part: Part, around: tuple[Part, ...], tally: ErrorTally) -> None:
    plan = _plan_of(type(part))
    around = (*around, part)
    for field in plan.codes:
        error = getattr(part, field)
        if error:
            reason = None if plan.reason is None else getattr(part, plan.reason)
            tally.note(error, lambda: _in_words(_names(around)), reason)
    for field in plan.within:
        value = getattr(part, field)
        for inner in (value,) if isinstance(value, Part) else value or ():
            _search(inner, around, tally)


# Bounded by what is declared.
_PLANS: dict[type[Any], _Plan] = {}


def _plan_of(part: type[Any]) -> _Plan:
    plan = _PLANS.get(part)
    if plan is None:
        plan = _PLANS[part] = _make_plan(part)
    return plan


def _make_plan(of: type[Any]) -> _Plan:
    fields = [(name, kind) for name, kind, _, _ in declared_fields(of)]
    return _Plan(
        codes=[name for name, kind in fields if kind is ERROR_CODE],
        reason=next((name for name, kind in fields if kind is ERROR_MESSAGE), None),
        within=[name for name, kind in fields if _may_refuse(kind)],
    )


def _may_refuse(kind: Any) -> bool:
    """Whether values of a kind are parts that have error codes in them, or rows of such."""
    while kind is not None and not isinstance(kind, type):
        kind = getattr(kind, "of", None)
    if kind is None:
        return False
    plan = _plan_of(kind)
    return bool(plan.codes or plan.within)


def _names(around: Sequence[Part]) -> Iterator[tuple[str, object]]:
    """What the parts from the outermost to the innermost are called, without repetitions."""
    said: set[tuple[str, object]] = set()
    for part in around:
        for name, _, _, _ in declared_fields(type(part)):
            pair = name, getattr(part, name)
            if name in LABELS and pair not in said:
                said.add(pair)
                yield pair


def _in_words(names: Iterable[tuple[str, object]]) -> str:
    return ", ".join(
        f"{LABELS[name]} {_shown(value)}"
        for name, value in names
        if value not in (None, "", NO_TOPIC_ID)
    )


def _shown(value: object) -> str:
    if isinstance(value, int | UUID):
        return str(value)
    text = str(value)
    return repr(text if len(text) <= NAME_SHOWN else f"{text[:NAME_SHOWN]}\N{HORIZONTAL ELLIPSIS}")


def _printable(text: str) -> str:
    """Text that keeps to one line of the journal, and to some length."""
    return repr(text[:REASON_SHOWN])[1:-1]
