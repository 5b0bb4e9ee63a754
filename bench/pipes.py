"""Synthetic pipes of any number as arrays: eight utilities in lanes along a street grid, with laterals and faults."""

import numpy as np
import numpy.typing as npt

from pipemap.clearance.core import Pipes
from pipemap.clearance.rules import Party

Floats = npt.NDArray[np.float64]
STREET_M, PIECES = 200.0, 4
ORIGIN_M = (500_000.0, 2_500_000.0)
# Class, clearance class, lane offset, depth of the axis, width, height (None: round), burial.
LANES = (
    ("power", "power", -12.5, 1.75, 600.0, 300.0, "duct_block"),
    ("street_light", "power", -11.2, 0.75, 50.0, None, "direct"),
    ("gas", "gas", -8.6, 1.35, 160.0, None, "direct"),
    ("heat", "heat", -6.4, 1.65, 200.0, None, "direct"),
    ("storm", "sewer", -1.5, 4.1, 600.0, None, "direct"),
    ("foul", "sewer", 2.5, 5.1, 300.0, None, "direct"),
    ("water", "water", 7.0, 3.1, 200.0, None, "direct"),
    ("telecom", "telecom", 11.0, 1.1, 400.0, 200.0, "duct_block"),
)
_TURN = np.radians(12.0)
_TURNED = np.array([[np.cos(_TURN), np.sin(_TURN)], [-np.sin(_TURN), np.cos(_TURN)]])
_LIFTED = 0.03


def streets_for(n_segments: int) -> int:
    """Streets a side so that about `n_segments` segments come out."""
    return max(2, round((n_segments / (len(LANES) * 2 * PIECES)) ** 0.5))


def synthetic_pipes(side: int, seed: int = 1, origin_m: tuple[float, float] = ORIGIN_M) -> Pipes:
    """A square of `side` by `side` crossings: each lane a network, three in a hundred nodes lifted or lowered."""
    rng = np.random.default_rng(seed)
    parts = [_network(side, lane, rng) for lane in LANES]
    n_nodes = len(parts[0][0])
    origin = np.array([*origin_m, 0.0])
    start, end = (np.concatenate([place[chain[:, side]] for place, chain in parts]) + origin for side in (0, 1))
    counts = [len(chain) for _, chain in parts]
    lane = np.repeat(np.arange(len(LANES)), counts)
    nodes = np.concatenate([chain + number * n_nodes for number, (_, chain) in enumerate(parts)])
    width_m = np.array([each[4] for each in LANES])[lane] / 1000
    is_round = np.array([each[5] is None for each in LANES])[lane]
    height_m = np.array([each[5] or each[4] for each in LANES])[lane] / 1000
    return Pipes(
        feature_id=1 + len(LANES) * n_nodes + np.arange(len(lane)),
        class_index=lane,
        nodes=1 + nodes,
        container_id=np.full(len(lane), -1),
        is_round=is_round,
        half_width_m=width_m / 2,
        half_height_m=height_m / 2,
        party_index=lane,
        parties=[_party(each) for each in LANES],
        first_piece=np.arange(len(lane) + 1),
        start=start,
        end=end,
        in_bank=~is_round,
    )


def _party(lane: tuple[str, str, float, float, float, float | None, str]) -> Party:
    _, clearance_class, _, _, width_mm, height_mm, _ = lane
    is_gas = clearance_class == "gas"
    return Party(
        clearance_class,
        burial="direct" if height_mm is None else "conduit",
        pressure_code="medium_a" if is_gas else None,
        width_mm=width_mm,
        voltage_kv=10.0 if clearance_class == "power" else None,
    )


def ground_m(place: Floats) -> Floats:
    """Height of the ground at places (n, 2) of the city, gently rolling."""
    plan = place @ _TURNED.T
    found: Floats = 20.0 + 5.0 * np.sin(plan[:, 0] / 900.0) * np.cos(plan[:, 1] / 700.0)
    return found


def _network(
    side: int, lane: tuple[str, str, float, float, float, float | None, str], rng: np.random.Generator
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Places of the nodes (n, 3) and the nodes at both ends of each segment (m, 2)."""
    column, row = np.meshgrid(np.arange(side), np.arange(side))
    crossings = np.stack([column.ravel(), row.ravel()], axis=1) * STREET_M + lane[2]
    index = np.arange(side * side).reshape(side, side)
    edges = np.concatenate(
        [
            np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], axis=1),
            np.stack([index[:-1].ravel(), index[1:].ravel()], axis=1),
        ]
    )
    share = np.arange(1, PIECES)[None, :, None] / PIECES
    a, b = crossings[edges[:, 0]][:, None, :], crossings[edges[:, 1]][:, None, :]
    plan = np.concatenate([crossings, (a + share * (b - a)).reshape(-1, 2)])
    middle = side * side + np.arange(len(edges) * (PIECES - 1)).reshape(len(edges), -1)
    chains = np.hstack([edges[:, :1], middle, edges[:, 1:]])
    lifted = (rng.random(len(plan)) < _LIFTED) * rng.uniform(0.2, 0.8, len(plan)) * rng.choice([-1, 1], len(plan))
    turned = plan @ _TURNED
    place = np.column_stack([turned, ground_m(turned) - lane[3] + lifted])
    return place, np.stack([chains[:, :-1].ravel(), chains[:, 1:].ravel()], axis=1)
