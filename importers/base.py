"""What every reader yields: rows exactly as the file says, with the place they stood at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import shapely
from pyproj import CRS

from schemas.findings import Finding

# A row of a file can become several rows here; this column is true on all of them but one.
DERIVED = "__derived__"


@dataclass
class RecordTable:
    """One sheet, layer or table of a delivered file, before any meaning is given to it.

    `rows` holds the cells as read (text, numbers or None), one column per source column; its index is
    the row number as a person counts it in the file (header included), or the feature number for
    drawings and layers. `shapes`, when the format has them, are aligned with `rows`, in x easting,
    y northing: shapely geometries in an object array, or well-known binary in an Arrow one. `role` is
    what the reader already knows: a format with fixed meaning says "node", "segment", "consumer" or
    "structure", others leave it to the profile. Every profile knows the attributes of
    `importers.profiles.ATTRIBUTES` by their own names too, so a reader of a fixed format names its
    columns by them. `skipped_rows` counts rows that are left out of `rows` because they hold nothing
    to load, for example totals; `refused_rows` those left out because the reader could not read them:
    a finding tells of each. `folder` is the name of the folder of an archive that the file lies in. `said` are the
    columns that lines above or between the rows say, not the table itself.
    """

    file: str
    sheet: str
    rows: pd.DataFrame
    shapes: npt.NDArray[np.object_] | pa.Array | None = None
    crs: CRS | None = None
    role: str | None = None
    skipped_rows: int = 0
    refused_rows: int = 0
    findings: list[Finding] = field(default_factory=list)
    title: str | None = None
    folder: str | None = None
    said: frozenset[str] = frozenset()

    @cached_property
    def geometry(self) -> npt.NDArray[np.object_] | None:
        """The shapes as shapely geometries, made when they are first asked for."""
        if not isinstance(self.shapes, pa.Array):
            return self.shapes
        return np.asarray(shapely.from_wkb(self.shapes.to_numpy(zero_copy_only=False)))


class Reader(Protocol):
    """A reader of one family of formats, found through the entry points `pipemap.importers`."""

    name: str

    def accepts(self, path: Path) -> bool:
        """Whether the file's name and first bytes are of this family."""
        ...

    def read(self, paths: Sequence[Path], options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield the tables of the files.

        `options` is the `[reader]` section of the profile that was given, with it as `profile`, and
        `delivered`, the names of all files of the delivery.

        Raises
        ------
        SourceError
            When a file cannot be opened or is not what it claims to be: one sentence that names the
            file and what to do.
        """
        ...
