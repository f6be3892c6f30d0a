"""Encoded Metadata answers: clients ask the same again and again, and encoding is dear."""

from typing import NamedTuple

from streamcore.broker.security.listeners import Listener

# One entry for each distinct question (all topics, or a client's own list).
ANSWERS_MAX = 256
# Question and answer together; a larger pair is made anew each time.
PAIR_BYTES_MAX = 256 << 10


class Question(NamedTuple):
    """A request's version and its bytes, and the listener that the answer names."""

    version: int
    body: bytes
    listener: Listener = Listener()


class MetadataCache:
    """Answers to questions, until the catalogue changes. The oldest goes when it is full."""

    def __init__(self) -> None:
        self._answers: dict[Question, bytes] = {}
        self._generation = -1

    def find(self, question: Question, *, generation: int) -> bytes | None:
        if generation != self._generation:
            self._answers.clear()
            self._generation = generation
        return self._answers.get(question)

    def keep(self, question: Question, answer: bytes, *, generation: int) -> None:
        """Keep an answer that was made from the catalogue as it is at `generation`."""
        size = len(question.body) + len(answer)
        if generation != self._generation or size > PAIR_BYTES_MAX:
            return
        if len(self._answers) >= ANSWERS_MAX:
            self._answers.pop(next(iter(self._answers)))
        self._answers[question] = answer
