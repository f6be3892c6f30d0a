"""The table client x feature: complete, and no run passes that differs from it."""

import pytest

from tests.interop import results
from tests.interop.matrix import TABLES, kinds_of

PAIRS = [
    (kind, feature) for table in TABLES for feature in table.features for kind in kinds_of(feature)
]


def test_every_pair_has_an_outcome_or_a_reason() -> None:
    known = results.recorded()
    assert [pair for pair in PAIRS if pair[1] not in known.get(pair[0], {})] == []


def test_a_pair_that_a_client_has_not_says_why() -> None:
    for table in TABLES:
        for name, kind in table.kinds.items():
            assert set(kind.lacks) <= set(table.features), name
            assert all(kind.lacks.values()), name


def test_the_file_is_what_its_outcomes_make() -> None:
    assert results.RESULTS.read_text(encoding="utf-8") == results.as_text(results.recorded())


@pytest.mark.parametrize("recorded", ["failed", "not there"])
def test_an_outcome_that_differs_is_objected_to(recorded: str) -> None:
    known = {"kcat": {"gzip": "failed"}} if recorded == "failed" else {}
    said = results.objection("kcat", "gzip", "passed", known)
    assert said is not None
    assert recorded in said


def test_an_outcome_as_recorded_passes() -> None:
    assert results.objection("kcat", "gzip", "passed", {"kcat": {"gzip": "passed"}}) is None
