"""H3 cells of many places at once, through a raster that remembers.

H3 knows one place at a time, at 0.75 us each. The Earth is cut into raster cells far smaller
than the H3 cells asked for; the first place in a raster cell asks H3 for the cell of the
raster cell's centre, all later ones gather it. So the answer is exact for that centre, and a
place nearer than half a raster step to a border may be counted to the neighbour: a choice,
since regions and areas are groupings, not borders that anything legal hangs on. What matters
is that equal places always give equal cells, in every process.

Raster cells lie in tiles of 128 x 128, the pages of a `PagedTable`, so that a city touches a
few of them. When the tiles are used up all are forgotten and asked for anew: a process that
sees the whole Earth pays H3's price, and no more memory.
"""

from typing import Final

import h3.api.basic_int as h3
import numpy as np

from rideflow.columns.arrays import I32, I64, U64
from rideflow.columns.paged_table import PagedTable, TableFull
from rideflow.contracts.ids import AREA_RESOLUTION, REGION_RESOLUTION

_TILE_BITS: Final = 7
_TILE_MASK: Final = (1 << _TILE_BITS) - 1
_LAT_SPAN_E7: Final = 1_800_000_000
_LON_SPAN_E7: Final = 3_600_000_000
_TILES_MAX: Final = 1024  # x 64 KiB
# 0.002 degrees are 220 m, a sixteenth of a region's edge; 0.0005 a tenth of an area cell's.
_STEP_E7_OF_RESOLUTION: Final = {REGION_RESOLUTION: 20_000, AREA_RESOLUTION: 5_000}


class CellRaster:
    """Places to H3 cells of one resolution: REGION_RESOLUTION or AREA_RESOLUTION."""

    def __init__(self, *, resolution: int) -> None:
        self._resolution: Final = resolution
        self._step_e7: Final = _STEP_E7_OF_RESOLUTION[resolution]
        self._tile_columns: Final = (_LON_SPAN_E7 // self._step_e7 >> _TILE_BITS) + 1
        tile_rows = (_LAT_SPAN_E7 // self._step_e7 >> _TILE_BITS) + 1
        self._table = PagedTable(
            keys_max=(tile_rows * self._tile_columns << 2 * _TILE_BITS) - 1,
            page_bits=2 * _TILE_BITS,
            pages_max=_TILES_MAX,
        )
        self._number_of: dict[int, int] = {}
        self._cells: list[int] = []
        self._cells_array: U64 = np.zeros(0, np.uint64)

    @property
    def cells(self) -> U64:
        """The H3 index of each dense cell number given so far."""
        if len(self._cells_array) != len(self._cells):
            self._cells_array = np.array(self._cells, np.uint64)
        return self._cells_array

    def numbers_of(self, lat_e7: I32, lon_e7: I32) -> I32:
        """Return the dense number of each place's cell: an index into `cells`.

        Places must be on Earth: |lat| <= 90 and |lon| <= 180 degrees.
        """
        keys = self._keys_of(lat_e7, lon_e7)
        try:
            return self._remembered(keys)
        except TableFull:
            self._table.clear()
            distinct, back = np.unique(keys, return_inverse=True)
            return self._asked(distinct).take(back)

    def cells_of(self, lat_e7: I32, lon_e7: I32) -> U64:
        """Return the H3 index of each place's cell."""
        numbers = self.numbers_of(lat_e7, lon_e7)
        return self.cells.take(numbers)

    def number_of_cell(self, cell: int) -> int:
        """Return the dense number of a cell; given now where no place was in it yet."""
        number = self._number_of.get(cell)
        if number is None:
            number = self._number_of[cell] = len(self._cells)
            self._cells.append(cell)
        return number

    def _keys_of(self, lat_e7: I32, lon_e7: I32) -> I64:
        rows = (lat_e7.astype(np.int64) + _LAT_SPAN_E7 // 2) // self._step_e7
        columns = (lon_e7.astype(np.int64) + _LON_SPAN_E7 // 2) // self._step_e7
        tiles = (rows >> _TILE_BITS) * self._tile_columns + (columns >> _TILE_BITS)
        within = ((rows & _TILE_MASK) << _TILE_BITS) | (columns & _TILE_MASK)
        return (tiles << 2 * _TILE_BITS) | within

    def _remembered(self, keys: I64) -> I32:
        numbers = self._table.take(keys) - np.int32(1)
        if len(numbers) and int(numbers.min()) < 0:
            distinct = np.unique(keys[numbers < 0])
            self._table.put(distinct, self._asked(distinct) + np.int32(1))
            numbers = self._table.take(keys) - np.int32(1)
        return numbers

    def _asked(self, keys: I64) -> I32:
        numbers = [self.number_of_cell(cell) for cell in map(self._cell_of_key, keys.tolist())]
        return np.array(numbers, np.int32)

    def _cell_of_key(self, key: int) -> int:
        tile, within = key >> 2 * _TILE_BITS, key & ((1 << 2 * _TILE_BITS) - 1)
        row = (tile // self._tile_columns << _TILE_BITS) | (within >> _TILE_BITS)
        column = (tile % self._tile_columns << _TILE_BITS) | (within & _TILE_MASK)
        lat = ((row + 0.5) * self._step_e7 - _LAT_SPAN_E7 / 2) / 1e7
        lon = ((column + 0.5) * self._step_e7 - _LON_SPAN_E7 / 2) / 1e7
        return int(h3.latlng_to_cell(lat, lon, self._resolution))
