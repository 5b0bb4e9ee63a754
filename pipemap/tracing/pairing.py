"""Supply and return of a heat network: which segments are the two sides of one pair of pipes.

Each segment is paired with segments of the other side, by the first of these that finds one:

- *circuit*: the circuit column tells supply from return (words such as 供 and 回, supply and return), and the other
  one runs along it, or is the only one of the other side whose circuit is called the same but for that word;
- *geometry*: it runs along one that is not joined to it, where the column does not tell the sides;
- *consumer*: both end at exchange stations of one name.

Where only one of the two words occurs in the whole network, segments without a word are of the other side.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from psycopg.sql import SQL

from pipemap.db import Connection, fetch_all
from pipemap.network import Ints, Network, SmallInts, class_groups
from pipemap.network.adjacency import adjacency_of
from pipemap.network.arrays import located
from pipemap.network.grouping import grouped, spread
from pipemap.network.kinds import has_role
from pipemap.sql import queries
from pipemap.versions import current_version, relation
from schemas.codetables import codes_where

METHODS = ("circuit", "geometry", "consumer")
_GROUP = "heat"
# Between the axes in plan; wider pairs are laid in separate trenches.
_APART_M = 3.0
_SUPPLY = re.compile(r"供(?!回)|supply|vorlauf|\bVL\b|flow", re.IGNORECASE)
_RETURN = re.compile(r"(?<!供)回|return|r(?:ü|ue)cklauf|\bRL\b", re.IGNORECASE)
_NO_SIDE, _SUPPLIES, _RETURNS = 0, 1, -1


@dataclass(frozen=True, eq=False)
class Pairing:
    """The pairs of a network as positions of segments, both ways round, sorted by the first.

    The partners of segment s are `partner[bounds[s]:bounds[s + 1]]`, `method` a position in METHODS. `side` of every
    segment is 1 for supply, -1 for return, 0 where nothing tells; `is_side_assumed` where one word stands for both.
    """

    bounds: Ints
    partner: Ints
    method: SmallInts
    side: SmallInts
    is_side_assumed: bool

    def touches(self, segments: Ints) -> Ints:
        """Positions in `partner` of all partners of some segments."""
        return spread(self.bounds, segments)

    def is_paired(self, segments: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether each of some segments has a partner."""
        return self.bounds[segments + 1] > self.bounds[segments]


def pairing_of(connection: Connection, network: Network) -> Pairing:
    """The pairs of a network, found once; the connection must see the map at its version or later."""
    return network.once("heat pairs", lambda: _pairing(connection, network))


def _pairing(connection: Connection, network: Network) -> Pairing:
    ids, count = network.segments.id, len(network.segments.id)
    circuits = {int(str(row["feature_id"])): str(row["circuit"]) for row in _rows(connection, network, "circuits")}
    side, is_assumed = _sides(network, circuits)
    beside: dict[int, list[int]] = defaultdict(list)
    rows = _rows(connection, network, "beside")
    ends = np.array([(row["feature_id"], row["beside_id"]) for row in rows], np.int64).reshape(-1, 2)
    places, are_there = (part.reshape(-1, 2) for part in located(ids, ends.ravel()))
    for one, other in places[are_there.all(axis=1)].tolist():
        beside[one].append(other)
    pairs = dict(_along(network, beside, side, _names(network, circuits)))
    pairs |= {pair: METHODS.index("circuit") for pair in _called_alike(network, circuits, side, pairs)}
    pairs |= {pair: METHODS.index("consumer") for pair in _at_stations(network, pairs)}
    both = sorted({(a, b): method for one, method in pairs.items() for a, b in (one, one[::-1])}.items())
    first = np.array([a for (a, _), _ in both], np.int64)
    bounds, _ = grouped(first, count)
    partner = np.array([b for (_, b), _ in both], np.int64)
    return Pairing(bounds, partner, np.array([method for _, method in both], np.int8), side, is_assumed)


def _rows(connection: Connection, network: Network, name: str) -> list[dict[str, object]]:
    version = None if network.version == current_version(connection) else network.version
    query = SQL(queries("pairs")[name]).format(segments=relation("pipe_segment", version))
    params = {
        "classes": sorted(codes_where("utility_class", "group_code", _GROUP)),
        "active": sorted(codes_where("lifecycle", "is_active", "1")),
        "apart_m": _APART_M,
    }
    return fetch_all(connection, query, params)


def side_in(circuit: str) -> int:
    """1 where a circuit is named as supply, -1 as return, 0 where it says neither or both."""
    return int(bool(_SUPPLY.search(circuit))) - int(bool(_RETURN.search(circuit)))


def _sides(network: Network, circuits: dict[int, str]) -> tuple[SmallInts, bool]:
    side = np.zeros(len(network.segments.id), np.int8)
    for position in _live(network).tolist():
        side[position] = side_in(circuits.get(int(network.segments.id[position]), ""))
    told = set(side.tolist()) - {_NO_SIDE}
    if len(told) != 1:
        return side, False
    live = _live(network)
    silent = live[side[live] == _NO_SIDE]
    side[silent] = -told.pop()
    return side, bool(len(silent))


def _live(network: Network) -> Ints:
    in_group = (class_groups() == _GROUP)[network.segments.class_] & (network.segments.class_ >= 0)
    return np.flatnonzero(in_group & network.segments.is_active)


def _names(network: Network, circuits: dict[int, str]) -> dict[int, str]:
    """Circuits without the word that tells the side, by position."""
    names = {}
    for position in _live(network).tolist():
        circuit = circuits.get(int(network.segments.id[position]), "")
        names[position] = _RETURN.sub("", _SUPPLY.sub("", circuit)).strip(" _-")
    return names


def _along(
    network: Network, beside: dict[int, list[int]], side: SmallInts, names: dict[int, str]
) -> Iterator[tuple[tuple[int, int], int]]:
    """Each segment with the best of those it runs along: of the same name, then the nearest."""
    for one, others in beside.items():
        fitting = [other for other in others if _may_pair(network, side, one, other)]
        if fitting:
            best = min(fitting, key=lambda other: (names[other] != names[one], others.index(other)))
            is_told = side[one] != _NO_SIDE and side[best] != _NO_SIDE
            yield (one, best), METHODS.index("circuit" if is_told else "geometry")


def _may_pair(network: Network, side: SmallInts, one: int, other: int) -> bool:
    if side[one] != _NO_SIDE and side[other] != _NO_SIDE:
        return bool(side[one] != side[other])
    segments = network.segments
    ends = {int(segments.from_node[one]), int(segments.to_node[one])}
    return not ends & {int(segments.from_node[other]), int(segments.to_node[other])}


def _called_alike(
    network: Network, circuits: dict[int, str], side: SmallInts, pairs: Iterable[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """The two segments of a name of which there is one on each side, if they are not paired yet."""
    taken = {position for pair in pairs for position in pair}
    by_name: dict[str, list[int]] = defaultdict(list)
    for position, name in _names(network, circuits).items():
        if name:
            by_name[name].append(position)
    for members in by_name.values():
        if len(members) == 2 and side[members[0]] * side[members[1]] < 0 and not taken.issuperset(members):
            yield members[0], members[1]


def _at_stations(network: Network, pairs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Unpaired segments that end, each alone, at the two exchange stations of one name."""
    taken = {position for pair in pairs for position in pair}
    adjacency, live = adjacency_of(network), set(_live(network).tolist())
    by_name: dict[str, list[int]] = defaultdict(list)
    for node in np.flatnonzero(has_role(network, "consumer")).tolist():
        segments = [one for one in adjacency.at(np.array([node])).tolist() if one in live]
        name = network.nodes.name[node]
        if name and len(segments) == 1:
            by_name[name].append(segments[0])
    for ends in by_name.values():
        if len(ends) == 2 and ends[0] != ends[1] and not taken.intersection(ends):
            yield ends[0], ends[1]
