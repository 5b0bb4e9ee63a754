"""The ledger of what has been read of the map: by agreement, the cells of a grid that windows have touched.

A window that holds nothing of the agreement's area is counted apart: whoever walks the city by small windows is stopped
when what was read and what was asked for outside come to 1.1 times the area. Where no window is asked for (by identity,
of sites, changes) what was shown counts where it lies. A process counts in memory and brings its
count together with the database's every few seconds, so that a look costs microseconds.
"""

import re
import time
from collections.abc import Callable
from functools import cached_property, lru_cache
from itertools import chain, product
from math import ceil, floor
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
import shapely
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from pipemap.crs import transformer
from pipemap.db import Connection, Database, fetch_one
from pipemap.errors import PermissionDeniedError
from pipemap.pages import Box
from pipemap.projects import project_srid
from pipemap.sharing import audit
from pipemap.sharing.granted import Grant, Place, straight
from pipemap.sharing.precision import EXACT
from pipemap.sharing.reading import BlockingReading, Reading, now
from pipemap.sharing.requests import allowed_km2
from pipemap.sql import queries

MOST_READ = 1.1
WRITE_EVERY_S = 5.0
_CELLS_A_SIDE = 100
_THINNEST = 1e-7
_STEPS = 32
_Cell = tuple[int, int]
_VERTEX = re.compile(r"\[(-?[0-9.]+),(-?[0-9.]+)[,\]]")


class AreaExceededError(PermissionDeniedError):
    """The windows asked for lie outside of the agreement's area by more than a tenth of it. 已超出授权范围。"""

    code = "area-exceeded"


class _Sheet:
    """One agreement's cells, counted from the lower left of its area: those read, and those asked for outside."""

    def __init__(self, area: BaseGeometry) -> None:
        self.area = area
        low_x, low_y, high_x, high_y = area.bounds
        self.low_x, self.low_y = low_x, low_y
        self.lower_left = np.array([low_x, low_y, low_x, low_y])
        self.side_m = max(high_x - low_x, high_y - low_y, 1e-3) / _CELLS_A_SIDE
        self.read = np.zeros((_CELLS_A_SIDE + 1, _CELLS_A_SIDE + 1), dtype=bool)
        self.outside: set[_Cell] = set()
        self.is_changed = True
        self.written_at_s = -np.inf

    def begin_writing(self) -> bool:
        """Whether it is time to write; it is taken for written then."""
        now_s = time.monotonic()
        if not self.is_changed or now_s - self.written_at_s < WRITE_EVERY_S:
            return False
        self.is_changed, self.written_at_s = False, now_s
        return True

    def count(self, window: BaseGeometry, counts_outside: bool) -> None:
        """Count a window; AreaExceededError when it lies outside and is one too many."""
        rows, columns = self._cells(window)
        clipped = self.read[max(rows.start, 0) : max(rows.stop, 0), max(columns.start, 0) : max(columns.stop, 0)]
        if clipped.size and clipped.all() and self.area.intersects(window):
            return
        if self.area.intersects(window):
            clipped[...] = True
            self.is_changed = True
        elif counts_outside:
            self._count_outside(rows, columns)

    def count_shown(self, boxes: np.ndarray) -> None:
        """Count the cells that boxes (n, 4) of what was shown meet; they lie in the area."""
        cells = np.floor((boxes - self.lower_left) / self.side_m).astype(int)
        for low_column, low_row, high_column, high_row in set(map(tuple, cells.tolist())):
            clipped = self.read[max(low_row, 0) : high_row + 1, max(low_column, 0) : high_column + 1]
            if not clipped.all():
                clipped[...] = True
                self.is_changed = True

    def take(self, read: BaseGeometry, outside: BaseGeometry) -> None:
        """Take in what others have counted."""
        cells = np.argwhere(~self.read)
        self.read[tuple(cells[self._hold_middles(read, cells)].T)] = True
        if not outside.is_empty:
            # Part by part: between windows that lie far apart there are more cells than a machine can hold.
            parts = (product(*self._cells(part)) for part in shapely.get_parts(outside))
            cells = np.array(list(chain.from_iterable(parts)))
            found = cells[self._hold_middles(outside, cells)]
            self.outside.update((int(row), int(column)) for row, column in found)

    def copy(self) -> "_Sheet":
        """The cells as they are now."""
        made = _Sheet(self.area)
        made.read, made.outside = self.read.copy(), set(self.outside)
        return made

    def shapes(self) -> tuple[BaseGeometry, BaseGeometry]:
        """What was read, as polygons, and what was asked for outside, as cells."""
        read = shapely.intersection(shapely.union_all(self._runs()), self.area)
        outside = np.array(sorted(self.outside)).reshape(-1, 2)
        return _polygons(read), shapely.multipolygons(self._boxes(outside))

    @cached_property
    def within_m2(self) -> np.ndarray:
        """How much of each cell lies in the area; only the cells at its edge are cut."""
        boxes = self._boxes(np.argwhere(np.ones_like(self.read)))
        is_whole = shapely.covers(self.area, boxes)
        is_cut = shapely.intersects(self.area, boxes) & ~is_whole
        within_m2 = np.where(is_whole, self.side_m**2, 0.0)
        within_m2[is_cut] = shapely.area(shapely.intersection(boxes[is_cut], self.area))
        return within_m2.reshape(self.read.shape)

    def _runs(self) -> np.ndarray:
        """Rectangles of the cells read, those beside one another in a row as one."""
        edges = np.diff(np.pad(self.read, ((0, 0), (1, 1))).astype(np.int8), axis=1)
        rows, first = np.nonzero(edges > 0)
        after = np.nonzero(edges < 0)[1]
        return self._rectangles(rows, first, rows + 1, after)

    def _hold_middles(self, shape: BaseGeometry, cells: np.ndarray) -> np.ndarray:
        """Whether a shape holds the middle of each cell."""
        y, x = ((cells + 0.5) * self.side_m + [self.low_y, self.low_x]).T
        shapely.prepare(shape)
        return np.asarray(shapely.intersects_xy(shape, x, y))

    def _count_outside(self, rows: range, columns: range) -> None:
        most = (MOST_READ * self.area.area - float(self.within_m2[self.read].sum())) / self.side_m**2
        # Not by len(), which no range may have that is longer than memory.
        if (rows.stop - rows.start) * (columns.stop - columns.start) > most:
            raise AreaExceededError
        more = self.outside.union((row, column) for row in rows for column in columns)
        if len(more) > most:
            raise AreaExceededError
        self.outside = more
        self.is_changed = True

    def _cells(self, window: BaseGeometry) -> tuple[range, range]:
        low_x, low_y, high_x, high_y = window.bounds
        columns = range(floor((low_x - self.low_x) / self.side_m), ceil((high_x - self.low_x) / self.side_m) or 1)
        rows = range(floor((low_y - self.low_y) / self.side_m), ceil((high_y - self.low_y) / self.side_m) or 1)
        return rows, columns

    def _boxes(self, cells: np.ndarray) -> np.ndarray:
        rows, columns = cells.T
        return self._rectangles(rows, columns, rows + 1, columns + 1)

    def _rectangles(
        self, row: np.ndarray, column: np.ndarray, row_after: np.ndarray, column_after: np.ndarray
    ) -> np.ndarray:
        """Rectangles of cells; neighbours share their corners to the last digit."""
        low_x, low_y = self.low_x + column * self.side_m, self.low_y + row * self.side_m
        high_x, high_y = self.low_x + column_after * self.side_m, self.low_y + row_after * self.side_m
        return np.asarray(shapely.box(low_x, low_y, high_x, high_y))


class _Ledger:
    """The sheets of one database."""

    def __init__(self) -> None:
        self.sheets: dict[tuple[int, str], _Sheet] = {}
        self.lock = Lock()


_ledgers: WeakKeyDictionary[Database, _Ledger] = WeakKeyDictionary()


def charge(database: Database, grant: Grant, place: Place, srid: int) -> None:
    """Count the window of a look; AreaExceededError when too much was asked for that is not granted."""
    window = None if place.bbox is None else shapely.to_wkb(_window(place, srid))
    now(charge_window(BlockingReading(database), grant, place, window))


async def charge_window(
    reading: Reading, grant: Grant, place: Place, window: bytes | Box | None, counts_outside: bool = True
) -> None:
    """The same of a window that is known in the project's CRS: as WKB, or as a box that lies deep in the area.

    None means the whole area. `counts_outside` False leaves windows without any of the area uncounted: a map that is
    panned asks for many tiles.
    """
    if isinstance(window, tuple):
        await charge_features(reading, grant, np.array([window]))
        return
    asked = _geometry(grant.area_wkt) if window is None else shapely.from_wkb(window)
    try:
        await _count(reading, grant, lambda sheet: sheet.count(asked, counts_outside))
    except AreaExceededError:
        await reading.run(_record_stop, reading.database, grant, place)
        raise


def _record_stop(database: Database, grant: Grant, place: Place) -> None:
    details = {"agreement_id": grant.agreement_id, "bbox": place.bbox, "bbox_srid": place.bbox_srid}
    with database.transaction() as connection:
        audit.record(connection, grant.agency, "share.stopped", details)


def charge_shown(database: Database, grant: Grant, features: bytes, srid: int) -> None:
    """Count where features lie that were shown without a window being asked for.

    They are a JSON array of GeoJSON features in the CRS `srid`.
    """
    _charge_boxes(database, grant, _boxes_of(features), srid)


def charge_places(database: Database, grant: Grant, text: str, srid: int) -> None:
    """The same of very many features: where the vertices in a text of GeoJSON lie."""
    places = np.array(_VERTEX.findall(text), dtype=np.float64).reshape(-1, 2)
    _charge_boxes(database, grant, np.hstack([places, places]), srid)


def charge_boxes(database: Database, grant: Grant, boxes: np.ndarray) -> None:
    """The same of features whose boxes (n, 4) are known in the project's CRS."""
    now(charge_features(BlockingReading(database), grant, boxes))


async def charge_features(reading: Reading, grant: Grant, boxes: np.ndarray) -> None:
    """The same in a coroutine."""
    await _count(reading, grant, lambda sheet: sheet.count_shown(boxes))


def _charge_boxes(database: Database, grant: Grant, boxes: np.ndarray, srid: int) -> None:
    own_srid = project_srid(database)
    charge_boxes(database, grant, boxes if srid == own_srid else _in_project(boxes, transformer(srid, own_srid)))


async def _count(reading: Reading, grant: Grant, count: Callable[[_Sheet], None]) -> None:
    ledger = _ledgers.get(reading.database) or _ledgers.setdefault(reading.database, _Ledger())
    with ledger.lock:
        name = grant.agreement_id, grant.area_wkt
        sheet = ledger.sheets.get(name) or ledger.sheets.setdefault(name, _Sheet(_geometry(grant.area_wkt)))
        count(sheet)
        is_due = sheet.begin_writing()
    if is_due:
        await reading.run(_bring_together, reading.database, ledger.lock, grant, sheet)


def _bring_together(database: Database, lock: Lock, grant: Grant, sheet: _Sheet) -> None:
    try:
        with database.transaction() as connection:
            _write(connection, lock, grant, sheet)
    except BaseException:
        sheet.is_changed = True
        raise


def _write(connection: Connection, lock: Lock, grant: Grant, sheet: _Sheet) -> None:
    """Bring memory and database together; others count meanwhile."""
    row = fetch_one(connection, queries("ledger")["lock"], {"agreement_id": grant.agreement_id})
    assert row is not None
    with lock:
        sheet.take(shapely.from_wkb(row["area"]), shapely.from_wkb(row["outside"]))
        counted = sheet.copy()
    read, outside = counted.shapes()
    values = {"agreement_id": grant.agreement_id, "area": shapely.to_wkb(read), "outside": shapely.to_wkb(outside)}
    connection.execute(queries("ledger")["write"], values)
    if grant.position_precision == EXACT:
        _watch_total(connection, grant, row["held_m2"])


def _watch_total(connection: Connection, grant: Grant, before_m2: float) -> None:
    """Put it on record when full-feature data read under all agreements of an agency pass what it may hold."""
    allowed_m2 = allowed_km2(connection, grant.agency) * 1e6
    row = fetch_one(connection, queries("ledger")["held"], {"agency": grant.agency})
    if row is not None and before_m2 <= allowed_m2 < row["held_m2"]:
        told = {"agreement_id": grant.agreement_id, "held_km2": round(row["held_m2"] / 1e6, 2)}
        audit.record(connection, grant.agency, "share.area_approval_needed", told | {"allowed_km2": allowed_m2 / 1e6})


def _window(place: Place, srid: int) -> BaseGeometry:
    assert place.bbox is not None
    low_x, low_y, high_x, high_y = place.bbox
    # A point or a line that is asked about is a window too.
    box = shapely.box(low_x, low_y, max(high_x, low_x + _THINNEST), max(high_y, low_y + _THINNEST))
    if place.bbox_srid is None or place.bbox_srid == srid:
        return box
    dense = shapely.segmentize(
        box, max((high_x - low_x) / _STEPS, (high_y - low_y) / _STEPS, straight(place.bbox_srid))
    )
    return shapely.transform(dense, transformer(place.bbox_srid, srid).transform, interleaved=False)


def _boxes_of(features: bytes) -> np.ndarray:
    """Bounds (n, 4) of GeoJSON features."""
    collection = shapely.from_geojson(b'{"type":"FeatureCollection","features":' + features + b"}")
    return np.asarray(shapely.bounds(shapely.get_parts(collection)))


def _in_project(boxes: np.ndarray, change: Transformer) -> np.ndarray:
    eastings, northings = change.transform(boxes[:, [0, 0, 2, 2]], boxes[:, [1, 3, 1, 3]])
    return np.column_stack([eastings.min(axis=1), northings.min(axis=1), eastings.max(axis=1), northings.max(axis=1)])


def _polygons(geometry: BaseGeometry) -> BaseGeometry:
    parts = [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon" and not part.is_empty]
    return shapely.MultiPolygon(parts)


@lru_cache(256)
def _geometry(wkt: str) -> BaseGeometry:
    area = shapely.from_wkt(wkt)
    shapely.prepare(area)
    return area
