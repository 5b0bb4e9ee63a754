"""One limit between all pipes: the same pairs and distances as PostGIS and shapely find among 30,000 pairs."""

import numpy as np
import shapely

from pipemap.clearance.candidates import pairs_within
from pipemap.clearance.core import Pipes
from pipemap.clearance.rules import Party
from pipemap.db import Database

EAST, NORTH = 500_000.0, 2_500_000.0
N_PIPES, LIMIT_M = 250, 0.5


def random_pipes() -> Pipes:
    """250 pipes of up to four pieces each: 31,125 pairs, some joined at a node."""
    random = np.random.default_rng(11)
    counts = random.integers(1, 5, N_PIPES)
    first = np.concatenate([[0], np.cumsum(counts)])
    start, end = np.empty((first[-1], 3)), np.empty((first[-1], 3))
    for pipe in range(N_PIPES):
        steps = random.normal(0, [6, 6, 0.3], (counts[pipe], 3))
        axis = random.uniform([0, 0, -4], [90, 90, 0]) + np.vstack([np.zeros(3), np.cumsum(steps, axis=0)])
        axis += [EAST, NORTH, 0]
        start[first[pipe] : first[pipe + 1]], end[first[pipe] : first[pipe + 1]] = axis[:-1], axis[1:]
    half_m = random.uniform(0.05, 0.6, N_PIPES)
    return Pipes(
        feature_id=np.arange(N_PIPES),
        class_index=np.zeros(N_PIPES, np.int64),
        nodes=random.integers(0, 2000, (N_PIPES, 2)),
        container_id=np.full(N_PIPES, -1),
        is_round=np.full(N_PIPES, True),
        half_width_m=half_m,
        half_height_m=half_m,
        party_index=np.zeros(N_PIPES, np.int64),
        parties=[Party("water")],
        first_piece=first,
        start=start,
        end=end,
    )


def axis_of(pipes: Pipes, pipe: int) -> shapely.LineString:
    own = slice(pipes.first_piece[pipe], pipes.first_piece[pipe + 1])
    return shapely.LineString(np.vstack([pipes.start[own], pipes.end[own][-1:]]))


def test_the_same_pairs_are_within_a_limit_as_postgis_finds_and_none_is_nearer_than_in_plan(database: Database) -> None:
    pipes = random_pipes()
    left, right, space_m = pairs_within(pipes, LIMIT_M)
    found = dict(zip(zip(left.tolist(), right.tolist(), strict=True), space_m.tolist(), strict=True))
    axes = [axis_of(pipes, pipe) for pipe in range(N_PIPES)]
    with database.transaction() as connection:
        connection.execute("CREATE TEMP TABLE axis (id int, a int, b int, r float8, geom geometry)")
        with connection.cursor().copy("COPY axis FROM STDIN") as copy:
            for pipe, line in enumerate(axes):
                nodes = pipes.nodes[pipe].tolist()
                copy.write_row((pipe, *nodes, float(pipes.half_width_m[pipe]), shapely.to_wkb(line, hex=True)))
        rows = connection.execute(
            "SELECT p.id AS one, q.id AS other, ST_3DDistance(p.geom, q.geom) - p.r - q.r AS walls_m"
            " FROM axis AS p JOIN axis AS q ON p.id < q.id"
            " WHERE NOT ARRAY[p.a, p.b] && ARRAY[q.a, q.b]"
        ).fetchall()
    assert len(rows) > 30_000
    expected = {(row["one"], row["other"]): row["walls_m"] for row in rows if row["walls_m"] < LIMIT_M}
    assert found.keys() == expected.keys() and 200 < len(found) < 20_000
    for pair, walls_m in expected.items():
        assert abs(found[pair] - walls_m) < 1e-9
        one, other = pair
        plan_m = axes[one].distance(axes[other]) - pipes.half_width_m[one] - pipes.half_width_m[other]
        assert found[pair] >= plan_m - 1e-9
