"""What an import says of its columns: units that a header states, and columns that it took for nothing.

An import takes columns by names that its profile knows. What a name reads as otherwise is told, never used: a dry run
shows it and writes it into a profile.
"""

from collections.abc import Iterable, Mapping, Sequence

from importers.normalising.ledger import Ledger, listed
from importers.normalising.units import factor, unit_of
from importers.profiles import ATTRIBUTES, Profile, plain
from importers.proposing.known_names import known_names
from importers.proposing.vocabulary import labels, readings
from schemas.findings import Severity

_SIZES = frozenset({"section", "diameter", "outer_diameter", "inner_diameter", "width_mm", "height_mm"})
_OF_LINES = _SIZES | {"material", "burial", "hole_count", "cable_count"}
# As sure as words that are all known.
_TRUST = 0.75
# Attributes that say more of a row, but without which it is whole; line numbers are the user's to decide on.
_QUIET = frozenset({"line_id", "name", "address"})


def tell_columns(
    columns: Iterable[str],
    mapping: Mapping[str, str],
    measured: Mapping[str, str],
    role: str,
    profile: Profile,
    ledger: Ledger,
    number: int,
) -> None:
    """Add the findings about the columns of one table.

    `mapping` is attribute to source column, `measured` as much of it as was brought into the model's units.
    """
    _tell_units(measured, profile, ledger, number)
    # A profile with a signature was made for this layout: what it leaves is nothing to it.
    if role in ATTRIBUTES and not profile.signature:
        left = {plain(name) for name in profile.leave.get(role, [])}
        unused = [name for name in columns if name not in mapping.values() and plain(name) not in left]
        _tell_unused(unused, mapping, role, ledger, number)


def columns_of_lines(columns: Iterable[str], mapping: Mapping[str, str]) -> list[str]:
    """Columns of a table of points that say what its lines are like, a size among them; else none."""
    read = {name: next(iter(readings("segment", name)), None) for name in columns if name not in mapping.values()}
    found = {name: best.attribute for name, best in read.items() if best is not None and best.trust >= _TRUST}
    of_lines = [name for name, attribute in found.items() if attribute in _OF_LINES]
    return of_lines if len(of_lines) > 1 and _SIZES & {found[name] for name in of_lines} else []


def tell_lines_without_ends(columns: Mapping[int, Sequence[str]], ledger: Ledger) -> None:
    """Say of tables of points that no lines were made of them, for nothing tells where they go."""
    for number, names in columns.items():
        ledger.note(
            number,
            Severity.WARNING,
            "IMP-LINES",
            f"Its columns tell what lines are like ({listed(names)}), but not which point each goes to: no line was "
            "made, and they are kept with the points. Add a column of the next point's number.",
            f"该表有管线属性列（{listed(names)}），但未说明各点与哪一点相连，未生成管线，属性随管点保留；"
            "请补充连接点号列。",
            details={"columns": list(names)},
        )


def _tell_units(mapping: Mapping[str, str], profile: Profile, ledger: Ledger, number: int) -> None:
    for attribute, column in mapping.items():
        stated = None if attribute in profile.units else unit_of(column)
        unit = stated or profile.height_unit(attribute, column)
        times = factor(attribute, unit) if unit is not None else None
        if unit is None or times is None or times == 1.0:
            continue
        ledger.note(
            number,
            Severity.INFO,
            "IMP-UNIT",
            f"Column {column} is in {unit}, as {'its name' if stated else 'its coordinate system'} says; "
            f"its numbers were multiplied by {times:g}.",
            f"列 {column} 按{'列名' if stated else '坐标系'}以 {unit} 为单位，数值已乘以 {times:g}。",
            column=column,
            value=unit,
        )


def _tell_unused(unused: Iterable[str], mapping: Mapping[str, str], role: str, ledger: Ledger, number: int) -> None:
    found: dict[str, str] = {}
    for column in unused:
        attribute = _read_as(role, column)
        if attribute is not None and attribute not in {*mapping, *_QUIET, *found.values()}:
            found[column] = attribute
    if not found:
        return
    en = listed([f"{column} as {attribute}" for column, attribute in found.items()], 4)
    zh = listed([f"{column}（{labels()[attribute]}）" for column, attribute in found.items()], 4)
    ledger.note(
        number,
        Severity.INFO,
        "IMP-COLUMN",
        f"{len(found)} columns were taken for nothing, though their names read like attributes ({en}); `pipemap import "
        "--dry-run --write-profile` writes a profile that uses them.",
        f"有 {len(found)} 列未使用，但列名与属性相近（{zh}）；"
        "可用 `pipemap import --dry-run --write-profile` 生成配置。",
        details={"columns": found},
    )


def _read_as(role: str, column: str) -> str | None:
    """The attribute that another layout has under this name, else what its words say."""
    in_layouts = known_names(role).get(plain(column))
    if in_layouts:
        return in_layouts[0][0]
    best = next(iter(readings(role, column)), None)
    return best.attribute if best is not None and best.trust >= _TRUST else None
