"""Streets are found by how people type them."""

import pytest

from rideflow.eta.street_names import StreetNames, folded
from rideflow.roads.city_roads import CityRoads
from tests.support.tiny_city import tiny_city


@pytest.fixture(scope="module")
def roads(tmp_path_factory: pytest.TempPathFactory) -> CityRoads:
    return CityRoads(tiny_city(tmp_path_factory.mktemp("city")))


@pytest.fixture
def streets(roads: CityRoads) -> StreetNames:
    return StreetNames(roads.pack)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [("Östra Ågatan", "ostra agatan"), ("  STORA  vägen ", "stora vagen"), ("Café", "cafe")],
)
def test_accents_and_capitals_do_not_matter(typed: str, plain: str) -> None:
    assert folded(typed) == plain


def test_words_may_come_in_any_order_and_be_cut_short(streets: StreetNames) -> None:
    assert [place.name for place in streets.search("3 colu", limit=5)] == ["Column 3"]


def test_longer_streets_come_first_and_the_list_is_limited(streets: StreetNames) -> None:
    found = [place.name for place in streets.search("row", limit=4)]
    assert len(found) == 4
    assert all(name is not None and name.startswith("Row ") for name in found)


def test_a_street_is_told_with_a_point_on_it(streets: StreetNames, roads: CityRoads) -> None:
    (place,) = streets.search("row 2", limit=5)
    spot = roads.spot(place.lat, place.lon)
    assert spot is not None
    assert roads.pack.street(spot.edge) == "Row 2"


def test_the_inside_of_a_word_is_found_where_it_says_enough(streets: StreetNames) -> None:
    assert {place.name for place in streets.search("lumn 2", limit=5)} == set()
    assert {place.name for place in streets.search("lumn", limit=50)} == {
        f"Column {number}" for number in range(8)
    }


@pytest.mark.parametrize("words", ["", "   ", "nowhere", "ow"])
def test_what_no_street_is_called_finds_nothing(streets: StreetNames, words: str) -> None:
    assert streets.search(words, limit=5) == []
