"""What depths and pipe elevations refer to: the outer top of a pipe, its inner bottom or its axis.

A row may say it, the profile, or the name of a column (管顶高程, invert level, 覆土). Where none of them does, the
heights of the delivery are looked at (`importers.normalising.datum_evidence`), and where these are not clear the
standard's table holds. Which it was is told, with the counts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from importers.normalising.cells import Mask
from importers.normalising.compact import BURIAL, CLASS, DATUM, codes
from importers.normalising.datum_evidence import TOLERANCE_M, Evidence, Ints, Surveyed, evidence
from importers.normalising.ledger import Ledger
from importers.profiles import Profile, standard_datum
from importers.proposing.vocabulary import datum_in_name
from schemas.codetables import code_table
from schemas.delivery import DatumUse
from schemas.findings import Severity

SAID_BY = ("row", "profile", "column", "evidence", "standard")
_DEPTHS, _ELEVATIONS = ("from_depth_m", "to_depth_m", "depths"), ("from_elevation_m", "to_elevation_m")
_OPPOSITE = {"crown": "invert", "invert": "crown"}
# Lines that are enough to tell by.
_LOOK_AT = 200_000


@dataclass(frozen=True)
class _Sayings:
    """For every segment, what says its datum (a place in SAID_BY) and which (a code of DATUM); -1 where unsaid."""

    said_by: Ints
    datum: Ints

    def or_else(self, name: str, datum: Ints) -> "_Sayings":
        """The sayings with another source for what is still unsaid."""
        is_said = (self.datum < 0) & (datum >= 0)
        said_by = np.where(is_said, SAID_BY.index(name), self.said_by)
        return _Sayings(said_by, np.where(is_said, datum, self.datum))

    def like(self, other: "_Sayings", is_one: Mask) -> "_Sayings":
        """The sayings with those of the other, where both are one and the other has more to say than the standard."""
        standard = SAID_BY.index("standard")
        follows = is_one & (self.said_by == standard) & (other.said_by < standard)
        said_by = np.where(follows, other.said_by, self.said_by)
        return _Sayings(said_by, np.where(follows, other.datum, self.datum))


def resolved(
    nodes: pd.DataFrame,
    segments: pd.DataFrame,
    ends: Surveyed,
    profile: Profile,
    columns: Mapping[int, Mapping[str, str]],
    ledger: Ledger,
) -> tuple[pd.DataFrame, list[DatumUse]]:
    """Segments with a datum each, and how often which datum was used for a class, and by whose word.

    Depths that refer to another datum than the elevations of their row are brought to that of the elevations.

    Parameters
    ----------
    columns
        Source columns by attribute of every table, for what their names say.
    """
    found = evidence(nodes, segments[:_LOOK_AT], ends.head(_LOOK_AT)) if len(segments) else {}
    of_depths = _sayings(segments, profile, found, _named(segments, columns, _DEPTHS), True)
    of_elevations = _sayings(segments, profile, found, _named(segments, columns, _ELEVATIONS), False)
    is_one = _of_class(segments, {code: "axis" for code, each in found.items() if each.is_one}) >= 0
    of_depths, of_elevations = of_depths.like(of_elevations, is_one), of_elevations.like(of_depths, is_one)
    has_elevation = np.isfinite(ends.elevation_m).any(axis=1)
    datum = np.where(has_elevation, of_elevations.datum, of_depths.datum)
    said_by = np.where(has_elevation, of_elevations.said_by, of_depths.said_by)
    segments = _with_depths(segments, np.where(has_elevation, of_depths.datum, datum), datum)
    segments = segments.assign(depth_datum_code=pd.Categorical.from_codes(datum, dtype=DATUM))
    has_height = has_elevation | np.isfinite(ends.depth_m).any(axis=1)
    known = np.flatnonzero(has_height)
    uses = _uses(segments.iloc[known], said_by[known])
    _tell(segments, uses, found, ledger)
    return segments, uses


def _sayings(
    segments: pd.DataFrame, profile: Profile, found: Mapping[str, Evidence], named: Ints, is_depth: bool
) -> _Sayings:
    stated, standard = _by_class_and_burial(segments, profile)
    unsaid = np.full(len(segments), -1)
    said = _Sayings(unsaid, unsaid).or_else("row", codes(segments["depth_datum_code"])).or_else("profile", stated)
    said = said.or_else("column", named)
    differing = {code: each.differing() for code, each in found.items()}
    turned = {code: datum if is_depth else _OPPOSITE.get(datum or "") for code, datum in differing.items()}
    said = said.or_else("evidence", _of_class(segments, turned))
    clear = _of_class(segments, {code: each.clear() for code, each in found.items()})
    # In a trench the class has a datum of its own; joints of other lines say nothing of it.
    own = _of_class(segments, {code: standard_datum(code, None) for code in code_table("utility_class")})
    said = said.or_else("evidence", np.where(standard == own, clear, -1))
    return said.or_else("standard", standard)


def _by_class_and_burial(segments: pd.DataFrame, profile: Profile) -> tuple[Ints, Ints]:
    """What the profile states, and what the standard's table has, for the class and burial of every segment."""
    classes, burials = list(CLASS.categories), [*BURIAL.categories, None]
    pairs = codes(segments["class_code"]) * len(burials) + codes(segments["burial_code"]) + 1
    row, distinct = pd.factorize(pairs)
    known = [(classes[pair // len(burials)], burials[pair % len(burials) - 1]) for pair in distinct.tolist()]
    stated = [_code(profile.stated_datum(*pair)) for pair in known]
    standard = [_code(standard_datum(*pair)) for pair in known]
    return np.array(stated, dtype=np.int64)[row], np.array(standard, dtype=np.int64)[row]


def _named(segments: pd.DataFrame, columns: Mapping[int, Mapping[str, str]], attributes: Sequence[str]) -> Ints:
    """What the names of the columns of each segment's table say."""
    tables = segments["table"].to_numpy()
    named = np.full(len(segments), -1)
    for number in np.unique(tables):
        headers = [columns.get(int(number), {}).get(name) for name in attributes]
        said = {datum_in_name(header) for header in headers if header is not None} - {None}
        if len(said) == 1:
            named[tables == number] = _code(said.pop())
    return named


def _of_class(segments: pd.DataFrame, datums: Mapping[str, str | None]) -> Ints:
    by_code = np.array([_code(datums.get(str(code))) for code in CLASS.categories])
    return np.asarray(by_code[codes(segments["class_code"])])


def _code(datum: str | None) -> int:
    return -1 if datum is None else list(DATUM.categories).index(datum)


def _with_depths(segments: pd.DataFrame, of_depths: Ints, datum: Ints) -> pd.DataFrame:
    """Depths moved from the datum that they refer to onto that of the row, by the height of the section."""
    differs = of_depths != datum
    if not differs.any():
        return segments
    # How far below the crown a datum lies, as a share of the height.
    share = np.array([{"crown": 0.0, "axis": 0.5, "invert": 1.0}.get(str(code), np.nan) for code in DATUM.categories])
    down_m = np.where(differs, (share[datum] - share[of_depths]) * segments["height_mm"].to_numpy(float) / 1000, 0.0)
    moved = {name: segments[name] + np.nan_to_num(down_m) for name in ("from_depth_m", "to_depth_m")}
    return segments.assign(**moved)


def _uses(segments: pd.DataFrame, said_by: Ints) -> list[DatumUse]:
    shape = len(CLASS.categories), len(DATUM.categories), len(SAID_BY)
    keys = codes(segments["class_code"]), codes(segments["depth_datum_code"]), said_by
    counts = np.bincount(np.ravel_multi_index(keys, shape), minlength=math.prod(shape)).reshape(shape)
    return [
        DatumUse(str(CLASS.categories[of_class]), str(DATUM.categories[datum]), SAID_BY[said], int(count))
        for (of_class, datum, said), count in np.ndenumerate(counts)
        if count
    ]


def _tell(segments: pd.DataFrame, uses: Sequence[DatumUse], found: Mapping[str, Evidence], ledger: Ledger) -> None:
    for use in uses:
        heights = found.get(use.class_code, Evidence())
        # Of pipes of which nobody knows what they are, the standard says nothing that can be relied on.
        is_open = use.class_code == "unknown" and use.said_by == "standard" and _has_heights(segments, use.class_code)
        if not heights.is_telling and use.said_by != "column" and not is_open:
            continue
        number = int(segments["table"][segments["class_code"] == use.class_code].iloc[0])
        name = code_table("utility_class")[use.class_code]
        datum = code_table("depth_datum")[use.datum_code]
        by_en, by_zh, is_odd = _reason(use, heights)
        differs_en, differs_zh = _differing(heights) if use.said_by == "evidence" else ("", "")
        ledger.note(
            number,
            Severity.WARNING if is_odd or is_open else Severity.INFO,
            "IMP-DATUM",
            f"Depths and pipe elevations of {name.name_en} ({use.rows} lines) refer to the {datum.name_en}: {by_en}."
            f"{differs_en} Joints and wells that fit within {TOLERANCE_M} m: {heights.crown} crown, {heights.invert} "
            f"invert, {heights.axis} axis, {heights.level} cannot tell, {heights.none} none.",
            f"{name.name_zh}（{use.rows} 段）的埋深与管道高程以{datum.name_zh}为准：{by_zh}。{differs_zh}"
            f"接头与井深（容差 {TOLERANCE_M} m）：符合管顶 {heights.crown}、管底 {heights.invert}、"
            f"管中心 {heights.axis}、无法判断 {heights.level}、均不符 {heights.none}。",
            value=use.datum_code,
            details={"class": use.class_code, "said_by": use.said_by, "rows": use.rows, **vars(heights)},
        )


def _has_heights(segments: pd.DataFrame, class_code: str) -> bool:
    names = ["from_depth_m", "to_depth_m", "from_elevation_m", "to_elevation_m"]
    return bool(segments.loc[segments["class_code"] == class_code, names].notna().to_numpy().any())


def _reason(use: DatumUse, heights: Evidence) -> tuple[str, str, bool]:
    """Whose word it is, in both languages, and whether something speaks against it."""
    clear, standard = heights.clear(), standard_datum(use.class_code, None)
    against = clear is not None and clear != use.datum_code
    said = {
        "row": ("the rows say so", "由数据行说明"),
        "profile": ("the profile says so", "由配置说明"),
        "column": ("the names of the columns say so", "由列名说明"),
        "evidence": ("the heights of the delivery say so", "由成果自身高程判定"),
        "standard": (
            "by the standard's table, as the delivery does not tell clearly",
            "按标准取用，成果自身无法明确判断",
        ),
    }[use.said_by]
    if against:
        datum = code_table("depth_datum")[str(clear)]
        return (
            f"{said[0]}, but its heights speak for the {datum.name_en}",
            f"{said[1]}，但高程符合{datum.name_zh}",
            True,
        )
    if use.said_by == "evidence" and standard != use.datum_code:
        datum = code_table("depth_datum")[standard]
        return f"{said[0]}; the standard's table says {datum.name_en}", f"{said[1]}，标准为{datum.name_zh}", True
    return *said, False


def _differing(heights: Evidence) -> tuple[str, str]:
    """What is said where depths and elevations refer to opposite sides of the pipe."""
    datum = heights.differing()
    if datum is None:
        return "", ""
    n = max(heights.depth_crown, heights.depth_invert)
    sides = ("crowns", "inverts", "管顶", "管底") if datum == "crown" else ("inverts", "crowns", "管底", "管顶")
    return (
        f" At {n} ends the depth is to {sides[0]} and the elevation of {sides[1]}; depths were brought to the latter.",
        f"{n} 处埋深以{sides[2]}为准而高程以{sides[3]}为准，埋深已换算至后者。",
    )
