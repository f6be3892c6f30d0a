"""Strangers see names that rotate and places that are rounded."""

import numpy as np

from rideflow.geo.privacy import BLUR_E7, PSEUDONYM_MS, blurred_e7, pseudonyms

DRIVERS = np.arange(1, 30_001, dtype=np.uint64)


def test_a_name_lasts_ten_minutes_and_then_changes() -> None:
    early = pseudonyms(DRIVERS, key=7, at_ms=0)
    late = pseudonyms(DRIVERS, key=7, at_ms=PSEUDONYM_MS - 1)
    after = pseudonyms(DRIVERS, key=7, at_ms=PSEUDONYM_MS)
    assert (early == late).all()
    assert (early != after).mean() > 0.999


def test_another_key_gives_other_names() -> None:
    assert (
        pseudonyms(DRIVERS, key=1, at_ms=0) != pseudonyms(DRIVERS, key=2, at_ms=0)
    ).mean() > 0.999


def test_drivers_hardly_ever_share_a_name() -> None:
    assert len(np.unique(pseudonyms(DRIVERS, key=1, at_ms=0))) >= len(DRIVERS) - 5


def test_places_move_by_half_a_step_at_most() -> None:
    places = np.array([577_000_001, -577_000_999, 0, -1, 999, 1_000], np.int32)
    assert np.abs(blurred_e7(places) - places).max() <= BLUR_E7 // 2
    assert (blurred_e7(places) % BLUR_E7 == 0).all()
