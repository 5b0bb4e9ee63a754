"""Drawings made for a test, and what the reader makes of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ezdxf
from ezdxf.document import Drawing

from importers.base import RecordTable
from importers.dxf import DxfReader
from schemas.findings import Finding

EAST, NORTH = 500_000.0, 2_500_000.0
Draw = Callable[[Drawing], None]
_CODES = {str: 1000, float: 1040, int: 1070}


def at(east_m: float, north_m: float = 0.0, z_m: float = 0.0) -> tuple[float, float, float]:
    """A place so many metres from the corner of the made-up survey area."""
    return EAST + east_m, NORTH + north_m, z_m


def tagged(entity: Any, application: str, *values: Any) -> Any:
    """The entity with extended data of an application, which the drawing comes to know."""
    if application not in entity.doc.appids:
        entity.doc.appids.add(application)
    entity.set_xdata(application, [(_CODES[type(value)], value) for value in values])
    return entity


def label(space: Any, text: str, place: tuple[float, ...], layer: str = "0", **more: Any) -> Any:
    """A text of height 1 with its lower left corner at a place."""
    return space.add_text(text, height=1, dxfattribs={"layer": layer, "insert": place, **more})


def drawn(path: Path, draw: Draw, version: str = "R2010", form: str = "asc") -> Path:
    """A drawing file; R2000 and older in GBK."""
    drawing = ezdxf.new(version)
    drawing.encoding = "gbk" if version in ("R12", "R2000") else drawing.encoding
    draw(drawing)
    drawing.saveas(path, encoding="gbk" if version in ("R12", "R2000") and form == "asc" else None, fmt=form)
    return path


class Read:
    """The tables of one drawing by layer and role, and its findings by rule."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.all = list(DxfReader().read([path], options))
        assert all(table.geometry is not None and len(table.geometry) == len(table.rows) for table in self.all)
        self.tables = {(table.sheet, table.role): table for table in self.all}

    def __getitem__(self, place: tuple[str, str | None]) -> RecordTable:
        return self.tables[place]

    def column(self, sheet: str, role: str, name: str) -> list[Any]:
        """The cells of one column."""
        rows = self.tables[sheet, role].rows
        return rows[name].tolist() if name in rows else [None] * len(rows)

    def findings(self, rule: str) -> list[Finding]:
        """All findings of a rule."""
        return [finding for table in self.all for finding in table.findings if finding.rule == rule]

    @property
    def n_entities(self) -> int:
        """Rows, skipped and refused entities of all tables."""
        return sum(len(table.rows) + table.skipped_rows + table.refused_rows for table in self.all)


def left_out(read: Read, sheet: str) -> dict[str, dict[str, int]]:
    """Reason to kind to count of what was left out on a layer."""
    return next((f.details["reasons"] for f in read.findings("IMP-SKIPPED") if f.sheet == sheet), {})
