"""What an import would take each table and column for: the dry run's answer, for a user to correct in a profile."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from pyproj import CRS

from importers.base import DERIVED, RecordTable
from importers.delivery import Reading
from importers.normalising.listings import one_by_one
from importers.normalising.normalise import role_of
from importers.places.feet import foot_of
from importers.places.place_readings import Home, System
from importers.profiles import ATTRIBUTES, Profile
from importers.proposing.arithmetic import heights
from importers.proposing.content import is_ground
from importers.proposing.line_ends import numbers_at_ends
from importers.proposing.marks import own_words
from importers.proposing.match import ADOPTED, MENTIONED, Match, Reason
from importers.proposing.matching import OF_DRAWINGS, Candidates, assigned, matches
from importers.proposing.point_heights import heights_by_number, pipe_levels, well_heights
from importers.proposing.references import Links, links
from importers.proposing.roles import LEAST_REFERRING, best_role, names_other_points
from importers.proposing.sample import Sample
from importers.proposing.twins import other_ends
from importers.proposing.units_told import unit_in
from importers.proposing.vocabulary import readings, says_nothing

_SAMPLES = 3
_MENTIONS = 3
# Of a column as sure as this, nobody asks what else it could be.
_SURE = 0.95
_GROUND, _LIKELY = "ground_elevation_m", 0.8
_PLACES = ("x", "y", "easting_m", "northing_m")
# A column of point numbers is looked at to its end: lines refer to any of them.
_ALL_NUMBERS = 500_000


@dataclass(frozen=True)
class ColumnProposal:
    """One source column: what it was taken for, how sure and why, what else it could be, and what stands in it.

    `unit` is the unit of its numbers when it is not the attribute's own; `by_values` tells that no name says so and
    the import takes the column for nothing until a profile does.
    """

    column: str
    attribute: str | None
    certainty: float | None
    why: Reason
    samples: tuple[str, ...]
    filled: float
    unit: str | None = None
    by_values: bool = False
    near: tuple[Match, ...] = ()


@dataclass(frozen=True)
class TableProposal:
    """One sheet, layer or table: the role it was taken for, how sure and why, and its columns.

    `is_known` tells that the profile alone finds the role; another role is used from a written profile only.
    """

    file: str
    sheet: str
    n_rows: int
    role: str | None
    certainty: float | None
    why: Reason
    is_known: bool
    columns: tuple[ColumnProposal, ...]

    def column_of(self, attribute: str) -> str | None:
        """The source column that an attribute is taken from."""
        return next((column.column for column in self.columns if column.attribute == attribute), None)


@dataclass(frozen=True)
class _Table:
    """A table as read, with its first rows only when it comes in chunks."""

    table: RecordTable
    samples: dict[str, Sample]
    links: Links = field(default_factory=Links)
    respelt: Mapping[str, str] = field(default_factory=dict)


def propose(reading: Reading, home: Home | None = None, given: System | None = None) -> list[TableProposal]:
    """Every table that was read, in the order of the files; chunks of one count once.

    `home` is where the map is; without it nothing is known of places. `given` is the system that the user names.
    """
    named = given if isinstance(given, CRS) else None
    first = [_one_by_one(table, reading.profile) for table in _first_chunks(reading.tables, reading.profile)]
    tables = _linked([_Table(table, _samples(table, reading.profile)) for table in first], reading.profile)
    proposals = [_with_wells(each, _table(each, reading.profile, home, named)) for each in tables]
    if sum(proposal.role in (None, "segment", "combined") for proposal in proposals) == 1:
        proposals = [_without_places(*pair, reading.profile) for pair in zip(tables, proposals, strict=True)]
    heights_m = _heights_m(tables, proposals)
    unsettled = [not _is_settled(each.table, reading.profile) for each in tables]
    return [
        _with_heights(each, proposal, *heights_m) if is_unsettled else proposal
        for each, proposal, is_unsettled in zip(tables, proposals, unsettled, strict=True)
    ]


def _one_by_one(table: RecordTable, profile: Profile) -> RecordTable:
    """The table as an import will see it, with a row for each of several connected points."""
    return one_by_one(table, profile) if role_of(table, profile) in ("combined", None) else table


def _without_places(each: _Table, proposal: TableProposal, profile: Profile) -> TableProposal:
    """A table whose rows name a point and others as a combined one, where another table says where its points are."""
    candidates = Candidates(each.samples, profile, None, each.links.refers, each.links.referred)
    if _is_told(each, proposal) or each.table.shapes is not None or not names_other_points(candidates):
        return proposal
    columns = _columns(candidates, "combined")
    named = {column.attribute: column.column for column in columns if column.attribute and not column.by_values}
    share, target = each.links.refers.get(named.get("key", ""), (0.0, ""))
    if share < LEAST_REFERRING or "to_key" not in named:
        return proposal
    why = Reason(
        f"its rows name points and others; {target} has their places", f"每行给出点号与连接点号，坐标见 {target}"
    )
    return _proposed(each.table, "combined", ADOPTED, why, False, columns)


def _is_told(each: _Table, proposal: TableProposal) -> bool:
    """Whether a table is of points and lines, or of lines of which a name says where they start."""
    start = proposal.column_of("from_key")
    named = readings("segment", each.respelt.get(start, start)) if start is not None else ()
    return proposal.role == "combined" or any(found.attribute == "from_key" for found in named)


def _is_settled(table: RecordTable, profile: Profile) -> bool:
    """Whether a profile that was made for this layout says all there is to say of a table."""
    return role_of(table, profile) is not None and bool({*profile.signature} - OF_DRAWINGS)


def _heights_m(tables: Sequence[_Table], proposals: Sequence[TableProposal]) -> tuple[dict[str, float], ...]:
    """Elevations of the ground and of the bottom of wells by point number, of all tables that have both."""
    ground: dict[str, float] = {}
    bottom: dict[str, float] = {}
    for each, proposal in zip(tables, proposals, strict=True):
        of_ground, of_bottom = heights_by_number(each.table, proposal.column_of)
        ground |= of_ground
        bottom |= of_bottom
    return ground, bottom


def _with_heights(
    each: _Table, proposal: TableProposal, ground_m: Mapping[str, float], bottom_m: Mapping[str, float]
) -> TableProposal:
    """The proposal with free columns of lines that heights tell."""
    if proposal.role not in ("segment", "combined"):
        return proposal
    proposal = _with_numbered_ends(each, _with_other_ends(each, proposal))
    ends = {column.attribute: column.column for column in proposal.columns if column.attribute is not None}
    free = [column.column for column in proposal.columns if column.attribute is None]
    found = heights(each.samples, free, ends, ground_m, bottom_m)
    told = assigned({name: [m for m in options if m.attribute not in ends] for name, options in found.items()})
    return _with_told(proposal, told)


def _with_other_ends(each: _Table, proposal: TableProposal) -> TableProposal:
    """The proposal with free columns that are the known ones' of the other end by their names."""
    free = [column.column for column in proposal.columns if column.attribute is None]
    taken = {column.attribute: column.column for column in proposal.columns if column.attribute is not None}
    return _with_told(proposal, other_ends(each.samples, free, taken))


def _with_numbered_ends(each: _Table, proposal: TableProposal) -> TableProposal:
    """The proposal of drawn lines with the columns that number their ends by where they meet.

    Where lines meet tells more than that values are numbers of points, which a line's own number can be as well.
    """
    geometry = each.table.geometry
    ends = [column for column in proposal.columns if column.attribute in ("from_key", "to_key")]
    if geometry is None or not all(column.by_values for column in ends):
        return proposal
    free = [column.column for column in proposal.columns if column.attribute is None]
    told = numbers_at_ends(each.samples, [*(column.column for column in ends), *free], geometry)
    freed = {column.column for column in ends} - told.keys() if told or len(ends) == 1 else set()
    return _with_told(_without(proposal, freed), told)


def _without(proposal: TableProposal, names: Set[str]) -> TableProposal:
    """The proposal with columns that are no attribute after all."""
    why = Reason("by where the lines meet it numbers none of their ends", "按线的相接位置，该列并非端点号")
    columns = [
        replace(column, attribute=None, certainty=None, why=why, by_values=False, near=())
        if column.column in names
        else column
        for column in proposal.columns
    ]
    return replace(proposal, columns=tuple(columns))


def _with_told(proposal: TableProposal, told: Mapping[str, Match]) -> TableProposal:
    """The proposal with columns as their numbers tell."""
    columns = [
        replace(
            column, attribute=told[column.column].attribute, certainty=told[column.column].certainty,
            why=told[column.column].why, by_values=True, near=(),
        ) if column.column in told else column
        for column in proposal.columns
    ]  # fmt: skip
    return replace(proposal, columns=tuple(columns))


def _with_wells(each: _Table, proposal: TableProposal) -> TableProposal:
    """The proposal of points with the columns of which numbers tell what names do not, or hardly."""
    if proposal.role not in ("node", "combined"):
        return proposal
    unsure = {c.column for c in proposal.columns if c.attribute == _GROUND and (c.certainty or 0.0) < _LIKELY}
    taken = {c.attribute: c.column for c in proposal.columns if c.attribute is not None and c.column not in unsure}
    free = [c.column for c in proposal.columns if c.column in unsure or _may_be_height(c, proposal.role)]
    levels = pipe_levels(each.samples, free, taken, str(proposal.role))
    left = [name for name in free if name not in levels]
    told = levels | well_heights(each.samples, left, taken, each.table.geometry)
    return _with_ground(each, _with_told(proposal, told))


def _with_ground(each: _Table, proposal: TableProposal) -> TableProposal:
    """The proposal with the column behind the coordinates as the ground, unless its name says anything else.

    Number, X, Y, H is the order that field programs write; what may be a depth is left to the user.
    """
    at = max((place for place, column in enumerate(proposal.columns) if column.attribute in _PLACES), default=-1) + 1
    behind = proposal.columns[at] if 0 < at < len(proposal.columns) else None
    if proposal.column_of(_GROUND) or behind is None or behind.attribute is not None:
        return proposal
    if not says_nothing(str(proposal.role), behind.column) or not is_ground(each.samples[behind.column]):
        return proposal
    why = Reason(
        "it stands behind the coordinates, and is no depth by its numbers", "位于坐标之后，且其数值不可能为埋深"
    )
    return _with_told(proposal, {behind.column: Match(_GROUND, ADOPTED, why, by_values=True)})


def _may_be_height(column: ColumnProposal, role: str) -> bool:
    """Whether a column is free, and its name says nothing or is that of the ground, which another gives."""
    is_second = any(match.attribute == _GROUND for match in column.near)
    return column.attribute is None and (is_second or says_nothing(role, column.column))


def _first_chunks(tables: Iterable[tuple[RecordTable, str]], profile: Profile) -> list[RecordTable]:
    """The first part of each table; points and lines of one layer are two, of which those without rows count last."""
    first: dict[tuple[str, str, str | None], RecordTable] = {}
    for table, _ in tables:
        role = role_of(table, profile) if table.shapes is not None else None
        first.setdefault((table.file, table.sheet, role), table)
    filled = {(file, sheet) for (file, sheet, _), table in first.items() if len(table.rows)}
    return [table for (*place, _), table in first.items() if len(table.rows) or tuple(place) not in filled]


def _samples(table: RecordTable, profile: Profile) -> dict[str, Sample]:
    found = {}
    for name in (str(column) for column in table.rows.columns if column != DERIVED):
        sample = Sample.of(table.rows[name], profile)
        is_number = sample.n_known > 2 and sample.distinct_share >= 0.98 and sample.decimal_share < 0.1
        found[name] = Sample.of(table.rows[name], profile, _ALL_NUMBERS) if is_number else sample
    return found


def _linked(tables: Sequence[_Table], profile: Profile) -> list[_Table]:
    """The tables with what refers to what; only numbers of points are referred to, also of those at ends of lines."""
    are_points = [_may_number_points(each, profile) for each in tables]
    found = links([(each.table.sheet, each.samples) for each in tables], are_points)
    read = own_words([(linked, each.samples) for each, linked in zip(tables, found, strict=True)])
    told = zip(tables, found, read, strict=True)
    return [replace(each, links=linked, respelt=respelt) for each, linked, respelt in told]


def _may_number_points(each: _Table, profile: Profile) -> bool:
    """Whether a table says where points are, which lines with places at their ends do."""
    role = role_of(each.table, profile)
    return role in (None, "node", "combined") or (role == "segment" and "from_x" in profile.mapping(role, each.samples))


def _table(each: _Table, profile: Profile, home: Home | None, given: CRS | None) -> TableProposal:
    table, known = each.table, role_of(each.table, profile)
    is_settled = _is_settled(table, profile)
    candidates = Candidates(
        each.samples,
        profile,
        home,
        each.links.refers,
        each.links.referred,
        each.links.pairs,
        is_settled,
        table.role is not None and not OF_DRAWINGS & each.samples.keys(),
        has_geometry=table.shapes is not None,
        foot=foot_of(given or table.crs or (home.crs if home else None)),
        respelt=each.respelt,
        said=table.said,
    )
    if known == "node" and table.role is None and not is_settled and names_other_points(candidates):
        why = Reason("its rows name a point and another one", "每行给出一个点号及与其相连的点号")
        return _proposed(table, "combined", ADOPTED, why, False, _columns(candidates, "combined"))
    if known == "ignored":
        why = Reason(
            f"the profile {profile.name} leaves out tables of this name", f"配置 {profile.name} 不导入此名称的表"
        )
        return _proposed(
            table, known, 1.0, why, True, _left(each.samples, Reason("the table is left out", "该表不导入"))
        )
    if known is not None:
        why = _why_known(table, profile)
        return _proposed(table, known, 1.0, why, True, _columns(candidates, known))
    role, certainty = best_role(candidates)
    if role is None:
        why = Reason("nothing in its columns says what it holds", "各列均无法说明该表内容")
        columns = _left(each.samples, Reason("the table is not recognised", "该表未识别"))
        return _proposed(table, None, None, why, False, columns)
    if role == "node" and table.role is None and names_other_points(candidates):
        role = "combined"
    why = Reason("what its columns seem to hold makes it one", "由各列内容推断")
    return _proposed(table, role, certainty, why, False, _columns(candidates, role))


def _proposed(
    table: RecordTable,
    role: str | None,
    certainty: float | None,
    why: Reason,
    known: bool,
    columns: Sequence[ColumnProposal],
) -> TableProposal:
    return TableProposal(table.file, table.sheet, len(table.rows), role, certainty, why, known, tuple(columns))


def _why_known(table: RecordTable, profile: Profile) -> Reason:
    if table.role is not None:
        return Reason("the format says so", "由文件格式确定")
    return Reason(
        f"the profile {profile.name} finds it by its name or columns", f"配置 {profile.name} 按表名或列名确定"
    )


def _columns(table: Candidates, role: str) -> list[ColumnProposal]:
    found = matches(table, role) if role in ATTRIBUTES else {}
    chosen = assigned(found)
    holders = {match.attribute: column for column, match in chosen.items()}
    return [
        _column(name, sample, chosen.get(name), found.get(name, []), holders, table.foot)
        for name, sample in table.samples.items()
    ]


def _column(
    name: str,
    sample: Sample,
    match: Match | None,
    options: Sequence[Match],
    holders: Mapping[str, str],
    foot: str | None,
) -> ColumnProposal:
    others = [option for option in options if option is not match and option.certainty >= MENTIONED]
    near = () if match is not None and match.certainty >= _SURE else tuple(others[:_MENTIONS])
    samples, filled = tuple(sample.words[:_SAMPLES]), sample.filled
    if match is not None:
        unit = unit_in(match.attribute, name, sample, foot)
        return ColumnProposal(
            name, match.attribute, match.certainty, match.why, samples, filled, unit, match.by_values, near
        )
    return ColumnProposal(name, None, None, _why_left(sample, near, holders), samples, filled, near=near)


def _why_left(sample: Sample, near: Sequence[Match], holders: Mapping[str, str]) -> Reason:
    if not sample.n_known:
        return Reason("it is empty; kept as it is", "整列为空，原样保留")
    lost = next((match for match in near if match.certainty >= ADOPTED and match.attribute in holders), None)
    if lost is not None:
        holder = holders[lost.attribute]
        return Reason(
            f"it could be {lost.attribute}, which {holder} gives", f"可能为 {lost.attribute}，但已由 {holder} 列提供"
        )
    return Reason("no attribute of the model; kept as it is", "模型中无对应属性，原样保留")


def _left(samples: Mapping[str, Sample], why: Reason) -> list[ColumnProposal]:
    return [ColumnProposal(name, None, None, why, tuple(s.words[:_SAMPLES]), s.filled) for name, s in samples.items()]
