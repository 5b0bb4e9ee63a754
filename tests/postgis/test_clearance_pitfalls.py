"""How other software goes wrong at clearances (standards in use, section 2.7), each case with its own arithmetic."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from pipemap.clearance.conditions import Party
from pipemap.clearance.questions import segment_clearance
from pipemap.clearance.rules import cover_limit, strictest
from pipemap.db import Connection, Database
from pipemap.errors import CrsError
from pipemap.projects import init_project
from schemas.clearance import Conflict, ConflictKind
from tests.postgis.planting import plant, plant_version, wkt

EAST, NORTH = 500_000.0, 2_500_000.0


@dataclass
class Street:
    """A street whose ground lies at 10 m."""

    connection: Connection
    count: int = 0

    def lay(self, *points: tuple[float, float, float], ground_m: float = 10.0, **attributes: object) -> int:
        """One pipe along points given from a corner."""
        self.count += 1
        course = [(EAST + x, NORTH + y, z) for x, y, z in points]
        nodes = 100 + 2 * self.count, 101 + 2 * self.count
        for node, (x, y, _) in zip(nodes, (course[0], course[-1]), strict=True):
            plant(self.connection, "node", node, f"POINT({x} {y})", ground_elevation_m=ground_m)
        of_pipe = {"size_basis_code": "outer", "burial_code": "direct", "width_mm": 200.0, **attributes}
        ends = {"from_node_id": nodes[0], "to_node_id": nodes[1]}
        return plant(self.connection, "pipe_segment", self.count, wkt(course), **ends, **of_pipe)

    def between(self, one: int, other: int) -> list[Conflict]:
        """What one is told of the other."""
        return [each for each in segment_clearance(self.connection, one).conflicts if each.other_id == other]


@pytest.fixture
def street(database: Database) -> Iterator[Street]:
    with database.transaction() as connection:
        plant_version(connection, 1)
        yield Street(connection)


def test_both_directions_of_one_pair_hold_the_same_number(street: Street) -> None:
    """One product has 0.5 m from gas to power and 1.0 m from power to gas."""
    gas = street.lay((0, 0, 9), (30, 0, 9), class_code="gas", pressure_mpa=0.3)
    power = street.lay((0, 0.6, 9), (30, 0.6, 9), class_code="power", burial_code="conduit")
    (there,), (back,) = street.between(gas, power), street.between(power, gas)
    assert (there.rule_id, there.limit_m, there.measured_m) == (back.rule_id, back.limit_m, back.measured_m)
    assert there.measured_m == pytest.approx(0.6 - 0.1 - 0.1)


def test_limits_are_a_matrix_of_pairs_and_not_one_number_of_a_class() -> None:
    sewer = Party("sewer", width_mm=600)
    of_pairs = {other: strictest("horizontal", sewer, Party(other, width_mm=300)) for other in ("water", "power")}
    assert {other: limit and limit.min_m for other, limit in of_pairs.items()} == {"water": 1.5, "power": 0.5}


def test_covers_under_motor_lanes_and_beside_them_are_not_averaged() -> None:
    covers = [cover_limit(Party("gas", pressure_code="low"), motor) for motor in (True, False)]
    assert [limit and limit.min_m for limit in covers] == [0.9, 0.6]


def test_the_horizontal_check_reads_the_horizontal_limit_and_the_vertical_one_the_vertical(street: Street) -> None:
    sewer = street.lay((0, 0, 7), (30, 0, 7), class_code="foul")
    beside = street.lay((0, 1.0, 7), (30, 1.0, 7), class_code="water")
    over = street.lay((15, -10, 7.5), (15, -1, 7.5), (15, 0.3, 7.5), class_code="water")
    (horizontal,), (vertical,) = street.between(sewer, beside), street.between(sewer, over)
    assert (horizontal.kind, horizontal.limit_m) == (ConflictKind.HORIZONTAL, 1.0)
    assert (vertical.kind, vertical.limit_m) == (ConflictKind.VERTICAL, 0.4)
    assert horizontal.measured_m == pytest.approx(1.0 - 0.2) and vertical.measured_m == pytest.approx(0.5 - 0.2)


def test_a_vertical_gap_is_of_elevations_and_not_of_depths(street: Street) -> None:
    """Both lie 1 m below their own ground; the ground of one is 0.35 m higher, so they are 0.35 m apart."""
    low = street.lay((0, 0, 9.0), (30, 0, 9.0), class_code="foul", from_depth_m=1.0, to_depth_m=1.0)
    high = street.lay(
        (15, -10, 9.35), (15, 10, 9.35), ground_m=10.35, class_code="water", from_depth_m=1.0, to_depth_m=1.0
    )
    (found,) = street.between(low, high)
    assert found.kind is ConflictKind.VERTICAL and found.measured_m == pytest.approx(0.35 - 0.1 - 0.1)


def test_a_horizontal_distance_is_between_lines_and_not_from_the_vertices_of_one(street: Street) -> None:
    """The vertices of both are 50 m from any of the other; in their middles they are 0.5 m apart."""
    long = street.lay((-50, 0, 9), (50, 0, 9), class_code="gas", pressure_mpa=0.3)
    bent = street.lay((-1, 0.5, 9), (1, 0.5, 9), class_code="foul")
    for one, other in ((long, bent), (bent, long)):
        (found,) = street.between(one, other)
        assert found.measured_m == pytest.approx(0.5 - 0.2)


def test_distances_are_never_taken_in_degrees(database: Database) -> None:
    with pytest.raises(CrsError):
        init_project(database, srid=4326)


def test_a_box_is_not_a_circle_of_its_width(street: Street) -> None:
    """Plan distance less half diameters holds for circles: a duct bank 1.0 m wide and 0.3 m high has two halves."""
    bank = street.lay(
        (0, 0, 8), (30, 0, 8), class_code="telecom", shape_code="rect", width_mm=1000, height_mm=300,
        burial_code="duct_block",
    )  # fmt: skip
    over = street.lay((15, -10, 8.4), (15, 10, 8.4), class_code="power", burial_code="direct")
    beside = street.lay((0, 1.0, 8), (30, 1.0, 8), class_code="gas", pressure_mpa=0.005)
    (vertical,), (horizontal,) = street.between(bank, over), street.between(bank, beside)
    assert vertical.kind is ConflictKind.VERTICAL and vertical.measured_m == pytest.approx(0.4 - 0.15 - 0.1)
    assert horizontal.measured_m == pytest.approx(1.0 - 0.5 - 0.1)


def test_sizes_that_are_not_outer_are_taken_as_outer_and_said_to_be(street: Street) -> None:
    """Ductile iron of DN 200 is 222 mm outside where the import knew so; a nominal or inner size alone is said."""
    outer = street.lay((0, 0, 9), (30, 0, 9), class_code="foul", width_mm=222)
    nominal = street.lay((0, 0.8, 9), (30, 0.8, 9), class_code="water", size_basis_code="nominal")
    inner = street.lay((0, -0.8, 9), (30, -0.8, 9), class_code="water", size_basis_code="inner")
    (of_nominal,), (of_inner,) = street.between(outer, nominal), street.between(outer, inner)
    assert of_nominal.measured_m == of_inner.measured_m == pytest.approx(0.8 - 0.111 - 0.1)
    assert of_nominal.taken_as_outer == ("other.nominal",) and of_inner.taken_as_outer == ("other.inner",)
    assert "nominal size of" in of_nominal.message_en and "公称尺寸按外尺寸计" in of_nominal.message_zh
    assert "at most" in of_inner.message_en and "at most" not in of_nominal.message_en
    assert segment_clearance(street.connection, outer).sizes_taken_as_outer == 2
