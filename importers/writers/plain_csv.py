"""CSV: one table a layer with the geometry as WKT; text that a spreadsheet would run as a formula is defused."""

import csv
from typing import Any

import shapely

from pipemap.formulas import begins_formula
from pipemap.sharing.layers import GEOMETRY, Content


def write_csv(content: Content) -> None:
    """Write each layer as UTF-8 with a mark, which spreadsheets need to see that it is."""
    for rows in content.layers:
        path = content.folder / f"{rows.layer.name}.csv"
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            table = csv.writer(file)
            table.writerow([*rows.columns, "WKT"])
            for batch in rows.batches:
                columns = [map(defused, batch.column(name).to_pylist()) for name in rows.columns]
                shapes = shapely.from_wkb(batch.column(GEOMETRY).to_numpy(zero_copy_only=False))
                table.writerows(zip(*columns, shapely.to_wkt(shapes, rounding_precision=9), strict=True))


def defused(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers."""
    return f"'{cell}" if begins_formula(cell) else cell
