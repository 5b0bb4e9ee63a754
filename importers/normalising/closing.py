"""What can be said of a delivery only when all of it has been read."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from importers.places.georeference import Georeference
from importers.profiles import Profile
from schemas.delivery import RowCount, SourceFile
from schemas.findings import Finding, Severity


def unclassed(counts: Sequence[RowCount]) -> list[Finding]:
    """One finding for every table with loaded rows of unknown class: how many, and how to name their class."""
    rows: dict[tuple[str, str], int] = defaultdict(int)
    unknown: dict[tuple[str, str], int] = defaultdict(int)
    for count in counts:
        rows[count.file, count.sheet] += count.loaded
        unknown[count.file, count.sheet] += count.loaded if count.class_code == "unknown" else 0
    return [
        Finding(
            rule="IMP-CLASS",
            severity=Severity.WARNING,
            message_en=f"{n} of {rows[file, sheet]} rows of {sheet} are of unknown class; name it with --class, or say "
            "in a profile which column or words tell it.",
            message_zh=f"{sheet} 的 {rows[file, sheet]} 行中有 {n} 行类别不明；"
            "请用 --class 指明，或在配置文件中说明类别列及其取值。",
            file=file,
            sheet=sheet,
            details={"rows": n},
        )
        for (file, sheet), n in unknown.items()
        if n
    ]


def unmoved_heights(profile: Profile, files: Sequence[SourceFile]) -> list[Finding]:
    """One finding when the profile names another vertical datum and not how far it is from the map's."""
    datum, offset_m = profile.vertical.datum, profile.vertical.offset_m
    if datum is None or offset_m is not None:
        return []
    return [
        Finding(
            rule="IMP-HEIGHT",
            severity=Severity.WARNING,
            message_en=f"Elevations are counted from {datum}, as the profile says, and were taken as they are: it does "
            "not say how far that is from the map's vertical datum ([vertical] offset_m; 0 when it is the same).",
            message_zh=f"配置说明高程基准为 {datum}，但未给出与本图高程基准的差值，高程按原值载入"
            "（请填写 [vertical] offset_m，相同时填 0）。",
            file=files[0].name if files else None,
            value=datum,
        )
    ]


def schematic(nodes: pd.DataFrame, georeference: Georeference) -> list[Finding]:
    """One finding when points were taken as they are although they lie where the project CRS is not used."""
    if georeference.profile.check_area or not len(nodes):
        return []
    east, north = (nodes[name].to_numpy(float) for name in ("x_m", "y_m"))
    if not georeference.is_elsewhere(east, north):
        return []
    system = georeference.project.name
    spread = f"x {east.min():.0f} … {east.max():.0f}, y {north.min():.0f} … {north.max():.0f}"
    return [
        Finding(
            rule="IMP-SCHEMATIC",
            severity=Severity.WARNING,
            message_en=f"The coordinates ({spread}) do not lie where {system} is used and were taken as they are; "
            "they are schematic, or of another system: name it with --crs.",
            message_zh=f"坐标（{spread}）不在 {system} 的适用范围内，已按原值载入；可能为示意坐标或其他坐标系，"
            "请用 --crs 指明坐标系。",
            value=spread,
            limit=system,
            details={"rows": len(nodes)},
        )
    ]


def placed(findings: Sequence[Finding], frames: Mapping[str, pd.DataFrame]) -> list[Finding]:
    """The findings with the place of what they name: a point's own, a line's first end that is known.

    `frames` by kind have the columns source_key, x_m and y_m; findings that have a place keep it.
    """
    named = [finding.feature_key for finding in findings if finding.x_m is None and finding.feature_key]
    wanted = {key: None for name in named for key in (name, *_ends(name))}
    places = {kind: _places(frame, list(wanted)) for kind, frame in frames.items()}
    return [finding if finding.x_m is not None else _placed(finding, places) for finding in findings]


def _places(frame: pd.DataFrame, keys: list[str]) -> dict[str, tuple[float, float]]:
    """The places of the few keys that are asked for."""
    if not len(frame) or not keys:
        return {}
    known = pa.array(frame["source_key"], type=pa.string())
    found = pc.index_in(pa.array(keys, pa.string()), value_set=known).fill_null(-1).to_numpy()
    x_m, y_m = (frame[name].to_numpy(float) for name in ("x_m", "y_m"))
    return {key: (float(x_m[at]), float(y_m[at])) for key, at in zip(keys, found, strict=True) if at >= 0}


def _ends(key: str) -> list[str]:
    return key.split("#")[0].split("->")


def _placed(finding: Finding, places: Mapping[str, Mapping[str, tuple[float, float]]]) -> Finding:
    key = finding.feature_key
    if key is None:
        return finding
    of_kind = places.get(finding.feature_kind or "node", places["node"])
    of_ends = (places["node"].get(end) for end in _ends(key))
    place = of_kind.get(key) or next((end for end in of_ends if end is not None), None)
    return finding if place is None else finding.model_copy(update={"x_m": place[0], "y_m": place[1]})
