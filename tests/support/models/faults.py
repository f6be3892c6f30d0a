"""Faults that a test gives to a broker, to see that they are seen."""

from collections.abc import Callable
from typing import Any

import pytest

from streamcore.broker.append_round import AppendRound

Fault = Callable[[pytest.MonkeyPatch], None]


def instead(owner: Any, name: str, other: Any) -> Fault:
    """Something else is done."""
    return lambda patch: patch.setattr(owner, name, other)


def nothing(owner: Any, name: str) -> Fault:
    return instead(owner, name, lambda *_, **__: None)


def before(owner: Any, name: str, also: Callable[..., Any]) -> Fault:
    """Something else is done before."""
    usual = getattr(owner, name)

    def other(*given: Any, **named: Any) -> Any:
        also(*given, **named)
        return usual(*given, **named)

    return instead(owner, name, other)


def told_otherwise(owner: Any, name: str, changed: Callable[..., tuple[Any, ...]]) -> Fault:
    """The same is done with something else."""
    usual = getattr(owner, name)
    return instead(owner, name, lambda *given, **named: usual(*changed(*given), **named))


def acknowledge_unsynced(patch: pytest.MonkeyPatch) -> None:
    usual = AppendRound.when_kept

    def when_kept(appends: AppendRound, on_kept: Any) -> None:
        appends._waits_for_sync = appends._always_syncs = False
        usual(appends, on_kept)

    patch.setattr(AppendRound, "when_kept", when_kept)
