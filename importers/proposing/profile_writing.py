"""Proposals as a profile: a TOML file with every column, why it was taken, and what else it could be, to be edited."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from importers.normalising.units import factor
from importers.places.place_readings import PlaceReading
from importers.profile_files import shipped
from importers.profiles import ATTRIBUTES, Profile
from importers.proposing.class_evidence import ClassTold
from importers.proposing.match import Reason, sureness
from importers.proposing.proposal import ColumnProposal, TableProposal
from importers.proposing.vocabulary import labels
from importers.proposing.word_proposals import WordProposal
from schemas.codetables import code_table
from schemas.delivery import DatumUse

_HEAD = """\
# A profile proposed for {files}.
# Read it, change what is wrong, and import the same files with --profile {name}.toml: what stands here is all that is
# used. A line that begins with # is a remark or something that was not sure enough; take the # away to use it.
# 由试读生成的配置：请核对修改，然后用 --profile {name}.toml 导入。以 # 开头的行为说明或未采用的可能，去掉 # 即启用。
"""


@dataclass(frozen=True)
class Settled:
    """What is the same for all tables of a delivery: how places are read, and the class of rows that name none."""

    axis: str
    crs: str | None = None
    readings: Sequence[tuple[str, PlaceReading]] = ()
    default_class: str | None = None
    class_told: ClassTold | None = None
    foot_told: Reason | None = None
    words: Sequence[WordProposal] = ()
    datums: Sequence[DatumUse] = ()


def profile_text(name: str, base: Profile, tables: Sequence[TableProposal], settled: Settled) -> str:
    """The profile as TOML: valid, complete, and giving the tables the roles and columns that were proposed."""
    files = ", ".join(dict.fromkeys(table.file for table in tables))
    parts = [
        _HEAD.format(files=_one_line(files), name=name),
        f"name = {_quoted(name)}",
        f"title = {_quoted(f'Proposed for {_one_line(files)}')}",
        "# Dictionaries and all else not said here are those of this shipped profile (`pipemap profiles NAME`).",
        f"extends = {_quoted(base.name if base.name in shipped() else base.extends or 'default')}",
        *_places(settled),
        *_general(base, settled),
        *_roles(tables),
        *_columns(tables),
        *_leave(tables),
        *_units(tables),
        *_words(base, settled.words),
        *_vertical(base),
        *_datum(base, settled.datums),
    ]
    return "\n".join(parts) + "\n"


def _places(settled: Settled) -> list[str]:
    told = [f"# {_one_line(sheet)}: {_place(reading)}" for sheet, reading in settled.readings]
    axis = [
        "",
        "# Which of X and Y is the northing: x_is_northing, x_is_easting, or auto for whichever lies where the map is.",
        *told,
        f"axis = {_quoted(settled.axis)}",
        "# The coordinate reference system of files that name none; the map's own when this is left out.",
    ]
    return [*axis, f"crs = {_quoted(settled.crs)}" if settled.crs else '# crs = "EPSG:4547"']


def _place(reading: PlaceReading) -> str:
    order = "X is the northing" if reading.axis == "x_is_northing" else "X is the easting"
    away = "" if reading.distance_m is None else f", {reading.distance_m / 1000:.1f} km from what the map holds"
    return f"{reading.inside:.0%} of places can be there in {reading.name}, {order}{away}"


def _general(base: Profile, settled: Settled) -> list[str]:
    told = settled.class_told
    chosen = settled.default_class or (told.code if told else None)
    return [
        "# Words that stand for unknown, and attributes where 0 does.",
        f"nulls = {_listed(base.nulls)}",
        f"zero_is_unknown = {_listed(base.zero_is_unknown)}",
        "# Metres within which the end of a line without numbers is joined to a point, or to another end.",
        f"snap_m = {base.snap_m}",
        "# The utility class of rows that name none: " + ", ".join(code_table("utility_class")) + ".",
        *([f"# Taken for {told.code}, {told.why.en}. {told.why.zh}。"] if told else []),
        f"default_class = {_quoted(chosen)}" if chosen else '# default_class = "water"',
        *_heights(base, settled.foot_told),
    ]


def _heights(base: Profile, told: Reason | None) -> list[str]:
    unit = "ft" if told else base.heights_in
    return [
        "# The unit of heights and depths whose columns state none, metres when this is left out.",
        *([f"# In feet, {told.en}. {told.zh}。"] if told else []),
        f"heights_in = {_quoted(unit)}" if unit else '# heights_in = "ft"',
    ]


def _roles(tables: Sequence[TableProposal]) -> list[str]:
    """Roles by table name, where columns alone would not lead to them."""
    parts = [
        "",
        "# What each table is, by patterns of its name: node, segment, combined, consumer, structure, ignored.",
        "[roles]",
    ]
    roles: dict[str, list[str]] = {}
    for table in tables:
        if table.role is not None and not table.is_known:
            roles.setdefault(table.role, []).append(f"^{re.escape(table.sheet)}$")
        elif table.role is None:
            parts.append(f"# ignored = {_listed([f'^{re.escape(table.sheet)}$'])}  # not recognised 未识别")
    return [*parts, *(f"{role} = {_listed(dict.fromkeys(patterns))}" for role, patterns in roles.items())]


def _columns(tables: Sequence[TableProposal]) -> list[str]:
    parts: list[str] = []
    for part in ("node", "segment", "consumer", "structure", "ground"):
        lines = _part(part, [table for table in tables if part in _parts(table.role)])
        parts += ["", f"[columns.{part}]", *lines] if lines else []
    return parts


def _parts(role: str | None) -> tuple[str, ...]:
    return ("segment", "node") if role == "combined" else (role or "",)


def _part(part: str, tables: Sequence[TableProposal]) -> list[str]:
    """The columns of one role: a line for every attribute, with what is known of each source column above it."""
    lines: list[str] = []
    taken: dict[str, list[str]] = {}
    remarks: dict[str, list[str]] = {}
    for table in tables:
        shown = f"{table.file} / {table.sheet}: {table.n_rows} rows"
        lines.append(f"# {_one_line(shown)}. {table.why.en}. {table.why.zh}。")
        for column in table.columns:
            attribute = column.attribute
            if attribute is not None and _belongs(attribute, part, table.role):
                if column.column not in taken.setdefault(attribute, []):
                    taken[attribute].append(column.column)
                remarks.setdefault(attribute, []).append(_remark(column))
    for attribute, columns in taken.items():
        names = _listed(_ordered(columns, attribute, tables))
        lines += [*dict.fromkeys(remarks[attribute]), f"{attribute} = {names}  # {labels()[attribute]}"]
    return lines


def _ordered(columns: list[str], attribute: str, tables: Sequence[TableProposal]) -> list[str]:
    """The columns of an attribute so that the one each table was proposed comes before others that it has, too."""
    before: dict[str, set[str]] = {column: set() for column in columns}
    for table in tables:
        own = table.column_of(attribute)
        others = {column.column for column in table.columns if column.column in before} - {own}
        for other in others if own in before else ():
            before[other].add(str(own))
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError:
        return columns


def _belongs(attribute: str, part: str, role: str | None) -> bool:
    return role != "combined" or (part == "node") == (attribute in ATTRIBUTES["node"])


def _remark(column: ColumnProposal) -> str:
    samples = ", ".join(column.samples)
    sure = "" if column.certainty is None else f"{sureness(column.certainty)}: "
    near = "".join(f"; or {match.attribute} ({match.certainty:.2f})" for match in column.near)
    why = f"{column.column} ({samples}) {sure}{column.why.en}{near}. {column.why.zh}。"
    return f"# {_one_line(why)}"


def _leave(tables: Sequence[TableProposal]) -> list[str]:
    """Columns without an attribute, kept with every feature as they are; what they could be stands beside them."""
    parts = [
        "",
        "# Columns that are kept as they are and mean nothing to the map. To use one, move it up to an attribute.",
        "[leave]",
    ]
    for role in ATTRIBUTES:
        of_role = [table for table in tables if table.role == role]
        used = {column.column for table in of_role for column in table.columns if column.attribute}
        left = [
            column
            for table in of_role
            for column in table.columns
            if not column.attribute and column.column not in used
        ]
        parts += dict.fromkeys(_remark(column) for column in left if column.samples)
        names = dict.fromkeys(column.column for column in left)
        parts += [f"{role} = {_listed(names)}"] if names else []
    return parts


def _units(tables: Sequence[TableProposal]) -> list[str]:
    parts = [
        "",
        "# Units of numbers that are not the attribute's own; a unit in a header is used without being named here.",
        "[units]",
    ]
    stated = {
        column.attribute: column.unit
        for table in tables
        for column in table.columns
        if column.attribute and column.unit
    }
    for attribute, unit in stated.items():
        known = factor(attribute, unit)
        if known is not None and known != 1.0:
            parts.append(f"{attribute} = {_quoted(unit)}")
    return [*parts, '# from_depth_m = "cm"'] if len(parts) == 3 else parts


def _words(base: Profile, words: Sequence[WordProposal]) -> list[str]:
    """Words that no dictionary has, with the nearest one that does; those that the delivery explains are used."""
    parts: list[str] = [
        "",
        "# Words of this delivery that no dictionary has, and the code of the nearest word that one has.",
    ]
    for section in dict.fromkeys(word.section for word in words):
        parts += ["", f"[{section}]"]
        for word in (each for each in words if each.section == section):
            parts.append(_word(word))
    return parts if words else []


def _word(word: WordProposal) -> str:
    near = (
        f"nearest is {word.near.word} ({word.near.nearness:.2f})" if word.near else "nothing like it is known 无相近词"
    )
    code = _quoted(word.near.code if word.near else "")
    if word.near and word.said_by:
        told = f"{word.n_rows} rows of {word.column}; {word.said_by} says {word.near.word} 由该表给出"
        return f"{_quoted(word.word)} = {code}  # {_one_line(told)}"
    return f"# {_one_line(f'{_quoted(word.word)} = {code}  # {word.n_rows} rows of {word.column}; {near}')}"


def _vertical(base: Profile) -> list[str]:
    datum, offset = base.vertical.datum, base.vertical.offset_m
    return [
        "",
        "# What elevations are counted from, and what is added to bring them to the map's vertical datum.",
        "[vertical]",
        f"datum = {_quoted(datum)}" if datum else '# datum = "1956黄海高程系"',
        f"offset_m = {offset}" if offset is not None else "# offset_m = 0.0",
        *(["ground_from_model = true"] if base.vertical.ground_from_model else []),
    ]


def _datum(base: Profile, uses: Sequence[DatumUse]) -> list[str]:
    """What depths refer to: what the base profile states, and what an import takes for every other class."""
    stated = base.datum.by_class
    used = {use.class_code: f"{use.rows} lines, said by: {use.said_by}" for use in uses}
    taken = {use.class_code: use.datum_code for use in uses}
    lines = []
    for code in code_table("utility_class"):
        datum = _quoted(stated.get(code) or taken.get(code) or base.datum_of(code, None))
        lines.append(f"{'' if code in stated else '# '}{code} = {datum}  # {used.get(code, 'none here')}")
    return [
        "",
        "# What depths and pipe elevations refer to: crown, invert or axis. What has a # is not stated: rows, names of",
        "# columns, the heights of the delivery and at last the standard's table say it.",
        "[datum.by_class]",
        *lines,
    ]


def _listed(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


def _quoted(text: str) -> str:
    """A TOML basic string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    """A text that can stand in a remark."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", " ", text).split())
