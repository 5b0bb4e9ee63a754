"""What each column of a table may be: by names that profiles know, by the words of its name, and by its values.

Names are believed, words and near misspellings of names less, values alone least; values that cannot be what a
name says take half of its certainty. Nothing here decides an import: it proposes a profile.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from importers.normalising.units import PRESSURES_MPA, VOLTAGES_KV, is_of_metres, unit_of
from importers.places.place_readings import Home
from importers.profiles import ATTRIBUTES, Profile, plain
from importers.proposing import content
from importers.proposing.contests import settled
from importers.proposing.known_names import known_names, near_miss
from importers.proposing.match import ADOPTED, MENTIONED, Match, Reason
from importers.proposing.place_columns import placed_ends, placed_point
from importers.proposing.references import LEAST_DISTINCT
from importers.proposing.sample import Sample
from importers.proposing.vocabulary import is_remark, readings, says_else, speaks_against

_KNOWN, _IN_A_LAYOUT = 1.0, 0.95
_LEFT, _SAID = 0.4, 0.6
_CONTRADICTED, _AGREED = 0.2, 0.5
_SPOILT = 0.4
_LINKED = 0.8
_NUMBERED = 0.75
# What is measured in these along a line, and of the usual sizes, is its diameter; volts tell themselves.
_TOLD_BY_UNITS: Mapping[str, frozenset[str]] = {
    "diameter": frozenset(("mm", "毫米", "мм", "مم", "มม", "in", "inch", "inches", "英寸")),
    "voltage": frozenset(VOLTAGES_KV),
    "pressure": frozenset(PRESSURES_MPA),
}
_TRUST_IN_UNITS = 0.65
# What the reader of drawings says of every entity, and what it found in names and texts: profiles know what it is for.
# So do they of CASS's code of the map (SOUTH), beside which any firm's data can stand.
OF_DRAWINGS, _DRAWN = frozenset(("layer", "entity", "handle", "block", "SOUTH")), "drawn_"
# What the ends of lines name are the numbers of points, whatever the column is called in another layout.
_REFERRED_TO = 0.97
# Numbers of lines make different pipes of lines that are else the same; the user says whether they are.
_CAUTIOUS = {"line_id": 0.45}
_ENDS = ("from_key", "to_key", "node_key")
_TRUST_IN_PLACES = 0.75
# Who owns a pipe and who runs it are companies alike; names tell them apart.
_ALIKE_BY_VALUES = frozenset({"owner"})


@dataclass(frozen=True)
class Candidates:
    """One table to be matched: its columns in order with their first values, and what is known across tables.

    `links` gives, for a column, the share of its values that are point numbers of another table (or of the column
    of point numbers in its own), and that column's name; `referred` the other way round, the column that refers.
    `foot` is the foot that the table's system counts in. Of a table that `is_settled`, the profile was made for this
    very layout: what it has no name for is nothing to it. One that `is_fixed` comes from a format whose columns the
    reader names by the attributes of the model, whatever stands in them. `respelt` gives names as this delivery's own
    words for points and ends read; `said` are columns that lines above the table say, which its own columns outdo.
    """

    samples: Mapping[str, Sample]
    profile: Profile
    home: Home | None = None
    links: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    referred: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    pairs: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    is_settled: bool = False
    is_fixed: bool = False
    has_geometry: bool = False
    foot: str | None = None
    respelt: Mapping[str, str] = field(default_factory=dict)
    said: frozenset[str] = frozenset()

    def read_as(self, column: str) -> str:
        """The name of a column with the delivery's own words in known ones."""
        return self.respelt.get(column, column)


def matches(table: Candidates, role: str) -> dict[str, list[Match]]:
    """For every column what it may be in a table of this role, the surest first."""
    taken = table.profile.mapping(role, table.samples)
    known = {column: attribute for attribute, column in taken.items()}
    linked = _linked(table, role, known)
    is_placed = table.has_geometry or {"x", "easting_m", "from_x"} & taken.keys()
    places = {} if is_placed else _by_places(table, role)
    left = {plain(name) for name in table.profile.leave.get(role, [])}
    found = {}
    for column, sample in table.samples.items():
        if table.is_fixed and known.get(column) == column:
            found[column] = _by_name(table, role, column, column)
            continue
        name = table.read_as(column)
        named = [] if plain(column) in left else _by_name(table, role, column, known.get(column))
        weighed = [_weighed(match, sample, table, role, column) for match in named]
        if column in table.said:
            weighed = [replace(match, certainty=min(match.certainty, _SAID)) for match in weighed]
        # What a reader measures itself and names no attribute is none: the level of the water in a tank.
        is_own = column in OF_DRAWINGS or column.startswith(_DRAWN) or (table.is_fixed and is_of_metres(column))
        if column not in known and (table.is_settled or is_own or plain(column) in left):
            found[column] = [replace(match, certainty=min(match.certainty, _LEFT)) for match in weighed]
            # A layout that is known by its other columns may come without the coordinates that it has elsewhere.
            found[column] += [] if is_own or plain(column) in left else places.get(column, [])
            continue
        # A depth that the profile knows by name is no point number, whatever else holds the same values.
        is_else = known.get(column, "key") not in (*_ENDS, "key")
        # What a point is joined to is numbered like points, too: 对点号 beside 本点号.
        is_else |= role == "combined" and bool(named) and named[0].attribute == "to_key"
        valued = [] if is_else else _by_links(table, role, column, linked)
        most = _LEFT if says_else(role, name) and not content.tells_class(sample) else 1.0
        told = content.TOLD_IN_REMARKS if is_remark(name) else frozenset()
        by_sight = [
            match if match.attribute in told else replace(match, certainty=min(match.certainty, most))
            for match in _by_values(role, name, sample)
        ]
        found[column] = _merged(weighed, [*valued, *by_sight, *places.get(column, [])])
    return settled(found, table.samples, table.profile, role)


def _linked(table: Candidates, role: str, known: Mapping[str, str]) -> list[str]:
    """Columns of numbers of another table's points; of a line those that are named as its start and end, in this order.

    The lines' own numbers may be like those of points.
    """
    linked = [column for column in table.samples if table.links.get(column, (0.0, ""))[0] >= _LINKED]
    if role != "segment":
        return linked
    if len(linked) == 1 and (other := _other_end(table, linked[0])) is not None:
        linked = sorted([*linked, other], key=list(table.samples).index)
    named = {
        match.attribute: column
        for column in reversed(linked)
        for match in _by_name(table, role, column, known.get(column))
        if match.attribute in _ENDS and match.certainty >= ADOPTED
    }
    others = iter([column for column in linked if column not in named.values()])
    ends = [named.get(end) or next(others, None) for end in ("from_key", "to_key")]
    return [end for end in ends if end is not None]


def _other_end(table: Candidates, column: str) -> str | None:
    """The column of the same table that an end refers to: of a tree no two lines end at one point."""
    _, target = table.links[column]
    others = (name for name, (_, source) in table.referred.items() if source.endswith(f".{column}"))
    return next((name for name in others if name != column and target.endswith(f".{name}")), None)


def assigned(found: Mapping[str, Sequence[Match]]) -> dict[str, Match]:
    """The surest match of every column, no attribute twice; columns of which nothing is sure enough are absent.

    Where values alone tell, and of several columns the same, none of them is taken.
    """
    equal = _told_of_several(found)
    ordered = sorted(
        (
            (match, place, column)
            for place, (column, options) in enumerate(found.items())
            for match in options
            if (column, match.attribute) not in equal
        ),
        key=lambda option: (-option[0].certainty, option[1]),
    )
    chosen: dict[str, Match] = {}
    for match, _, column in ordered:
        is_free = column not in chosen and all(match.attribute != other.attribute for other in chosen.values())
        if is_free and match.certainty >= ADOPTED:
            chosen[column] = match
    return chosen


def _told_of_several(found: Mapping[str, Sequence[Match]]) -> set[tuple[str, str]]:
    """Columns and attributes that their values say as much of as those of another column do, where no name does."""
    best = {column: max(options, key=lambda match: match.certainty) for column, options in found.items() if options}
    named = {match.attribute for match in best.values() if not match.by_values and match.certainty >= ADOPTED}
    by_values: dict[str, list[str]] = {}
    for column, match in best.items():
        if match.by_values and match.certainty >= ADOPTED and match.attribute in content.TOLD_BY_SIGHT - named:
            by_values.setdefault(match.attribute, []).append(column)
    return {(column, name) for name, columns in by_values.items() if len(columns) > 1 for column in columns}


def _by_name(table: Candidates, role: str, column: str, attribute: str | None) -> list[Match]:
    if attribute is not None:
        layout = table.profile.name
        why = Reason(f"the profile {layout} knows this name", f"配置 {layout} 中有此列名")
        return [Match(attribute, _KNOWN, why)]
    in_layouts = [
        Match(name, _IN_A_LAYOUT, Reason(f"the profile {layout} knows this name", f"配置 {layout} 中有此列名"))
        for name, layout in known_names(role).get(plain(column), ())
    ]
    if in_layouts:
        return in_layouts
    name = table.read_as(column)
    read = [
        Match(
            found.attribute, min(found.trust, _CAUTIOUS.get(found.attribute, 1.0)), _words(found.words, name != column)
        )
        for found in readings(role, name)
    ]
    # A name whose words are all known is no other's slip: 道路名称 is no 线路名称.
    slip = None if says_else(role, name) else near_miss(role, plain(column))
    return read if slip is None else [*read, _misspelt(*slip)]


def _misspelt(known: str, attribute: str) -> Match:
    why = Reason(f"its name is one letter away from {known}", f"列名与 {known} 仅一字之差")
    return Match(attribute, min(0.6, _CAUTIOUS.get(attribute, 1.0)), why)


def _words(words: Sequence[str], are_learnt: bool) -> Reason:
    why = Reason(f"its name reads as {' + '.join(words)}", f"列名可读作 {' + '.join(words)}")
    if not are_learnt:
        return why
    return why.but(Reason("the columns of point numbers tell the words", "用词由点号列的列名得知"))


def _by_links(table: Candidates, role: str, column: str, linked: Sequence[str]) -> list[Match]:
    """A column of point numbers of another table is an end of a line, the first such the start; they are the keys."""
    if role in ("node", "combined") and column in table.referred:
        share, source = table.referred[column]
        why = Reason(f"{share:.0%} of {source} are values of it", f"{source} 的取值有 {share:.0%} 出自本列")
        return [Match("key", _REFERRED_TO * share, why, by_values=True)]
    if column in table.pairs and role == "segment" and not linked:
        share, target = table.pairs[column]
        why = Reason(
            f"{share:.0%} of its values name two points of {target}", f"{share:.0%} 的取值由 {target} 的两个点号组成"
        )
        return [Match("pair_key", 0.9 * share, why, by_values=True)]
    if column not in linked or role not in ("segment", "combined", "consumer"):
        return []
    share, target = table.links[column] if column in table.links else table.referred[column]
    attributes = {"segment": ("from_key", "to_key"), "combined": ("to_key",), "consumer": ("node_key",)}[role]
    place = linked.index(column)
    if place >= len(attributes):
        return []
    why = Reason(f"{share:.0%} of its values are point numbers in {target}", f"{share:.0%} 的取值是 {target} 中的点号")
    return [Match(attributes[place], 0.9 * share, why, by_values=True)]


def _by_places(table: Candidates, role: str) -> dict[str, list[Match]]:
    """The columns of a point's coordinates, or of those of both ends, that lie where the map's system is used."""
    if table.home is None:
        return {}
    placed = placed_ends if role == "segment" else placed_point
    found = placed(table.samples, table.home, table.profile.axis)
    if found is None:
        return {}
    why = Reason(f"read in {found.system} they lie where the map is", f"按 {found.system} 读取位于本图范围内")
    return {
        name: [Match(attribute, _TRUST_IN_PLACES, why, by_values=True)] for name, attribute in found.attributes.items()
    }


def _by_values(role: str, column: str, sample: Sample) -> list[Match]:
    attributes = [name for name in ATTRIBUTES[role] if not (name in content.NUMBERS and speaks_against(name, column))]
    found = [(name, content.guess(name, sample.in_unit_of(name, column))) for name in attributes]
    for name, units in _TOLD_BY_UNITS.items():
        if name in attributes and unit_of(column) in units:
            fit = content.fit(name, sample.in_unit_of(name, column)) or 0.0
            found.append((name, _TRUST_IN_UNITS * (fit if name == "diameter" else float(fit >= MENTIONED))))
    shown = ", ".join(sample.words[:2])
    why = Reason(f"its values look like it ({shown})", f"取值与之相符（{shown}）")
    return [Match(attribute, guess, why, by_values=True) for attribute, guess in found if guess >= MENTIONED]


def _weighed(match: Match, sample: Sample, table: Candidates, role: str, column: str) -> Match:
    """A match by name with what the values say to it."""
    if role == "combined" and match.attribute in ("key", "to_key"):
        # A point's number comes again in each row of it, and what it is joined to may stand on another sheet.
        return match
    if match.attribute == "class" and match.certainty == _KNOWN and content.is_believed_class(sample):
        # As an import by the profile does, also of figures.
        return match
    fit = content.fit(match.attribute, sample.in_unit_of(match.attribute, column))
    if match.attribute in _ENDS and table.links and column not in table.referred:
        can_tell = len(sample.words) >= LEAST_DISTINCT or sample.n_known > 2 * LEAST_DISTINCT
        fit = table.links.get(column, (0.0, ""))[0] if can_tell else None
    if fit is None or not sample.n_known:
        return match
    if fit <= content.OF_A_DICTIONARY and content.is_of_another_code(match.attribute, sample):
        fit = 0.0
    if fit < _CONTRADICTED and match.certainty >= _NUMBERED and content.may_be_numbered(match.attribute, sample):
        why = Reason("its numbers are of a dictionary that is not known", "但其数字代码的字典未知")
        return replace(match, certainty=_NUMBERED * match.certainty, why=match.why.but(why))
    if fit < _CONTRADICTED:
        shown = ", ".join(sample.words[:2])
        why = Reason(f"but its values do not look like it ({shown})", f"但取值与之不符（{shown}）")
        spoilt = match.certainty * _SPOILT
        # Points that are not there, or there twice, are for the import to tell, row by row.
        is_number = match.attribute in (*_ENDS, "key") and match.certainty >= _IN_A_LAYOUT
        return replace(match, certainty=max(spoilt, ADOPTED) if is_number else spoilt, why=match.why.but(why))
    if fit >= _AGREED and match.certainty < _IN_A_LAYOUT:
        # Half a name and its values are two witnesses, neither of which need be sure.
        told = 0.5 * fit if match.certainty >= ADOPTED else content.guess(match.attribute, sample)
        return replace(match, certainty=match.certainty + (1 - match.certainty) * told)
    return match


def _merged(named: Iterable[Match], valued: Iterable[Match]) -> list[Match]:
    """One match per attribute, the surest first; where name and values agree they are surer than either."""
    best: dict[str, Match] = {}
    for match in (*named, *valued):
        held = best.get(match.attribute)
        if held is not None and held.certainty >= ADOPTED and match.attribute in _ALIKE_BY_VALUES:
            continue
        if held is not None and match.by_values and not held.by_values and held.certainty >= ADOPTED:
            surer = max(held.certainty, 1 - (1 - held.certainty) * (1 - match.certainty))
            most = max(held.certainty, match.certainty, _IN_A_LAYOUT)
            best[match.attribute] = replace(held, certainty=min(surer, most))
        elif held is None or held.certainty < match.certainty:
            best[match.attribute] = match
    return sorted(best.values(), key=lambda match: -match.certainty)
