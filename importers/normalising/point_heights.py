"""Heights of pipes that stand in the table of points: a depth, a level, the inverts of what comes in and goes out."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from importers.normalising.cells import Floats
from importers.normalising.compact import DATUM, codes
from importers.normalising.ledger import Ledger
from importers.profiles import OF_PIPES
from importers.proposing.vocabulary import datum_in_name
from schemas.findings import Severity

_NODES = {"from": ("from_node", "outlet_invert_m"), "to": ("to_node", "inlet_invert_m")}


def with_heights_of_points(
    nodes: pd.DataFrame, segments: pd.DataFrame, columns: Mapping[int, Mapping[str, str]], ledger: Ledger
) -> pd.DataFrame:
    """Segments whose ends without any height of their own have the one that their point gives, and its datum.

    An inlet's invert is of the one pipe that ends at the point; where several do, it is of none of them. `columns`
    are source columns by attribute of every table.
    """
    if not any(name in nodes for name in OF_PIPES):
        return segments
    segments = segments.copy()
    datum = codes(segments["depth_datum_code"])
    taken = np.zeros(len(segments), dtype=bool)
    for end, (node, invert) in _NODES.items():
        at = segments[node].to_numpy()
        is_bare = np.isnan(segments[[f"{end}_depth_m", f"{end}_elevation_m"]].to_numpy(float)).all(axis=1)
        is_only = pd.Series(at).groupby(at).transform("size").to_numpy() == 1
        inverts_m = np.where(is_bare & is_only, _of(nodes, invert)[at], np.nan)
        levels_m = np.where(is_bare, _of(nodes, "pipe_elevation_m")[at], np.nan)
        depths_m = np.where(is_bare, _of(nodes, "pipe_depth_m")[at], np.nan)
        elevations_m = np.where(np.isnan(inverts_m), levels_m, inverts_m)
        for name, told_m in ((f"{end}_elevation_m", elevations_m), (f"{end}_depth_m", depths_m)):
            segments[name] = segments[name].where(segments[name].notna(), told_m)
        said = np.where(np.isnan(inverts_m), _named(nodes, at, columns, levels_m), _INVERT)
        datum = np.where((datum < 0) & is_bare & np.isfinite(elevations_m), said, datum)
        datum = np.where((datum < 0) & is_bare & np.isfinite(depths_m), _named(nodes, at, columns, None), datum)
        taken |= is_bare & (np.isfinite(elevations_m) | np.isfinite(depths_m))
    _tell(segments, taken, ledger)
    return segments.assign(depth_datum_code=pd.Categorical.from_codes(datum, dtype=DATUM))


_INVERT = list(DATUM.categories).index("invert")


def _of(nodes: pd.DataFrame, name: str) -> Floats:
    return nodes[name].to_numpy(float) if name in nodes else np.full(len(nodes), np.nan)


def _named(
    nodes: pd.DataFrame, at: npt.NDArray[np.integer], columns: Mapping[int, Mapping[str, str]], levels_m: Floats | None
) -> npt.NDArray[np.int64]:
    """The datum that the name of the column says, in the table of every end's point; -1 where it says none."""
    attribute = "pipe_depth_m" if levels_m is None else "pipe_elevation_m"
    tables = nodes["table"].to_numpy()
    said = np.full(len(nodes), -1)
    for number in np.unique(tables):
        header = columns.get(int(number), {}).get(attribute)
        datum = datum_in_name(header) if header is not None else None
        said[tables == number] = -1 if datum is None else list(DATUM.categories).index(datum)
    return np.asarray(said[at])


def _tell(segments: pd.DataFrame, taken: npt.NDArray[np.bool_], ledger: Ledger) -> None:
    for number, count in zip(*np.unique(segments["table"].to_numpy()[taken], return_counts=True), strict=True):
        ledger.note(
            int(number),
            Severity.INFO,
            "IMP-HEIGHT",
            f"{count} lines give no height of their own; they have the ones that their points give.",
            f"{count} 条管线未给出埋深或高程，采用管点表中的埋深或管道高程。",
            details={"rows": int(count)},
        )
