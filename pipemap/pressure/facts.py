"""What a pressure run needs to know beside the network's arrays: elevations, roughness, heads, settings, demands."""

from dataclasses import dataclass

import numpy as np
from psycopg.sql import SQL, Composable, Literal

from pipemap.copy_out import copy_rows
from pipemap.db import Connection, fetch_all
from pipemap.network import UNKNOWN, Floats, Ints, Network
from pipemap.sql import queries
from pipemap.versions import current_version, relation

FORMULAS = ("H-W", "D-W", "C-M")
_NUMBER = r"^-?[0-9]+([.][0-9]*)?([eE][-+]?[0-9]{1,2})?$"


@dataclass(frozen=True)
class Device:
    """What a delivered model states of a source, pump or valve; None where it states nothing.

    `curve` is of (flow in m³/d, head in m); `head_m` is above the vertical datum, `setting_m` above the device.
    """

    head_m: float | None = None
    setting_m: float | None = None
    setting_m3_per_d: float | None = None
    power_kw: float | None = None
    speed: float = 1.0
    curve: tuple[tuple[float, float], ...] = ()
    is_off: bool = False


@dataclass(frozen=True, eq=False)
class Facts:
    """By position in the network; NaN is unknown, -1 no formula. `devices` by position in Nodes."""

    ground_m: Floats
    length_m: Floats
    roughness: Floats
    minor_loss: Floats
    formula: Ints
    demand_m3_per_d: Floats
    devices: dict[int, Device]


def facts_of(connection: Connection, network: Network) -> Facts:
    """The facts of a network's version, read once and kept with it."""
    return network.once("pressure facts", lambda: _read(connection, network))


def _read(connection: Connection, network: Network) -> Facts:
    version = None if network.version == current_version(connection) else network.version
    length_m, roughness, minor_loss, formula = _stated_segments(connection, network, version)
    return Facts(
        ground_m=_one_column(connection, "grounds", relation("node", version), network.nodes.id, np.float64),
        length_m=length_m,
        roughness=roughness,
        minor_loss=minor_loss,
        formula=formula,
        demand_m3_per_d=_one_column(
            connection, "demands", relation("consumer", version), network.consumers.id, np.float32
        ),
        devices=_devices(connection, network, version),
    )


def _one_column(connection: Connection, query: str, stored: Composable, ids: Ints, kind: type) -> Floats:
    rows = copy_rows(connection, SQL(queries("pressure")[query]).format(relation=stored), 2)
    found = np.full(len(ids), np.nan)
    found[np.searchsorted(ids, rows.numbers(0, np.int64))] = rows.numbers(1, kind, null=np.nan)
    return found


def _stated_segments(
    connection: Connection, network: Network, version: int | None
) -> tuple[Floats, Floats, Floats, Ints]:
    names = ("length_m", "roughness", "minor_loss")
    query = SQL(queries("pressure")["stated_segments"]).format(
        relation=relation("pipe_segment", version), formulas=Literal(list(FORMULAS)), **_numbers(names)
    )
    rows = copy_rows(connection, query, 5)
    place = np.searchsorted(network.segments.id, rows.numbers(0, np.int64))
    stated = np.full((3, len(network.segments.id)), np.nan)
    for column in range(3):
        stated[column, place] = rows.numbers(column + 1, np.float64, null=np.nan)
    formula = np.full(len(network.segments.id), UNKNOWN)
    formula[place] = rows.numbers(4, np.int32) - 1
    return stated[0], stated[1], stated[2], formula


def _devices(connection: Connection, network: Network, version: int | None) -> dict[int, Device]:
    names = ("head_m", "bottom_elevation_m", "level_m", "setting_m", "setting_m3_per_d", "power_kw", "speed")
    query = SQL(queries("pressure")["devices"]).format(relation=relation("node", version), **_numbers(names))
    found = {}
    for row in fetch_all(connection, query):
        head_m = row["head_m"]
        if head_m is None and row["bottom_elevation_m"] is not None and row["level_m"] is not None:
            head_m = row["bottom_elevation_m"] + row["level_m"]
        found[int(np.searchsorted(network.nodes.id, row["feature_id"]))] = Device(
            head_m=head_m,
            setting_m=row["setting_m"],
            setting_m3_per_d=row["setting_m3_per_d"],
            power_kw=row["power_kw"] or None,
            speed=1.0 if row["speed"] is None else row["speed"],
            curve=_curve(row["pump_curve"]),
            is_off=bool(row["is_off"]),
        )
    return found


def _curve(text: str | None) -> tuple[tuple[float, float], ...]:
    """Pairs of flow and head from `0 126.67; 657.254 88.669`; nothing where that is not what stands there."""
    try:
        pairs = [tuple(map(float, pair.split())) for pair in (text or "").split(";") if pair.strip()]
    except ValueError:
        return ()
    return tuple((pair[0], pair[1]) for pair in pairs) if all(len(pair) == 2 for pair in pairs) else ()


def _numbers(names: tuple[str, ...]) -> dict[str, Composable]:
    """A source column as a number, null where it is none: `extra` holds what somebody delivered."""
    number = SQL("CASE WHEN extra->>{name} ~ {number} THEN (extra->>{name})::float8 END")
    return {name: number.format(name=Literal(name), number=Literal(_NUMBER)) for name in names}
