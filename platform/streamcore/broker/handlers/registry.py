"""The seam between connections and APIs: what a handler declares, is given and may return.

A handler returns the *body* of its response (the connection adds length, correlation id
and header tags), or nothing where the protocol wants no answer (Produce with acks=0), or
a `PendingReply` that somebody resolves later. Answers of a connection leave in the order
of its requests. Behind a pending reply the connection's next frames wait unhandled in
its bounded receive buffer, as in Kafka, unless the reply says that they need not.

A handler raises `Malformed` for a body that does not follow the schema: the connection is
closed with a journal line that names the peer, the API and the byte.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from streamcore.broker.security.listeners import Listener
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey

if TYPE_CHECKING:
    # Most brokers have no listener with SASL, and are ready sooner without it.
    from streamcore.broker.security.authentication import Authentication

ReplyBody: TypeAlias = bytes | list[bytes | memoryview]


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler knows about its request beside the body.

    A connection makes one for each API and version and hands it out again and again.
    """

    api_key: int
    api_version: int
    client_id: str | None
    client_host: str
    flexible: bool
    peer: str = ""  # address and port
    listener: Listener = Listener()  # noqa: RUF009  # immutable
    authentication: "Authentication | None" = None  # where the listener has SASL


class PendingReply:
    """A reply that is still to come. It is answered at most once, whatever races for it.

    `on_abandoned` is called when the connection has gone before the answer; whoever
    holds the reply then forgets it. Resolving an abandoned reply does nothing.
    """

    __slots__ = ("_on_resolved", "body", "holds_later_frames", "is_over", "on_abandoned")

    def __init__(
        self, *, holds_later_frames: bool = True, on_abandoned: Callable[[], None] | None = None
    ) -> None:
        self.holds_later_frames = holds_later_frames
        self.on_abandoned = on_abandoned
        self.body: ReplyBody | None = None
        self.is_over = False
        self._on_resolved: Callable[[], None] | None = None

    def resolve(self, body: ReplyBody) -> bool:
        """Answer with `body`. False, and no effect, when it is answered or abandoned already."""
        if self.is_over:
            return False
        self.is_over = True
        self.body = body
        if self._on_resolved is not None:
            self._on_resolved()
        return True

    def tell(self, on_resolved: Callable[[], None]) -> None:
        """Have the connection called as soon as the body is there (at once if it is)."""
        if self.is_over:
            on_resolved()
        else:
            self._on_resolved = on_resolved

    def abandon(self) -> None:
        """The connection has gone: nobody wants this answer any more."""
        if not self.is_over:
            self.is_over = True
            if self.on_abandoned is not None:
                self.on_abandoned()


Reply: TypeAlias = ReplyBody | PendingReply | None

# The body view is valid during the call only: it lies in the connection's receive buffer.
Answer: TypeAlias = Callable[[BrokerServices, Request, memoryview], Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """One API: its key, the versions that are whole, and the function that answers.

    `flexible_from` is the first version with compact encoding and tagged fields in
    request and response (KIP-482), None where no listed version has them. `listed_from` is
    for clients that judge a broker by the lowest version in its list, whatever they use.
    """

    api_key: ApiKey
    name: str
    min_version: int
    max_version: int
    flexible_from: int | None
    answer: Answer
    listed_from: int | None = None

    @property
    def min_version_listed(self) -> int:
        """From which version on ApiVersions lists it."""
        return self.min_version if self.listed_from is None else self.listed_from

    def is_flexible(self, version: int) -> bool:
        return self.flexible_from is not None and version >= self.flexible_from


class Registry:
    """All handlers of a broker. The ApiVersions answer and docs/PROTOCOL.md come from it."""

    def __init__(self, handlers: Sequence[Handler]) -> None:
        self.handlers = tuple(sorted(handlers, key=lambda handler: handler.api_key))
        self._by_key = {int(handler.api_key): handler for handler in self.handlers}
        assert len(self._by_key) == len(self.handlers), "two handlers for one API"

    def find(self, api_key: int) -> Handler | None:
        return self._by_key.get(api_key)
