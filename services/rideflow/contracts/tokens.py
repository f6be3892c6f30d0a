"""Who may do what: the claims of a token. Signed with HS256 by the shared secret.

A driver speaks for itself alone, a fleet for its ranges of drivers, a rider for its rides,
an operator reads all.
"""

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """Who a token is for."""

    DRIVER = "driver"
    FLEET = "fleet"
    RIDER = "rider"
    OPERATOR = "operator"


class Claims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The payload of a token. `sub`: driver id, fleet id, rider id or a name; `exp`: unix s."""

    sub: str
    role: Role
    exp: int
    drivers: list[tuple[int, int]] = []  # of a fleet: inclusive ranges of driver ids

    def may_speak_for(self, driver: int) -> bool:
        if self.role is Role.DRIVER:
            return self.sub == str(driver)
        return self.role is Role.FLEET and any(low <= driver <= high for low, high in self.drivers)
