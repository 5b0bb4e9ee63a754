"""管线点成果表: point and line tables in the layout that importers read, as a workbook or as CSV."""

from typing import Any

from importers.profile_files import load_profile
from importers.writers.network import Piece, PipeNetwork, Point, read_network
from importers.writing import Sheet, sheets_of, write_texts, write_workbook
from pipemap.datasets import DatasetContent
from pipemap.sharing.layers import Content
from schemas.tables import attribute_names

_STEM = "成果表"


def write_survey_workbook(content: Content) -> None:
    """One xlsx file with a sheet a table; every text is a text, never a formula."""
    write_workbook(_sheets(content, "xlsx"), content.folder / f"{_STEM}.xlsx")


def write_survey_csv(content: Content) -> None:
    """One CSV file a table, UTF-8 with a mark."""
    write_texts(_sheets(content, "csv"), content.folder, _STEM, "utf-8-sig")


def _sheets(content: Content, format: str) -> list[Sheet]:
    network = read_network(content, format)
    keys = _Keys(network)
    nodes = [_node_row(point, keys) for point in network.points]
    segments = []
    for piece in network.pieces:
        from_key, to_key = (keys.of_end(piece, place) for place in (0, -1))
        segments.append(_row(piece.row, "pipe_segment") | {"from_key": from_key, "to_key": to_key})
    bent = sum(len(piece.axis) > 2 for piece in network.pieces)
    if bent:
        content.notes.append(f"A table has no place for the bends of {bent} lines. 表格不含 {bent} 条管线的折点。")
    if keys.cuts:
        content.notes.append(
            f"{len(keys.cuts)} points whose numbers begin with CUT stand where lines leave the area. "
            f"点号以 CUT 开头的 {len(keys.cuts)} 个点为管线与范围线的交点。"
        )
    return sheets_of(DatasetContent([*nodes, *keys.cuts], segments, [], 0), load_profile("default"))


class _Keys:
    """Numbers of points: those of the survey where they are granted, else identities; a new one at each cut."""

    def __init__(self, network: PipeNetwork) -> None:
        self.cuts: list[dict[str, Any]] = []
        self._granted = bool(network.points) and all(point.row.get("source_key") for point in network.points)

    def of_point(self, point: Point) -> str:
        """The number of a node."""
        return str(point.row["source_key"]) if self._granted else f"N{point.feature_id}"

    def of_end(self, piece: Piece, place: int) -> str:
        """The number of the point at one end of a line, made where the area cuts the line."""
        point = piece.start if place == 0 else piece.end
        if point is not None:
            return self.of_point(point)
        x, y = piece.axis[place][:2].tolist()
        key = f"CUT{len(self.cuts) + 1}"
        made = _row({"class_code": piece.row["class_code"]}, "node")
        self.cuts.append(made | {"source_key": key, "x_m": x, "y_m": y})
        return key


def _node_row(point: Point, keys: _Keys) -> dict[str, Any]:
    return _row(point.row, "node") | {"source_key": keys.of_point(point), "x_m": point.x_m, "y_m": point.y_m}


def _row(row: dict[str, Any], kind: str) -> dict[str, Any]:
    """A row with every column of its kind; what is not granted is unknown."""
    return {name: row.get(name) for name in (*attribute_names(kind), "extra", "container_key")}
