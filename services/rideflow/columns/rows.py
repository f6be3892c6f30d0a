"""Gather and scatter of structured rows, at the cost of plain bytes.

numpy copies a structured row field by field when it is indexed by an array: 71 ns a row to
gather and 200 to scatter, against 2.5 and 11 through `take` and `put` on the same rows seen
as opaque bytes (measured; see docs/decisions). So stages index rows only through these.
"""

import numpy as np

from rideflow.columns.arrays import Index, Rows


def take_rows(rows: Rows, index: Index) -> Rows:
    """Return `rows[index]`, a copy."""
    opaque = rows.view(f"V{rows.dtype.itemsize}")
    return opaque.take(index).view(rows.dtype)


def put_rows(rows: Rows, index: Index, values: Rows) -> None:
    """Do `rows[index] = values`. Of rows named twice the last one stays."""
    width = f"V{rows.dtype.itemsize}"
    np.put(rows.view(width), index, values.view(width))
