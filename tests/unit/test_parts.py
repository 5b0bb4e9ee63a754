"""In how many parts a delivery is read makes no difference to what it becomes."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from importers import sources
from importers.delivery import read_delivery, read_tables
from schemas.delivery import Delivery

NORTH, EAST = 2_494_000.0, 492_000.0
ROWS = 40


def messy_points(rng: random.Random) -> pd.DataFrame:
    """Points with every fault that is told for a sheet as a whole, and some that are told for a row."""
    rows = []
    for number in range(ROWS):
        rows.append(
            {
                "物探点号": f"P{number}" if rng.random() < 0.9 else rng.choice([None, "P1", "P2"]),
                "管线类型": rng.choice(["JS", "JS", "WS", "RQ", "??", "XX", None]),
                "特征": rng.choice(["弯头", "三通", "月亮", "星星", None]),
                "附属物": rng.choice(["阀门", "窨井", "飞船", None]),
                "X": NORTH + number * 10 if rng.random() < 0.95 else None,
                "Y": EAST + number * 7,
                "地面高程": rng.choice(["10.5", "11", "unknown", None]),
                "井深": rng.choice([None, "1.2", "2m"]),
                "建成年月": rng.choice(["2001", "1999-05", "someday", None]),
                "备注": rng.choice([f"note {number}", None]),
            }
        )
    return pd.DataFrame(rows)


def messy_lines(rng: random.Random) -> pd.DataFrame:
    rows = []
    for number in range(ROWS):
        start, end = rng.randrange(ROWS), rng.randrange(ROWS)
        rows.append(
            {
                "起点点号": f"P{start}" if rng.random() < 0.95 else None,
                "终点点号": f"P{end}",
                "管线类型": rng.choice(["JS", "WS", "??", "JM", None]),
                "起点埋深": rng.choice(["1.2", "0", "deep", None]),
                "终点埋深": rng.choice(["1.5", "1.5", None]),
                "管径": rng.choice(["300", "DN200", "600X400", "huge", f"odd {number}", None]),
                "材质": rng.choice(["PE", "铸铁", f"metal {number}", None]),
                "埋设方式": rng.choice(["直埋", "管沟", None]),
                "编号": number,
            }
        )
    # Some stand twice, and some the other way round.
    rows += rows[:6] + [{**row, "起点点号": row["终点点号"], "终点点号": row["起点点号"]} for row in rows[6:9]]
    return pd.DataFrame(rows)


def tables(folder: Path, points: pd.DataFrame, lines: pd.DataFrame) -> list[Path]:
    paths = [folder / "区管点.csv", folder / "区管线.csv"]
    for path, frame in zip(paths, (points, lines), strict=True):
        frame.to_csv(path, index=False)
    return paths


def layers(folder: Path, points: pd.DataFrame, lines: pd.DataFrame) -> list[Path]:
    """The same with places as geometry, the first twenty without any, and lines drawn with a bend."""
    places = shapely.points(EAST + np.arange(len(points)) * 7.0, NORTH + np.arange(len(points)) * 10.0)
    at = {f"P{number}": place for number, place in enumerate(places)}
    places[:20] = None
    drawn = [_bent(at.get(row["起点点号"]), at.get(row["终点点号"])) for row in lines.to_dict("records")]
    paths = [folder / "points.gpkg", folder / "lines.gpkg"]
    for path, frame, geometry in ((paths[0], points.drop(columns=["X", "Y"]), places), (paths[1], lines, drawn)):
        gpd.GeoDataFrame(frame, geometry=geometry, crs="EPSG:4547").to_file(path, driver="GPKG")
    return paths


def _bent(start: Any, end: Any) -> Any:
    if start is None or end is None:
        return None
    return shapely.LineString([start, (end.x, start.y + 3.0), end] if start != end else [start, (0, 0), end])


def loose_layers(folder: Path, points: pd.DataFrame, lines: pd.DataFrame) -> list[Path]:
    """Lines and points without numbers, joined by snapping."""
    named = {"物探点号": "a", "起点点号": "b", "终点点号": "c"}
    return layers(folder, points, lines) and [
        _without(path, named) for path in (folder / "points.gpkg", folder / "lines.gpkg")
    ]


def _without(path: Path, names: dict[str, str]) -> Path:
    frame = gpd.read_file(path)
    path.unlink()
    frame.drop(columns=[name for name in names if name in frame]).to_file(path, driver="GPKG")
    return path


def combined_table(folder: Path, points: pd.DataFrame, lines: pd.DataFrame) -> list[Path]:
    """One row per point and connected point; what is known of the point stands in its first row only."""
    rows: list[dict[str, Any]] = []
    for number, point in enumerate(points.to_dict("records")):
        others = lines[lines["起点点号"] == f"P{number}"].to_dict("records")
        first = {**point, "物探点号": f"P{number}", "连接点号": others[0]["终点点号"] if others else None}
        rows.append(first | {name: others[0][name] for name in ("管径", "材质") if others})
        rows += [{"连接点号": other["终点点号"], "管径": other["管径"], "材质": other["材质"]} for other in others[1:]]
    pd.DataFrame(rows).to_csv(folder / "成果表.csv", index=False)
    return [folder / "成果表.csv"]


def numbers_for_classes(folder: Path, points: pd.DataFrame, lines: pd.DataFrame) -> list[Path]:
    """A class column that is none, but for a few of its words."""
    numbered = lines.assign(管线类型=[f"no {n}" if n % 5 else "JS" for n in range(len(lines))])
    return tables(folder, points, numbered)


def secret_lines(folder: Path, points: pd.DataFrame, lines: pd.DataFrame) -> list[Path]:
    return tables(folder, points, lines.assign(管线类型=["BM" if n % 9 else "??" for n in range(len(lines))]))


FORMS = [tables, layers, loose_layers, combined_table, numbers_for_classes, secret_lines]


def read(paths: list[Path], folder: Path, chunk_rows: int) -> Delivery:
    fitting = read_tables(paths, None, lambda *_: None).profile.name
    profile = folder / "mine.toml"
    text = f'name = "mine"\ntitle = "mine"\nextends = "{fitting}"\naxis = "auto"\n[reader]\nchunk_rows = {chunk_rows}\n'
    profile.write_text(text, encoding="utf-8")
    return read_delivery(paths, profile=profile, srid=4547, dataset="d")


def told(delivery: Delivery) -> dict[str, Any]:
    frames = {}
    for kind in ("nodes", "segments", "consumers", "structures"):
        frame = getattr(delivery, kind)
        cells = frame.assign(geom=shapely.to_wkb(frame["geom"])) if len(frame) else frame
        frames[kind] = cells.astype(object).where(cells.notna(), None).to_dict("records")
    return {**frames, "counts": delivery.counts, "findings": delivery.findings}


@pytest.mark.parametrize("write", FORMS)
def test_the_size_of_parts_changes_nothing(
    tmp_path: Path, write: Callable[[Path, pd.DataFrame, pd.DataFrame], list[Path]]
) -> None:
    rng = random.Random(write.__name__)
    paths = write(tmp_path, messy_points(rng), messy_lines(rng))
    whole = told(read(paths, tmp_path, 100_000))
    assert whole["findings"]
    for chunk_rows in (3, 7):
        parts = told(read(paths, tmp_path, chunk_rows))
        for name, value in whole.items():
            assert parts[name] == value


@pytest.mark.parametrize("write", [layers, tables, combined_table])
def test_a_file_too_large_to_hold_becomes_the_same(
    write: Callable[[Path, pd.DataFrame, pd.DataFrame], list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(1)
    paths = write(tmp_path, messy_points(rng), messy_lines(rng))
    held = told(read_delivery(paths, srid=4547, dataset="d"))
    monkeypatch.setattr(sources, "_HELD_BYTES", 0)
    assert told(read_delivery(paths, srid=4547, dataset="d")) == held
