"""One fact of every driver, by slot: a flat array that grows with the number of slots."""

from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

S = TypeVar("S", bound=np.generic)


class SlotColumn(Generic[S]):
    """`values[slot]`. Growing makes a new array: hold the column, never its array."""

    def __init__(
        self, dtype: npt.DTypeLike, *, empty: object = 0, shape: tuple[int, ...] = ()
    ) -> None:
        self._empty = empty
        self.values: npt.NDArray[S] = np.full((1024, *shape), empty, dtype)

    def ensure(self, count: int) -> None:
        """Have room for slots below `count`; new ones hold the empty value."""
        old = self.values
        if count <= len(old):
            return
        shape = (max(count, 2 * len(old)), *old.shape[1:])
        self.values = np.full(shape, self._empty, old.dtype)
        self.values[: len(old)] = old
