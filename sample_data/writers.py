"""The district in the layouts surveyors deliver: workbook, GB18030 tables, shapefiles, drawing, GeoPackage."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ezdxf.filemanagement
import geopandas as gpd
from openpyxl import Workbook
from shapely.geometry import LineString, Polygon
from shapely.geometry import Point as PlanPoint

from sample_data.model import Building, Consumer, Line, Network, Point
from sample_data.streets import plan_xy_m

Row = dict[str, Any]
CRS = "EPSG:4547"
XDATA_APPID = "PIPE_SURVEY"
_LETTERS = {"water": "JS", "storm": "YS", "foul": "WS", "gas": "RQ", "heat": "RL", "power": "DL",
            "street_light": "LD", "traffic_signal": "XH", "telecom": "TX"}  # fmt: skip
# The drainage office does not book whose its pipes are.
OWNERS = {"water": "青禾水务", "gas": "青禾燃气", "heat": "青禾热力", "power": "青禾供电", "street_light": "青禾路灯所",
          "traffic_signal": "青禾交警", "telecom": "青禾通信"}  # fmt: skip


def workbook_rows(network: Network) -> tuple[list[Row], list[Row]]:
    """Point and line rows of the water company, columns as in a 管线点成果表."""
    points = [
        {"物探点号": p.number, "特征": p.feature, "附属物": p.appurtenance, "X坐标": p.xy_m[1], "Y坐标": p.xy_m[0],
         "地面高程": p.ground_elevation_m, "阀门状态": p.fields.get("state", ""), "名称": p.fields.get("name", ""),
         "所在道路": p.road}
        for p in network.points.values()
    ]  # fmt: skip
    lines = [
        {"起点点号": x.start, "终点点号": x.end, "管线类型": _LETTERS[x.class_code], "材质": x.material,
         "管径或断面(mm)": x.section, "起点埋深(m)": x.start_depth_m, "终点埋深(m)": x.end_depth_m,
         "埋设方式": x.burial, "权属单位": OWNERS[x.class_code], "建成年月": "2009-06"}
        for x in network.lines
    ]  # fmt: skip
    return points, lines


def write_workbook(path: Path, points: list[Row], lines: list[Row], consumers: list[Consumer]) -> None:
    """Three sheets, each with two title lines above its header and a total below, as survey firms do."""
    book = Workbook()
    book.remove(book.worksheets[0])
    people = [
        {"用户编号": c.number, "用户名称": c.name, "用户类别": c.kind, "用水人数": c.people, "接水点号": c.point,
         "X坐标": plan_xy_m(c.u_m, c.v_m)[1], "Y坐标": plan_xy_m(c.u_m, c.v_m)[0]}
        for c in consumers
    ]  # fmt: skip
    for title, rows in (("管点", points), ("管线", lines), ("用户", people)):
        sheet = book.create_sheet(title)
        sheet.append([f"青禾区给水{title}成果表"])
        sheet.append(["坐标系: CGCS2000 3度带 114E", None, "高程: 1985国家高程基准", None, "探测: 青禾测绘院"])
        sheet.append(list(rows[0]))
        for row in rows:
            sheet.append(list(row.values()))
        sheet.append(["合计", len(rows)])
    book.save(path)


def survey_tables(network: Network) -> tuple[list[Row], list[Row]]:
    """Point and line rows of the drainage office, columns as in its Access database."""
    points = [
        {"EXP_NO": p.number, "CODE": _LETTERS[p.class_code], "X": p.xy_m[1], "Y": p.xy_m[0],
         "SUR_H": p.ground_elevation_m, "FEATURE": p.feature, "SUBSID": p.appurtenance,
         "Address": p.road, "MEMO": p.fields.get("name", "")}
        for p in network.points.values()
    ]  # fmt: skip
    lines = [
        {"CODE": _LETTERS[x.class_code], "S_POINT": x.start, "E_POINT": x.end, "S_DEEP": x.start_depth_m,
         "E_DEEP": x.end_depth_m, "MATERIAL": x.material, "D_TYPE": x.burial, "D_S": x.section, "FlowDirect": "0"}
        for x in network.lines
    ]  # fmt: skip
    return points, lines


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """A table in GB18030 with Windows line ends."""
    with path.open("w", encoding="gb18030", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)


def write_shapefiles(folder: Path, stem: str, network: Network) -> list[Path]:
    """A point and a line shapefile in GBK, heights as attributes."""
    points = gpd.GeoDataFrame(
        [
            {"EXP_NO": p.number, "CLASS": _LETTERS[p.class_code], "FEATURE": p.feature, "SUBSID": p.appurtenance,
             "SUR_H": p.ground_elevation_m, "STATE": p.fields.get("state", ""), "NAME": p.fields.get("name", ""),
             "ROAD": p.road, "geometry": PlanPoint(p.xy_m)}
            for p in network.points.values()
        ],
        crs=CRS,
    )  # fmt: skip
    lines = gpd.GeoDataFrame(
        [
            {"S_POINT": x.start, "E_POINT": x.end, "CLASS": _LETTERS[x.class_code], "S_DEEP": x.start_depth_m,
             "E_DEEP": x.end_depth_m, "D_S": x.section, "MATERIAL": x.material, "D_TYPE": x.burial,
             "PRESSURE": x.fields.get("pressure", ""), "CIRCUIT": x.fields.get("circuit", ""),
             "QSDW": OWNERS[x.class_code],
             "geometry": LineString([network.points[x.start].xy_m, network.points[x.end].xy_m])}
            for x in network.lines
        ],
        crs=CRS,
    )  # fmt: skip
    paths = [folder / f"{stem}_point.shp", folder / f"{stem}_line.shp"]
    for path, layer in zip(paths, (points, lines), strict=True):
        layer.to_file(path, driver="ESRI Shapefile", encoding="GBK", engine="pyogrio")
    return paths


def write_drawing(path: Path, network: Network) -> None:
    """A DXF whose entities carry their attributes as XDATA, the way cadastral CAD tools write them."""
    drawing = ezdxf.filemanagement.new("R2010")
    drawing.appids.add(XDATA_APPID)
    space = drawing.modelspace()
    for p in network.points.values():
        place = (*p.xy_m, p.ground_elevation_m or 0.0)
        entity = space.add_point(place, dxfattribs={"layer": f"{_LETTERS[p.class_code]}POINT"})
        entity.set_xdata(XDATA_APPID, _strings(_point_data(p)))
        label = {"layer": f"{_LETTERS[p.class_code]}TEXT", "height": 1.0, "insert": place}
        space.add_text(p.number, dxfattribs=label)
    for x in network.lines:
        layer = {"layer": f"{_LETTERS[x.class_code]}LINE"}
        line = space.add_line(network.points[x.start].xy_m, network.points[x.end].xy_m, dxfattribs=layer)
        line.set_xdata(XDATA_APPID, _strings(_line_data(x)))
    drawing.saveas(path)


def write_buildings(path: Path, buildings: Sequence[Building]) -> None:
    """Building outlines with the elevation of their foundations."""
    frame = gpd.GeoDataFrame(
        [
            {"编号": b.number, "名称": b.name, "类别": "建筑物", "基底高程": b.base_elevation_m,
             "顶高程": b.top_elevation_m, "geometry": _outline(b)}
            for b in buildings
        ],
        crs=CRS,
    )  # fmt: skip
    frame.to_file(path, layer="建筑物", driver="GPKG", engine="pyogrio")


def _outline(building: Building) -> Polygon:
    (u0, u1), (v0, v1) = building.u_m, building.v_m
    return Polygon([plan_xy_m(u, v) for u, v in ((u0, v0), (u1, v0), (u1, v1), (u0, v1))])


def _point_data(p: Point) -> dict[str, object]:
    return {
        "小类代码": _LETTERS[p.class_code], "点号": p.number, "特征": p.feature, "附属物": p.appurtenance,
        "地面高程": p.ground_elevation_m, "名称": p.fields.get("name", ""), "开关状态": p.fields.get("state", ""),
    }  # fmt: skip


def _line_data(x: Line) -> dict[str, object]:
    return {
        "小类代码": _LETTERS[x.class_code], "线号": f"{x.start},{x.end}", "材质": x.material, "管径": x.section,
        "起始埋深": x.start_depth_m, "终止埋深": x.end_depth_m, "埋设方式": x.burial,
        "总孔数": x.fields.get("holes", ""), "已用孔数": x.fields.get("used_holes", ""),
        "电缆条数": x.fields.get("cables", ""), "电压": x.fields.get("voltage", ""),
        "线路名称": x.fields.get("circuit", ""), "权属单位": OWNERS[x.class_code],
    }  # fmt: skip


def _strings(data: dict[str, object]) -> list[tuple[int, str]]:
    return [(1000, f"{key}:{'' if value is None else value}") for key, value in data.items()]
