"""Groups of attributes that one or several source columns tell together: sections, pressures, heights."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from importers.normalising.cells import (
    ZERO,
    Floats,
    Objects,
    coalesced,
    code_in,
    code_of,
    first_known,
    floats,
    is_unknown,
    objects_of,
)
from importers.normalising.columns import Columns
from importers.normalising.ledger import listed
from importers.normalising.pipe_materials import beside_sizes
from importers.normalising.sections import (
    INCH_MM,
    LEAST_MM,
    Section,
    are_inches,
    as_nominal,
    parse_section,
    sizes,
    with_box,
)
from importers.normalising.units import unit_of
from importers.normalising.usual_sizes import usual_in_inches
from schemas.codetables import codes_where
from schemas.findings import Severity

_PAIR = re.compile(r"\s*(?:->|[,，;；~～→至到])\s*")
_DASH = re.compile(r"\s*[-—–－]+\s*")
_LEAST_COUNTED = 3
_COUNTS = ("hole_count", "cable_count")
_SIZES = ("width_mm", "height_mm", "nominal_mm", "inner_width_mm", "inner_height_mm")
# A circle's sizes, each known from the other.
_WIDTH_AND_HEIGHT = (
    ("width_mm", "height_mm"), ("height_mm", "width_mm"), ("inner_width_mm", "inner_height_mm"),
    ("inner_height_mm", "inner_width_mm"),
)  # fmt: skip
# Half of the pipes of a network are wider.
_LEAST_USUAL_MM = 50.0
_NOMINAL = re.compile(r"公称|标称|nominal|nennweite|(?<![a-z])dn(?![a-z])", re.IGNORECASE)


def feature_and_appurtenance(columns: Columns) -> tuple[Objects, Objects]:
    """Both codes; a word that only the other dictionary has is taken there, where it says nothing yet."""
    tables = {name: columns.profile.code_words(name) for name in ("feature", "appurtenance")}
    if not any(name in columns for name in tables):
        said_by = "name" if "name" in columns else "class"
        return _codes_in(said_by, columns, tables["feature"]), _codes_in(said_by, columns, tables["appurtenance"])
    own, others = {}, {}
    for name, other in (("feature", "appurtenance"), ("appurtenance", "feature")):
        own[name], others[other] = _codes_of_either(columns, name, tables[name], tables[other])
    return coalesced(own["feature"], others["feature"]), coalesced(own["appurtenance"], others["appurtenance"])


def _codes_in(attribute: str, columns: Columns, words: Mapping[str, str]) -> Objects:
    """The codes of what things are called, 信号灯, where no column says what they are; a proper name has none."""
    return columns.cells(attribute).each(lambda word: code_of(word, words) or (code_in(word, words) or (None,))[0])


def _codes_of_either(
    columns: Columns, name: str, words: Mapping[str, str], instead: Mapping[str, str]
) -> tuple[Objects, Objects]:
    """The codes of a column by its own dictionary, and by another for words that its own has not."""
    found = columns.cells(name)
    own = found.each(lambda word: code_of(word, words))
    other = found.each(lambda word: None if code_of(word, words) else code_of(word, instead))
    # A 三通井 is a well at a tee.
    unknown = found.where(lambda word: not code_of(word, words) and (not code_of(word, instead) or word[-1:] == "井"))
    if unknown.any():
        own = coalesced(own, columns.read_by_parts(name, found, unknown, words))
        unknown &= is_unknown(own) & is_unknown(other)
    columns.unknown_words(name, found, unknown)
    return own, other


def life(columns: Columns) -> dict[str, Any]:
    """Owner, lifecycle, date and accuracy."""
    return {
        "owner": columns.texts("owner"),
        "lifecycle_code": columns.codes("lifecycle", "lifecycle"),
        "installed_on": columns.dates("installed_on"),
        "horizontal_accuracy_m": columns.numbers("horizontal_accuracy_m"),
        "vertical_accuracy_m": columns.numbers("vertical_accuracy_m"),
    }


def ends(columns: Columns) -> tuple[Objects, Objects]:
    """Point numbers of both ends."""
    if columns.role == "combined":
        # Rows after a point's first one leave its number blank.
        keys = pd.Series(columns.texts("key"), dtype=object).ffill()
        return keys.where(keys.notna(), None).to_numpy(object), columns.texts("to_key")
    is_counted = "pair_key" in columns and are_running_numbers(columns.cells("pair_key").words)
    if is_counted:
        columns.keep(columns.mapping["pair_key"], columns.cells("pair_key").where(bool))
    if "from_key" in columns or "pair_key" not in columns or is_counted:
        return columns.texts("from_key"), columns.texts("to_key")
    pairs = columns.parsed("pair_key", pair_of, "IMP-PAIR", lambda pair: pair is not None)
    blank = (None, None)
    both = [pair or blank for pair in pairs]
    return objects_of(pair[0] for pair in both), objects_of(pair[1] for pair in both)


def container_keys(columns: Columns) -> Objects:
    """The key of the line each lies in; a table that names lines by both their points may name these so, too."""
    keys = columns.texts("container_key")
    if "pair_key" not in columns:
        return keys
    pairs = (None if key is None or "->" in key else pair_of(key) for key in keys)
    return objects_of("->".join(pair) if pair else key for pair, key in zip(pairs, keys, strict=True))


def pair_of(word: str) -> tuple[str, str] | None:
    """The two point numbers that one text names, None where it does not."""
    parts = _PAIR.split(word)
    if len(parts) == 2 and all(parts):
        return parts[0], parts[1]
    # JS1-JS2, and A-1-A-2, which has as many dashes in either number.
    pieces = _DASH.split(word)
    half = len(pieces) // 2
    return None if len(pieces) % 2 or not all(pieces) else ("-".join(pieces[:half]), "-".join(pieces[half:]))


def are_running_numbers(words: Iterable[str | None]) -> bool:
    """Whether texts that part like pairs of point numbers count lines: GD-1, GD-2, GD-3."""
    pairs = [pair for word in words if word is not None and (pair := pair_of(word))]
    firsts = {first for first, _ in pairs}
    return len(pairs) >= _LEAST_COUNTED and len(firsts) == 1 and not any(map(str.isdigit, firsts.pop()))


def section(columns: Columns, class_codes: Objects, material_codes: Objects) -> dict[str, Any]:
    """Section text, shape, sizes, material, holes and cables; own columns win over the text.

    `width_mm` and `height_mm` are outer where that is known, else as stated; `size_basis_code` tells which, and
    nominal and inner sizes stand beside them.
    """
    texts, index, sections = _parsed_sections(columns, class_codes, material_codes)
    in_text_shape, in_text_material = (
        np.array([getattr(found, name) for found in sections], dtype=object)[index]
        for name in ("shape_code", "material_code")
    )
    told_shape = columns.codes("shape", "section_shape")
    # A word that no dictionary has says that a pipe is another than sizes alone would make of it: an egg, a mouth.
    is_strange = columns.cells("shape").where(bool) & is_unknown(told_shape)
    material_codes = coalesced(material_codes, in_text_material)
    measured = _sizes(columns, sections, index, material_codes)
    # A bare number beside a height of its own is a width, no diameter.
    is_flat = (in_text_shape == "circle") & (np.abs(measured["width_mm"] - measured["height_mm"]) > 0)
    shape = coalesced(told_shape, np.where(is_flat, "unknown", in_text_shape))
    for one, other in _WIDTH_AND_HEIGHT:
        measured[one] = np.where(shape == "circle", first_known(measured[one], measured[other]), measured[one])
    is_own = ~np.isnan(measured["width_mm"]) & ~np.isnan(measured["height_mm"]) & (shape == "unknown")
    is_round = measured["width_mm"] == measured["height_mm"]
    is_own &= is_round | ~is_strange
    total, used = _holes(columns)
    in_text = {name: floats(getattr(found, name) for found in sections)[index] for name in _COUNTS}
    return {
        "section_text": texts,
        "shape_code": np.where(is_own, np.where(is_round, "circle", "rect"), shape),
        **measured,
        "casing_mm": _casings_mm(columns),
        "material_code": material_codes,
        "hole_count": first_known(total, in_text["hole_count"]),
        "used_hole_count": used,
        "cable_count": first_known(columns.numbers("cable_count"), in_text["cable_count"]),
    }


def _sizes(
    columns: Columns, parsed: Sequence[Section], index: npt.NDArray[np.int64], material_codes: Objects
) -> dict[str, Any]:
    """Outer or stated, nominal and inner sizes: of columns that say which they hold, else of the text."""
    own = {name: _in_mm(columns, name) for name in (*_SIZES, "outer_diameter", "inner_diameter")}
    own["wall_mm"] = columns.numbers("wall_mm")
    outer, inner, wall = own["outer_diameter"], own["inner_diameter"], own["wall_mm"]
    row, cases = _cases(index, material_codes, wall)
    found = [sizes(parsed[place], material, wall_mm) for place, material, wall_mm in cases]
    in_text = {name: floats(getattr(one, name) for one in found)[row] for name in _SIZES}
    in_text["inner_width_mm"], in_text["inner_height_mm"] = (
        first_known(inner, np.where(np.isnan(outer), in_text[name], outer - 2 * wall))
        for name in ("inner_width_mm", "inner_height_mm")
    )
    known = {name: first_known(own[name], in_text[name]) for name in _SIZES}
    is_inner = np.isnan(first_known(outer, own["width_mm"], own["height_mm"], in_text["width_mm"]))
    for name in ("width_mm", "height_mm"):
        known[name] = first_known(own[name], outer, in_text[name], np.where(is_inner, known[f"inner_{name}"], np.nan))
    basis = np.array([one.basis_code for one in found], dtype=object)[row]
    basis[is_unknown(basis) & is_inner & ~np.isnan(first_known(known["width_mm"], known["height_mm"]))] = "inner"
    basis[~np.isnan(outer)] = "outer"
    return {**known, "size_basis_code": coalesced(columns.codes("size_basis", "size_basis"), basis)}


def _in_mm(columns: Columns, attribute: str) -> Floats:
    """Sizes of a column; those too small for millimetres are of metres where its unit is not stated: 0.3, 0.45, 1."""
    found, column = columns.numbers(attribute), columns.mapping.get(attribute, "")
    is_small = found < LEAST_MM
    in_mm = _mm_per_unit(columns, attribute)
    if in_mm != 1.0 or _has_unit(columns, attribute) or not (found[is_small] % 1.0).any():
        return found * (in_mm / columns.factor(attribute))
    if columns.first_place == 0:
        _tell_metres(columns, column, [f"{size:g}" for size in np.unique(found[is_small])])
    return np.where(is_small, found * 1000.0, found)


def _has_unit(columns: Columns, attribute: str) -> bool:
    return attribute in columns.profile.units or unit_of(columns.mapping.get(attribute, "")) is not None


def _mm_per_unit(columns: Columns, attribute: str) -> float:
    """What bare sizes are multiplied with; those too small for millimetres are inches where feet or others say so."""
    stated, column = columns.factor(attribute), columns.mapping.get(attribute)
    if column is None or stated != 1.0 or _has_unit(columns, attribute):
        return stated
    why = _why_inches(columns, attribute, column)
    if why is None:
        return stated
    if columns.first_place == 0:
        en, zh = why
        columns.ledger.note(
            columns.number,
            Severity.WARNING,
            "IMP-UNIT",
            f"Sizes in column {column} are too small for millimetres and {en}; they were read in "
            f'inches. If that is wrong, say {attribute} = "mm" under [units] in a profile.',
            f"列 {column} 的尺寸过小、不可能为毫米，且{zh}，按英寸读取；"
            f'如不对，请在配置文件 [units] 中写明 {attribute} = "mm"。',
            column=column,
        )
    return INCH_MM


def _why_inches(columns: Columns, attribute: str, column: str) -> tuple[str, str] | None:
    """Why sizes without a unit are of inches, in both languages; None where nothing says so."""
    bare = pd.to_numeric(columns.rows[column], errors="coerce")
    if columns.profile.heights_in is not None and 0 < bare[bare > 0].median() < _LEAST_USUAL_MM:
        return "the system counts in feet", "坐标系以英尺为单位"
    if usual_in_inches(bare[bare > 0].to_numpy(float)):
        return "usual ones in inches", "均为常用的英寸规格"
    words = [word for word in columns.cells(attribute).words if word]
    unmarked = [word for word in words if not are_inches(word)]
    sizes_of_others = [float(size) for word in unmarked for size in re.findall(r"\d+(?:\.\d+)?", word)]
    if 0 < len(unmarked) < len(words) - len(unmarked) and max(sizes_of_others, default=0.0) < _LEAST_USUAL_MM:
        return "most others of it are in inches", "该列多数尺寸以英寸计"
    return None


def _casings_mm(columns: Columns) -> Floats:
    """Diameter of the casing round each pipe; what is no one round pipe, a box or several, is told and unknown."""
    mm_per_unit = columns.factor("casing_mm")

    def diameter_mm(word: str) -> float | None:
        casing = parse_section(word, mm_per_unit)
        if casing.shape_code != "circle":
            return np.nan if word in ZERO else None
        return sizes(casing, casing.material_code).width_mm

    return floats(columns.parsed("casing_mm", diameter_mm, "IMP-SECTION", lambda size: size is not None))


def _names_nominal(columns: Columns, attribute: str) -> bool:
    """Whether the name of a column says that it holds nominal sizes: 公称直径, DN."""
    return _NOMINAL.search(columns.mapping.get(attribute, "")) is not None


def _cases(*known: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], list[tuple[Any, ...]]]:
    """The distinct rows of some columns, unknown as None, and which of them each row is."""
    row = np.zeros(len(known[0]), dtype=np.int64)
    for column in known:
        index, distinct = pd.factorize(column, use_na_sentinel=False)
        row = pd.factorize(row * len(distinct) + index)[0]
    _, first = np.unique(row, return_index=True)
    cases = zip(*(column[first].tolist() for column in known), strict=True)
    return row, [tuple(None if value != value else value for value in case) for case in cases]


def _parsed_sections(
    columns: Columns, class_codes: Objects, material_codes: Objects
) -> tuple[Objects, npt.NDArray[np.int64], list[Section]]:
    """Section texts, and each row's place among the distinct sections; the diameter fills blank sections."""
    texts, diameters = (
        columns.cells(name).each(lambda word: None if word in ZERO else word) for name in ("section", "diameter")
    )
    in_mm = np.full(len(columns.rows), _mm_per_unit(columns, "section"))
    in_mm[is_unknown(texts)] = _mm_per_unit(columns, "diameter")
    names_nominal = np.where(is_unknown(texts), *(_names_nominal(columns, name) for name in ("diameter", "section")))
    boxes = diameters.copy()
    boxes[is_unknown(texts)] = None
    texts = coalesced(texts, diameters)
    is_cable = pd.Series(class_codes, dtype=object).isin(codes_where("utility_class", "flow", "cable")).to_numpy()
    stated = np.flatnonzero(~is_unknown(texts))
    said = (texts, in_mm, material_codes, is_cable, boxes, names_nominal)
    row, cases = _cases(*(each[stated] for each in said))
    words = beside_sizes(columns.profile.code_words("material"))
    sections = [
        with_box(as_nominal(found) if is_nominal else found, box)
        for text, mm_per_unit, material, of_cable, box, is_nominal in cases
        for found in [parse_section(text, mm_per_unit, material=material, is_cable=of_cable, materials=words)]
    ]
    index = np.full(len(texts), len(sections))
    index[stated] = row
    in_metres = [text for (text, *_), found in zip(cases, sections, strict=True) if found.is_in_metres]
    if in_metres and columns.first_place == 0:
        _tell_metres(columns, columns.mapping.get("section", columns.mapping.get("diameter")), in_metres)
    several = [text for (text, *_), found in zip(cases, sections, strict=True) if found.is_of_several]
    if several and columns.first_place == 0:
        _tell_several(columns, several)
    unreadable = [text for (text, *_), found in zip(cases, sections, strict=True) if not found.is_known]
    for attribute in ("section", "diameter"):
        if unreadable and attribute in columns:
            found = columns.cells(attribute)
            columns.unknown_words(attribute, found, np.isin(found.texts().astype(str), unreadable), "IMP-SECTION")
    return texts, index, [*sections, Section()]


def _tell_metres(columns: Columns, column: str | None, texts: Sequence[str]) -> None:
    columns.ledger.note(
        columns.number,
        Severity.INFO,
        "IMP-UNIT",
        f"Sizes in column {column} that are too small for millimetres were read in metres: {listed(texts)}.",
        f"列 {column} 中数值过小、不可能为毫米的尺寸按米读取：{listed(texts)}。",
        column=column,
        value=texts[0],
    )


def _tell_several(columns: Columns, texts: Sequence[str]) -> None:
    column = columns.mapping.get("section", columns.mapping.get("diameter"))
    columns.ledger.note(
        columns.number,
        Severity.INFO,
        "IMP-SEVERAL",
        f"Sizes in column {column} are of several equal pipes side by side ({listed(texts)}); a line stands for all of "
        "them: how wide they are together is unknown. Deliver a line for each to have them told apart.",
        f"列 {column} 的规格为多根并排的同径管（{listed(texts)}），一条管线代表全部，其总宽未知；如需区分请逐根提交。",
        column=column,
        value=texts[0],
    )


def _holes(columns: Columns) -> tuple[Floats, Floats]:
    total, unused = columns.numbers("hole_count"), columns.numbers("unused_hole_count")
    used = first_known(columns.numbers("used_hole_count"), total - unused)
    for attribute, is_total_first in (("holes", True), ("used_holes", False)):
        if attribute in columns:
            first, second = columns.pairs(attribute)
            in_text = (first, second) if is_total_first else (second, first)
            total = np.where(np.isnan(total), in_text[0], total)
            used = np.where(np.isnan(used), in_text[1], used)
    return total, used
