"""The SASL mechanisms that a broker can have, and which of them it has."""

from streamcore.broker.settings import InvalidSetting
from streamcore.wire.scram_keys import ScramMechanism

PLAIN = "PLAIN"
# PLAIN brings the password itself; it is checked against what this mechanism has kept.
PLAIN_KEPT_AS = ScramMechanism.SHA_512
MECHANISMS = (PLAIN, *ScramMechanism)


def enabled_mechanisms(text: str) -> tuple[str, ...]:
    """Read names with commas between them. Raises `InvalidSetting`."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in MECHANISMS:
            raise InvalidSetting(
                f"sasl.enabled.mechanisms: {name!r} is not one of {', '.join(MECHANISMS)}"
            )
    return names
