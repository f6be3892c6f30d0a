"""Names for the kinds of numpy arrays that stages hand on."""

from typing import Any

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Bytes2D = npt.NDArray[np.uint8]  # (n, width): one row of bytes a record
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
F64 = npt.NDArray[np.float64]
Index = npt.NDArray[np.integer[Any]]
Rows = npt.NDArray[np.void]  # structured: PING, POSITION; take and put by columns.rows only
