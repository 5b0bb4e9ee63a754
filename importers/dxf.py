"""CAD drawings as deliveries."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from importers.base import RecordTable
from importers.cad.point_files import SUFFIX, is_point_file, points_of


class DxfReader:
    """Reads the model space of .dxf, .dwg and .dgn files; a row's number is the entity's place in it.

    Each layer is a sheet, with a table of role node (points, blocks, circles), one of role segment
    (lines, polylines, arcs, splines, ellipses; curves as chords within 1 cm) and one of role structure
    (closed lines). Attributes become columns: extended data of any application, records of extension
    dictionaries and attributes of blocks. Beside them stand `layer`, `entity`, `handle` and `block`,
    and what layer names, block names and texts tell as `drawn_*` (see `cad.drawn`). Geometry is in
    world coordinates, x east, y north, z as drawn, in metres; without z where that is 0.

    An entity is a row where it has attributes; where another of its role on the layer has; where its
    layer is named like one of a network or its block like a device; where a text beside a line gives a
    size; and where a bare point stands at the end of such a line. All others are counted as skipped,
    with the reason in a finding. So rows + skipped_rows + refused_rows = entities, those inside of
    pasted blocks among them, which are numbered after the others. Attached drawings beside the file
    come as sheets called `name|layer`, with the places in their own file. A .dat of points (CASS) is one table.

    Options: those in profiles/drawing.toml, and `encoding`, `units` (m, mm, cm, dm, km, in, ft, us-ft)
    and `network_layers`, patterns of layers that are network whatever their names say.
    """

    name = "dxf"

    def accepts(self, path: Path) -> bool:
        """Whether the file is called .dxf, .dwg or .dgn, or is a file of points that lies beside such a one."""
        return path.suffix.lower() in (".dxf", ".dwg", ".dgn") or is_point_file(path)

    def read(self, paths: Sequence[Path], options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield the tables of each drawing, nodes of a layer before its segments.

        Raises
        ------
        SourceError
            When the file is no drawing, is beyond repair, needs a converter that is not there, or
            nothing in it tells of a network.
        """
        # Imported here: slow to load, and most deliveries are no drawings.
        from importers.cad.delivered import Delivered

        for path in paths:
            if path.suffix.lower() == SUFFIX:
                yield from points_of(path, options.get("delivered", ()))
                continue
            elsewhere = Delivered.elsewhere(path, options)
            yield from Delivered(path, options).tables() if elsewhere is None else (elsewhere,)
