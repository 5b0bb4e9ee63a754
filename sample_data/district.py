"""Puts the district together, plants the faults, and writes deliveries and answer key into a folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sample_data import faults, writers
from sample_data.cables import build_cables
from sample_data.drainage import build_drainage
from sample_data.faults import Fault
from sample_data.gas_heat import build_gas, build_heat
from sample_data.ground import write_ground_model
from sample_data.model import Building, Consumer, Line, Network
from sample_data.streets import BUILDING_OFFSET_M, U_M, V_M
from sample_data.water import build_water

# What the made-up city asks for beyond the standards: one row that adds, one in place of a standard's.
_CITY_LIMITS = """\
rule_id,standard,clause,a_class,a_condition,b_class,b_condition,min_clear_m,confidence,note,replaces
QH-1,青禾区管线综合技术规定,3.2.1,water,,heat,,2.0,verified_1,老城区热力管道保温层外扩,
QH-2,青禾区管线综合技术规定,3.2.4,water,,gas,medium A 0.2-0.4MPa,1.0,verified_1,沿街管位较宽，中压燃气从严,H029
"""


@dataclass(frozen=True)
class Dataset:
    """One delivery: the files to import together, and the profile the importer should settle on by itself."""

    name: str
    title: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class District:
    """What was written: the deliveries in the order to import them, a later delivery, and the answer key."""

    datasets: tuple[Dataset, ...]
    drainage_update: Dataset
    faults: tuple[Fault, ...]
    answer_key: Path


def write_district(folder: Path) -> District:
    """Write every delivery of the made-up district 青禾区 into a folder; the same bytes of data every time."""
    folder.mkdir(parents=True, exist_ok=True)
    water, consumers = build_water()
    drainage, gas, heat, cables = build_drainage(), build_gas(), build_heat(), build_cables()
    planted = [
        *faults.plant_in_water(water),
        *faults.plant_in_drainage(drainage),
        *faults.plant_in_gas(gas),
        *faults.plant_in_heat(heat),
        *faults.plant_in_cables(cables),
    ]
    buildings = _buildings(consumers)
    datasets = (
        _write_water(folder, water, consumers, planted),
        _write_drainage(folder, drainage),
        _write_shapes(folder, "gas", "燃气普查", gas),
        _write_shapes(folder, "heat", "热力普查", heat),
        _write_drawing(folder, cables),
        _write_buildings(folder, buildings),
    )
    write_ground_model(folder / "ground.tif")
    (folder / "city_limits.csv").write_text(_CITY_LIMITS, encoding="utf-8")
    update, changes = _write_drainage_update(folder, drainage)
    networks = {"water": water, "drainage": drainage, "gas": gas, "heat": heat, "cables": cables}
    key = _write_key(folder, planted, networks, consumers, buildings, changes)
    return District(datasets, update, tuple(planted), key)


def _write_water(folder: Path, network: Network, consumers: list[Consumer], planted: list[Fault]) -> Dataset:
    points, lines = writers.workbook_rows(network)
    planted += faults.spoil_water_rows(points, lines)
    path = folder / "青禾区给水普查.xlsx"
    writers.write_workbook(path, points, lines, consumers)
    return Dataset("water", "给水普查 2024", (path,))


def _write_drainage(folder: Path, network: Network) -> Dataset:
    points, lines = writers.survey_tables(network)
    paths = (folder / "排水管点表.csv", folder / "排水管线表.csv")
    for path, rows in zip(paths, (points, lines), strict=True):
        writers.write_csv(path, rows)
    return Dataset("drainage", "排水普查 2024", paths)


def _write_shapes(folder: Path, name: str, title: str, network: Network) -> Dataset:
    return Dataset(name, title, tuple(writers.write_shapefiles(folder, name, network)))


def _write_drawing(folder: Path, network: Network) -> Dataset:
    path = folder / "电力通信管线图.dxf"
    writers.write_drawing(path, network)
    return Dataset("cables", "电力通信普查 2024", (path,))


def _write_buildings(folder: Path, buildings: Sequence[Building]) -> Dataset:
    path = folder / "buildings.gpkg"
    path.unlink(missing_ok=True)
    writers.write_buildings(path, buildings)
    return Dataset("buildings", "建筑物", (path,))


def _write_drainage_update(folder: Path, network: Network) -> tuple[Dataset, dict[str, list[str]]]:
    """The next year's delivery: two new laterals, three relined pipes, one lateral taken out."""
    laterals = [line for line in network.lines if line.class_code == "storm" and line.width_mm == 300]
    relined = [line for line in network.lines if line.class_code == "foul" and line.width_mm == 300][3:6]
    gone = laterals[33]
    network.lines.remove(gone)
    removed = network.points.pop(gone.start)
    for line in relined:
        line.material = "PE"
    added = [_new_grate(network, lateral) for lateral in laterals[40:42]]
    points, lines = writers.survey_tables(network)
    paths = (folder / "排水管点表_2025.csv", folder / "排水管线表_2025.csv")
    for path, rows in zip(paths, (points, lines), strict=True):
        writers.write_csv(path, rows)
    changes = {
        "removed": [removed.number, gone.key],
        "changed": [line.key for line in relined],
        "added": [name for line in added for name in (line.start, line.key)],
    }
    return Dataset("drainage", "排水普查 2025", paths), changes


def _new_grate(network: Network, beside: Line) -> Line:
    """A second grate at the other kerb of the same manhole."""
    upper, manhole = network.points[beside.start], network.points[beside.end]
    u_m, v_m = 1.6 * manhole.u_m - 0.6 * upper.u_m, 1.6 * manhole.v_m - 0.6 * upper.v_m
    number = network.add_point("YS", "storm", u_m, v_m, upper.road, "雨篦")
    return network.add_line(
        Line(number, beside.end, "storm", 1.05, beside.end_depth_m, 300, 300, beside.material, beside.burial)
    )


def _buildings(consumers: Sequence[Consumer]) -> list[Building]:
    """A block of houses along each side of every block, set back from the street, and the named institutions."""
    set_back, depth = BUILDING_OFFSET_M, 12.0
    buildings = []
    for i in range(len(U_M) - 1):
        for j in range(len(V_M) - 1):
            u = (U_M[i] + set_back + 6.0, U_M[i + 1] - set_back - 6.0)
            for side, v in enumerate(((V_M[j] + set_back, V_M[j] + set_back + depth),
                                      (V_M[j + 1] - set_back - depth, V_M[j + 1] - set_back))):  # fmt: skip
                number = f"JZ{i}{j}{side}"
                buildings.append(
                    Building(
                        number, _name_of_building(consumers, u, v) or f"{number}号楼", u, v, 3 + 2 * (i + j + side) % 7
                    )
                )
    return buildings


def _name_of_building(consumers: Sequence[Consumer], u: tuple[float, float], v: tuple[float, float]) -> str:
    inside = (c.name for c in consumers if c.kind != "居民" and u[0] <= c.u_m <= u[1] and v[0] <= c.v_m <= v[1])
    return next(inside, "")


def _write_key(
    folder: Path,
    planted: Sequence[Fault],
    networks: dict[str, Network],
    consumers: Sequence[Consumer],
    buildings: Sequence[Building],
    drainage_update: dict[str, list[str]],
) -> Path:
    hospital = next(c for c in consumers if c.kind == "医院")
    service = next(line for line in networks["water"].lines if line.end == hospital.point)
    main = next(x for x in networks["water"].lines if service.start in (x.start, x.end) and x.width_mm >= 200)
    key = {
        "faults": [fault.as_dict() for fault in planted],
        "burst": {"dataset": "water", "segment": main.key, "critical_consumer": hospital.name},
        "drainage_update": drainage_update,
        "consumers": len(consumers),
        "buildings": len(buildings),
    }
    path = folder / "answer_key.json"
    path.write_text(json.dumps(key, ensure_ascii=False, indent=2), encoding="utf-8")
    return path
