"""What a setting of a topic may be, and how a text is checked against it."""

import math
import re
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from streamcore.broker.settings import BrokerSettings

INT_MAX: Final = (1 << 31) - 1
LONG_MAX: Final = (1 << 63) - 1
_WHOLE_NUMBER: Final = re.compile(r"[+-]?[0-9]+")


class ConfigType(IntEnum):
    """The `config_type` of DescribeConfigs (KIP-569)."""

    BOOLEAN = 1
    STRING = 2
    INT = 3
    LONG = 5
    DOUBLE = 6
    LIST = 7


class InvalidConfig(Exception):
    """A topic setting that does not exist, or a value it cannot have."""


def list_items(value: str) -> list[str]:
    """The items of a list, each once, in their order."""
    items = (item.strip() for item in value.split(","))
    return list(dict.fromkeys(item for item in items if item))


class ConfigDefinition(NamedTuple):
    """One setting of a topic. `says` is for people, and is sent to who asks for it.

    Its default is a value, or the `setting` of the broker. `broker_name` is what Kafka calls
    the broker's setting under it. Where `inert` says why it can have no effect here, nothing
    but the default is taken: nobody shall believe in a setting that does nothing.
    """

    name: str
    type: ConfigType
    says: str
    fixed_default: str = ""
    setting: str = ""
    broker_name: str | None = None
    lowest: int | None = None
    highest: int | None = None
    besides: Sequence[int] = ()  # numbers out of bounds that have a meaning of their own
    choices: Sequence[str] = ()
    inert: str = ""

    def default(self, settings: BrokerSettings) -> str:
        return str(getattr(settings, self.setting)) if self.setting else self.fixed_default

    def checked(self, value: str | None) -> str:
        """Return the value that is kept. Raises `InvalidConfig`, saying what is wrong."""
        if value is None:
            raise InvalidConfig(f"{self.name} has no value")
        kept = self._parsed(value.strip())
        if self.inert and kept != self.fixed_default:
            raise InvalidConfig(
                f"{self.name}={kept} would have no effect, only {self.fixed_default!r} is taken:"
                f" {self.inert}"
            )
        return kept

    def _parsed(self, value: str) -> str:
        match self.type:
            case ConfigType.LIST:
                return ",".join(self._chosen(item) for item in list_items(value))
            case ConfigType.STRING:
                return self._chosen(value)
            case ConfigType.BOOLEAN:
                if value.lower() not in ("true", "false"):
                    raise InvalidConfig(f"{self.name}: {value!r} is neither true nor false")
                return value.lower()
            case ConfigType.DOUBLE:
                return self._parsed_fraction(value)
            case _:
                return self._parsed_number(value)

    def _chosen(self, value: str) -> str:
        if self.choices and value not in self.choices:
            raise InvalidConfig(
                f"{self.name}: {value!r} is not supported; it can be {', '.join(self.choices)}"
            )
        return value

    def _parsed_fraction(self, value: str) -> str:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InvalidConfig(f"{self.name}: {value!r} is not a number")
        self._check_bounds(number)
        return str(number)

    def _parsed_number(self, value: str) -> str:
        if not _WHOLE_NUMBER.fullmatch(value):
            raise InvalidConfig(f"{self.name}: {value!r} is not a whole number")
        number = int(value)
        if number not in self.besides:
            self._check_bounds(number)
        return str(number)

    def _check_bounds(self, number: float) -> None:
        highest = self.highest
        if highest is None:
            highest = INT_MAX if self.type is ConfigType.INT else LONG_MAX
        lowest = -highest - 1 if self.lowest is None else self.lowest
        if number < lowest:
            raise InvalidConfig(f"{self.name}: {number} is less than {lowest}")
        if number > highest:
            raise InvalidConfig(f"{self.name}: {number} is more than {highest}")
