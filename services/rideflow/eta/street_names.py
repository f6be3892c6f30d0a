"""Streets by name, for search boxes: without accents or capitals, words in any order."""

import unicodedata

import numpy as np

from rideflow.contracts.rides import Place
from rideflow.roads.pack import CityPack
from rideflow.roads.routes import stretch

_INSIDE_MIN = 3  # letters: fewer are inside of too many words


def folded(text: str) -> str:
    """Lower case, without accents: 'Östra Hamngatan' is found by 'ostra hamn'.

    >>> folded("Östra  Ågatan")
    'ostra agatan'
    """
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


class StreetNames:
    """Every named street of a pack, with a point on it."""

    def __init__(self, pack: CityPack) -> None:
        self._pack = pack
        named = np.flatnonzero(pack.graph.name >= 0)
        name, metres = pack.graph.name[named], pack.graph.length_m[named]
        self._metres = np.bincount(name, weights=metres, minlength=len(pack.names))
        # The middle of its longest stretch is a point that nobody would call a corner.
        longest = named[np.lexsort((-metres, name))]
        numbers, first = np.unique(pack.graph.name[longest], return_index=True)
        self._edge_of = dict(zip(numbers.tolist(), longest[first].tolist(), strict=True))
        self._folded = [(folded(pack.names[number]), number) for number in numbers.tolist()]

    def search(self, words: str, *, limit: int) -> list[Place]:
        """Return streets whose names have all the words, best first.

        Names that begin with what was typed come first, then those that have it at the start
        of their words, then those that have it anywhere (Kungsportsavenyn is asked for as
        "avenyn"); among equals the longer street.
        """
        wanted = folded(words)
        if not wanted:
            return []
        found = [
            (rank, -self._metres[number], number)
            for text, number in self._folded
            if (rank := _rank(text, wanted)) is not None
        ]
        return [self._place(number) for _, _, number in sorted(found)[:limit]]

    def _place(self, number: int) -> Place:
        edge = self._edge_of[number]
        middle_m = float(self._pack.graph.length_m[edge]) / 2
        lon, lat = stretch(self._pack.graph, edge, middle_m, middle_m)[0].tolist()
        return Place(lat=round(lat, 7), lon=round(lon, 7), name=self._pack.names[number])


def _rank(text: str, wanted: str) -> int | None:
    if text.startswith(wanted):
        return 0
    padded, parts = f" {text}", wanted.split()
    if all(f" {part}" in padded for part in parts):
        return 1
    if all(part in text for part in parts) and min(map(len, parts)) >= _INSIDE_MIN:
        return 2
    return None
