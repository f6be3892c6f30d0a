"""Who signs with the secret is believed until the token expires; nobody else is."""

import pytest

from groundwork.simulated.clocks import VirtualClock
from rideflow.contracts.tokens import Claims, Role
from rideflow.running.tokens import BadToken, TokenKey

SECRET = "s" * 32


def _claims(clock: VirtualClock) -> Claims:
    return Claims(sub="7", role=Role.RIDER, exp=clock.now_ms() // 1000 + 60)


def test_a_signed_token_is_read_back() -> None:
    clock = VirtualClock()
    key = TokenKey(SECRET, clock)
    assert key.read(key.sign(_claims(clock))) == _claims(clock)


def test_a_token_of_another_secret_is_refused() -> None:
    clock = VirtualClock()
    foreign = TokenKey("x" * 32, clock).sign(_claims(clock))
    with pytest.raises(BadToken, match="cannot be read"):
        TokenKey(SECRET, clock).read(foreign)


def test_an_expired_token_is_refused() -> None:
    clock = VirtualClock()
    key = TokenKey(SECRET, clock)
    expired = Claims(sub="7", role=Role.RIDER, exp=clock.now_ms() // 1000 - 1)
    with pytest.raises(BadToken, match="expired"):
        key.read(key.sign(expired))


@pytest.mark.parametrize("token", ["", "not a token", "a.b.c"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(BadToken):
        TokenKey(SECRET, VirtualClock()).read(token)


def test_a_short_secret_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        TokenKey("short", VirtualClock())
