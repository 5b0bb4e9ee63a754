"""A burst on one sheet of A4, for the crew to carry: map, valves in order, whom to warn, what can be given back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.sql import SQL

from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.network import Network
from pipemap.projects import read_project
from pipemap.report.burst_map import BurstMap, draw_burst, lettered
from pipemap.report.sheets import asset, names, render
from pipemap.sql import queries
from pipemap.versions import current_version, relation
from schemas.isolation import BurstAnswer, Note

# What fits on the sheet together; what is beyond is counted on it.
MOST_VALVES = 12
_MOST = {
    "valves": MOST_VALVES,
    "closed": 3,
    "fallbacks": 3,
    "critical": 6,
    "hydrants": 3,
    "back": 3,
    "owners": 5,
    "warnings": 4,
    "sources": 3,
    "bursts": 3,
}
_MANY_VALVES = 6
_ADDRESS_WITHIN_M = 300.0
# Rows of valves, each of two lines at most, take from the map.
_HIGHEST_MAP_MM, _LOWEST_MAP_MM, _ROW_MM = 135.0, 46.0, 5.0
# Characters of names, addresses and warnings beyond which lines are cut off at the end.
_WORDY = 1200


@dataclass(frozen=True)
class Cut:
    """As much of a list as has a place on the sheet, and how many are left out."""

    shown: Sequence[Any]
    more: int


@dataclass(frozen=True)
class Sheet:
    """What stands on the sheet."""

    project: str
    srid: int
    answer: BurstAnswer
    printed_at: datetime
    published_at: datetime | None
    pipes: list[dict[str, Any]]
    address: dict[str, Any] | None
    map: BurstMap | None
    ask_again: str


def render_sheet(
    connection: Connection, network: Network, answer: BurstAnswer, language: str, printed_at: datetime
) -> str:
    """The sheet as one self-contained HTML page; `language` (zh or en) is what it opens in, a switch shows the other.

    The connection must see the map at the network's version or later. Lists that are longer than their place say how
    many more there are and where all of them are found.
    """
    sheet = _contents(connection, network, answer, printed_at)
    return render(
        "burst_sheet.html.jinja",
        sheet=sheet,
        answer=answer,
        map=sheet.map,
        is_wordy=_is_wordy(answer),
        language=language if language in ("zh", "en") else "zh",
        lists=_lists(answer),
        names=names("utility_class", "material", "consumer_kind", "valve_state", "operability"),
        style=asset("burst_sheet.css"),
    )


def _contents(connection: Connection, network: Network, answer: BurstAnswer, printed_at: datetime) -> Sheet:
    project = read_project(connection)
    version = None if network.version == current_version(connection) else network.version
    ids = [place.segment_id for place in answer.burst if place.segment_id is not None]
    pipes = SQL(queries("sheet")["burst_pipes"]).format(relation=relation("pipe_segment", version))
    published = fetch_one(connection, queries("sheet")["published"], {"version": network.version})
    return Sheet(
        project=project.name,
        srid=project.srid,
        answer=answer,
        printed_at=printed_at,
        published_at=published["published_at"] if published else None,
        pipes=fetch_all(connection, pipes, {"ids": ids}),
        address=_address(connection, answer, version),
        map=draw_burst(connection, network, answer, _map_height_mm(answer), _MOST),
        ask_again=_question(answer),
    )


def _question(answer: BurstAnswer) -> str:
    """The command that gives the whole answer, as far as there is room for it."""
    named = [
        f"--node {one.node_id}" if one.segment_id is None else f"--segment {one.segment_id}" for one in answer.burst
    ]
    more = ["…"] if len(named) > _MOST["bursts"] else []
    return " ".join(["pipemap trace burst", *named[: _MOST["bursts"]], *more])


def _is_wordy(answer: BurstAnswer) -> bool:
    """Whether names and addresses are so long that each has to do with one line."""
    valves = [*answer.valves_to_close[:MOST_VALVES], *(back.valve for back in answer.back_feeds[: _MOST["back"]])]
    texts = [text or "" for valve in valves for text in (valve.name, valve.address)]
    texts += [one.name or "" for one in answer.consumers.critical[: _MOST["critical"]]]
    texts += [note.message_en for note in _told(answer)[: _MOST["warnings"]]]
    return sum(map(len, texts)) > _WORDY


def _map_height_mm(answer: BurstAnswer) -> float:
    """What the lists of valves leave of the sheet."""
    fallbacks = min(len(answer.fallbacks), _most_fallbacks(answer))
    if _is_wordy(answer):
        return _LOWEST_MAP_MM - _ROW_MM * (fallbacks + 2 if fallbacks else 0)
    rows = min(len(answer.valves_to_close), MOST_VALVES) + (2 * fallbacks + 2 if fallbacks else 0)
    return _HIGHEST_MAP_MM - _ROW_MM * rows


def _most_fallbacks(answer: BurstAnswer) -> int:
    """Many valves leave room for one."""
    return _MOST["fallbacks"] if len(answer.valves_to_close) <= _MANY_VALVES else 1


def _address(connection: Connection, answer: BurstAnswer, version: int | None) -> dict[str, Any] | None:
    place = answer.burst[0]
    if place.x_m is None:
        return None
    query = SQL(queries("sheet")["nearest_address"]).format(relation=relation("node", version))
    return fetch_one(connection, query, {"x_m": place.x_m, "y_m": place.y_m, "radius_m": _ADDRESS_WITHIN_M})


def _lists(answer: BurstAnswer) -> dict[str, Cut]:
    owners = answer.surroundings.owners if answer.surroundings else {}
    return {
        "bursts": _cut(answer.burst, _MOST["bursts"]),
        "valves": _cut(answer.valves_to_close, _MOST["valves"]),
        "closed": _cut(answer.closed_valves_relied_on, _MOST["closed"]),
        "sources": _cut([*answer.sources_to_shut, *answer.pumps_to_stop], _MOST["sources"]),
        "fallbacks": _cut(answer.fallbacks, _most_fallbacks(answer)),
        "critical": _cut(lettered(answer), _MOST["critical"]),
        "hydrants": _cut(answer.nearest_hydrants, _MOST["hydrants"]),
        "back": _cut(answer.back_feeds, _MOST["back"]),
        "owners": _cut(sorted(owners.items(), key=lambda one: -one[1]), _MOST["owners"]),
        "warnings": _cut(_told(answer), _MOST["warnings"]),
    }


def _told(answer: BurstAnswer) -> list[Note]:
    """Each warning once."""
    return list({one.message_en: one for one in answer.warnings}.values())


def _cut(whole: Sequence[Any], most: int) -> Cut:
    return Cut(whole[:most], max(len(whole) - most, 0))
