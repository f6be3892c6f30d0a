"""Committed offsets of a group, as the log of them would have it: the last word counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Place(NamedTuple):
    topic: str
    partition: int


class Committed(NamedTuple):
    offset: int
    metadata: str
    leader_epoch: int


@dataclass(slots=True, eq=False)
class Word:
    """One entry of the log: an offset, or with None that there is none any more."""

    value: Committed | None
    written_ms: int
    is_promised: bool = False  # it survives whatever comes


@dataclass(slots=True)
class OffsetsModel:
    """What was written for each partition, and what is told of it."""

    words: dict[Place, list[Word]] = field(default_factory=dict)
    told: dict[Place, Word] = field(default_factory=dict)

    def write(self, place: Place, value: Committed | None, now_ms: int) -> Word:
        word = Word(value, now_ms)
        self.words.setdefault(place, []).append(word)
        return word

    def tell(self, place: Place, word: Word) -> None:
        """From now on this is what is committed."""
        if word.value is None:
            self.told.pop(place, None)
        else:
            self.told[place] = word

    def forget(self, place: Place, now_ms: int) -> None:
        self.tell(place, self.write(place, None, now_ms))

    def promise(self, until_ms: int) -> None:
        """What was written by then is on the disk."""
        for words in self.words.values():
            for word in words:
                word.is_promised = word.is_promised or word.written_ms <= until_ms

    def after_kill(self) -> None:
        """The last words are true, whether somebody was told so or not."""
        self.told.clear()
        for place, words in self.words.items():
            self.tell(place, words[-1])

    def after_power_loss(self, found: Mapping[Place, Committed]) -> None:
        """Take what is found for true, if it is no older than what was promised."""
        assert found.keys() <= self.words.keys(), "nobody committed that"
        self.told.clear()
        for place, words in self.words.items():
            value = found.get(place)
            promised = max((n for n, word in enumerate(words) if word.is_promised), default=-1)
            allowed = words[max(promised, 0) :]
            is_allowed = value is None and promised < 0
            assert is_allowed or value in [word.value for word in allowed], (
                "an acknowledged commit is gone, or an older one is back"
            )
            while words and words[-1].value != value:
                words.pop()
            if words:
                self.tell(place, words[-1])
