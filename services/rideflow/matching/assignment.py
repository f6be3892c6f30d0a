"""Who gets whom: the cheapest pairing of a whole window at once, and what greed would do.

Minimum-weight bipartite matching on the sparse graph of rides and their candidates (Jonker and
Volgenant's algorithm as in scipy). Every ride has a column of its own that means "nobody", so
that a pairing always exists; its price says how bad it is to let this rider wait.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from rideflow.matching.candidates import Floats, Longs, PassedOver, Shortlist

UNASSIGNED = -1
# Between two equal ETAs the position that is better known wins.
_COST_S_PER_AGE_MS = 1e-5
# An explicit zero would vanish from a sparse matrix, and with it the candidate.
_COST_S_MIN = 1e-3


def costs_s(found: Shortlist, age_ms: Longs) -> Floats:
    """What each candidate costs, in seconds; infinity where he is out of the question."""
    aged = age_ms.take(found.driver) if len(age_ms) else np.zeros(found.driver.shape)
    cost = found.eta_s + aged * _COST_S_PER_AGE_MS
    return np.where(found.passed_over == PassedOver.NOT, np.maximum(cost, _COST_S_MIN), np.inf)


def assign(driver: Longs, cost_s: Floats, unassigned_s: Floats) -> Longs:
    """Return the column of the shortlist that each ride gets, or `UNASSIGNED`.

    No driver is given twice, and no other pairing costs less. A ride that has waited longer
    has a higher `unassigned_s` and so comes first where drivers are few.
    """
    rides = len(driver)
    chosen = np.full(rides, UNASSIGNED, np.int64)
    row, place = np.nonzero(np.isfinite(cost_s))
    if not len(row):
        return chosen
    present, column = np.unique(driver[row, place], return_inverse=True)
    every = np.arange(rides)
    graph = csr_matrix(
        (
            np.concatenate((cost_s[row, place], unassigned_s)),
            (np.concatenate((row, every)), np.concatenate((column, len(present) + every))),
        ),
        shape=(rides, len(present) + rides),
    )
    matched, given = min_weight_full_bipartite_matching(graph)
    is_served = given < len(present)
    served, index = matched[is_served], present[given[is_served]]
    is_it = (driver[served] == index[:, None]) & np.isfinite(cost_s[served])
    chosen[served] = is_it.argmax(axis=1)
    return chosen


def greedy(driver: Longs, cost_s: Floats) -> Longs:
    """The shadow policy: rides in order of arrival (rows) each take the cheapest still free."""
    chosen = np.full(len(driver), UNASSIGNED, np.int64)
    taken: set[int] = set()
    for ride, order in enumerate(np.argsort(cost_s, axis=1, kind="stable")):
        for place in order:
            if not np.isfinite(cost_s[ride, place]):
                break
            index = int(driver[ride, place])
            if index not in taken:
                taken.add(index)
                chosen[ride] = place
                break
    return chosen


def price_of_waiting_s(
    waited_s: Floats, *, unassigned_s: float, weight: float
) -> NDArray[np.float64]:
    """The price of leaving rides without a driver in this window."""
    return unassigned_s + weight * waited_s
