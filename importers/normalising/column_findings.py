"""What an import says of its columns: units that a header states, and columns that it took for nothing.

An import takes columns by names that its profile knows. What a name reads as otherwise is told, never used: a dry run
shows it and writes it into a profile.
"""

from collections.abc import Iterable, Mapping

from importers.normalising.ledger import Ledger, listed
from importers.normalising.units import factor, unit_of
from importers.profiles import ATTRIBUTES, Profile, plain
from importers.proposing.vocabulary import labels, readings
from schemas.findings import Severity

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


def _tell_units(mapping: Mapping[str, str], profile: Profile, ledger: Ledger, number: int) -> None:
    for attribute, column in mapping.items():
        unit = None if attribute in profile.units else unit_of(column)
        times = factor(attribute, unit) if unit is not None else None
        if unit is None or times is None or times == 1.0:
            continue
        ledger.note(
            number,
            Severity.INFO,
            "IMP-UNIT",
            f"Column {column} is in {unit}, as its name says; its numbers were multiplied by {times:g}.",
            f"列 {column} 按列名以 {unit} 为单位，数值已乘以 {times:g}。",
            column=column,
            value=unit,
        )


def _tell_unused(unused: Iterable[str], mapping: Mapping[str, str], role: str, ledger: Ledger, number: int) -> None:
    found: dict[str, str] = {}
    for column in unused:
        best = next(iter(readings(role, column)), None)
        if best is None or best.trust < _TRUST or best.attribute in {*mapping, *_QUIET, *found.values()}:
            continue
        found[column] = best.attribute
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
