"""Where a broker listens, how peers are met there, and what address they are told.

Read from Kafka's form: `SASL_SSL://0.0.0.0:9093`, or `HOST:PORT` for PLAINTEXT.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from streamcore.broker.settings import BrokerSettings, InvalidSetting

PORT_MAX = 65_535
ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  # recognised, not listened on


class SecurityProtocol(StrEnum):
    """How peers of a listener are met (Kafka's `security.protocol`)."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def has_tls(self) -> bool:
        return self in (SecurityProtocol.SSL, SecurityProtocol.SASL_SSL)

    @property
    def has_sasl(self) -> bool:
        return self in (SecurityProtocol.SASL_PLAINTEXT, SecurityProtocol.SASL_SSL)


class Listener(NamedTuple):
    """The listener that a connection came in by: what a peer of it is told to come back to."""

    protocol: SecurityProtocol = SecurityProtocol.PLAINTEXT
    host: str = "127.0.0.1"
    port: int = 9092


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerPlan:
    """A listener as it was asked for. Port 0 is any free one."""

    protocol: SecurityProtocol
    host: str
    port: int
    advertised_host: str | None = None
    advertised_port: int | None = None

    def met_at(self, port: int) -> Listener:
        """The listener, once its port is known.

        Where all addresses are listened on and none is advertised, a connection puts in the
        one that its peer has reached.
        """
        host, advertised_port = self.advertised_host or self.host, self.advertised_port
        return Listener(self.protocol, host, advertised_port or port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.protocol}://{host}:{self.port}"


def plan_listeners(settings: BrokerSettings) -> tuple[ListenerPlan, ...]:
    """All listeners of a broker, the first of them first. Raises `InvalidSetting`."""
    texts = _parts(settings.listeners)
    if not texts:
        plans = [
            ListenerPlan(
                protocol=SecurityProtocol.PLAINTEXT,
                host=settings.listen_host,
                port=settings.listen_port,
            )
        ]
    else:
        plans = [parse_listener(text) for text in texts]
    plans[0] = replace(
        plans[0],
        advertised_host=settings.advertised_host,
        advertised_port=settings.advertised_port,
    )
    return _advertised(plans, _parts(settings.advertised_listeners))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def parse_listener(text: str) -> ListenerPlan:
    """Read one listener. Raises `InvalidSetting`."""
    protocol, separator, address = text.rpartition("://")
    known = protocol.upper() if separator else SecurityProtocol.PLAINTEXT
    if known not in tuple(SecurityProtocol):
        raise InvalidSetting(
            f"listener {text!r}: {protocol!r} is not one of {', '.join(SecurityProtocol)}"
        )
    host, port = _address(address, text)
    return ListenerPlan(protocol=SecurityProtocol(known), host=host, port=port)


def _address(address: str, text: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > PORT_MAX:
        raise InvalidSetting(f"listener {text!r} is not [PROTOCOL://]HOST:PORT")
    return host.strip("[]"), int(port)


def _advertised(plans: Sequence[ListenerPlan], texts: Sequence[str]) -> tuple[ListenerPlan, ...]:
    """Give each listener the address that stands for it: the next one of its protocol, or
    the first listener, where no protocol is named."""
    found = list(plans)
    left = {protocol: _numbers(plans, protocol) for protocol in SecurityProtocol}
    for text in texts:
        is_named = "://" in text
        wanted = parse_listener(text)
        number = next(left[wanted.protocol], None) if is_named else 0
        if number is None:
            raise InvalidSetting(f"advertised {text!r}: there is no such listener")
        found[number] = replace(
            found[number], advertised_host=wanted.host, advertised_port=wanted.port or None
        )
    return tuple(found)


def _numbers(plans: Sequence[ListenerPlan], protocol: SecurityProtocol) -> Iterator[int]:
    return (number for number, plan in enumerate(plans) if plan.protocol is protocol)
