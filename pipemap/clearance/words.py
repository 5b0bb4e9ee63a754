"""How a clearance answer is worded, in English and Chinese; what is not certain is never worded as a violation."""

from dataclasses import dataclass

from pipemap.clearance.rules import Limit
from schemas.clearance import ConflictKind
from schemas.codetables import code_table


@dataclass(frozen=True)
class Name:
    """One side as a person calls it."""

    english: str
    chinese: str


@dataclass(frozen=True)
class Measurement:
    """What a sentence about one conflict tells."""

    kind: ConflictKind
    measured_m: float
    at_most: bool
    limit_m: float
    accuracy_m: float
    within_accuracy: bool
    assumed: tuple[str, ...]
    to_be_confirmed: bool
    sizes_taken: tuple[tuple[Name, str], ...] = ()
    casings: tuple[tuple[Name, float], ...] = ()


_WHAT = {
    ConflictKind.HORIZONTAL: ("Horizontal clearance", "水平净距"),
    ConflictKind.VERTICAL: ("Vertical clearance", "垂直净距"),
    ConflictKind.COVER: ("Cover", "覆土深度"),
    ConflictKind.COLLISION: ("Distance", "间距"),
    ConflictKind.STACKED: ("Stacked one above the other: the horizontal clearance", "上下重叠敷设，水平净距"),
    ConflictKind.UNDER_BUILDING: ("Built over: the horizontal clearance", "被建（构）筑物占压，水平净距"),
}
_ATTRIBUTES = {
    "burial_code": ("burial method", "敷设方式"),
    "pressure_mpa": ("pressure", "压力"),
    "width_mm": ("size", "管径或断面"),
    "voltage_kv": ("voltage", "电压"),
    "elevation": ("elevation", "高程"),
    "carriageway": ("whether it lies under a carriageway", "是否位于机动车道下"),
}


# What a survey states instead of the outer size; that it states nothing is not said in every sentence.
_SIZES = {"nominal": ("nominal", "公称尺寸"), "inner": ("inner", "内尺寸")}


def segment_name(class_code: str, source_key: str) -> Name:
    """A segment by its class and key."""
    return _named("utility_class", class_code, source_key)


def drawn_name(class_code: str) -> Name:
    """A pipe that is drawn and not in the map."""
    known = code_table("utility_class")[class_code]
    return Name(f"the drawn {known.name_en} line", f"拟建{known.name_zh}管线")


def structure_name(kind_code: str, title: str) -> Name:
    """A structure by its kind and its name or key."""
    return _named("structure_kind", kind_code, title)


def clause_zh(clause: str) -> str:
    """A clause as it is cited in Chinese."""
    return clause.replace("table ", "表 ").replace("clause ", "条文 ").replace("App. ", "附录 ")


def conflict_words(one: Name, other: Name | None, limit: Limit | None, said: Measurement) -> tuple[str, str]:
    """One sentence about a conflict with what may be said about its certainty, in English and Chinese."""
    if limit is None:
        return _collision_words(one, other, said)
    what_en, what_zh = _WHAT[said.kind]
    pair_en = f"{one.english} and {other.english}" if other else one.english
    pair_zh = f"{one.chinese}与{other.chinese}" if other else one.chinese
    link_en = "between" if other else "of"
    most_en, most_zh = ("at most ", "至多") if said.at_most else ("", "")
    is_en, is_zh = ("may be required", "可能要求") if said.to_be_confirmed else ("is required", "要求")
    english = (
        f"{what_en} {link_en} {pair_en} is {most_en}{said.measured_m:.2f} m; {said.limit_m:.2f} m {is_en}"
        f" by {limit.standard} {limit.clause}".rstrip()
    )
    chinese = (
        f"{pair_zh}的{what_zh}为{most_zh} {said.measured_m:.2f} m，"
        f"{limit.standard} {clause_zh(limit.clause)}{is_zh}不小于 {said.limit_m:.2f} m"
    )
    doubts_en, doubts_zh = _doubts(limit, said)
    return f"{english}{doubts_en}.", f"{chinese}{doubts_zh}。"


def attribute_names(assumed: tuple[str, ...]) -> tuple[str, str]:
    """The attributes behind names like `gas.pressure_mpa`, in English and Chinese."""
    found = [_ATTRIBUTES.get(name.rpartition(".")[2], (name, name)) for name in assumed]
    sides = [name.rpartition(".")[0] for name in assumed]
    english = [f"{side} {words[0]}".strip() for side, words in zip(sides, found, strict=True)]
    return ", ".join(english), "、".join(dict.fromkeys(words[1] for words in found))


def _collision_words(one: Name, other: Name | None, said: Measurement) -> tuple[str, str]:
    assert other is not None
    depth_m = -said.measured_m
    verb_en, verb_zh = (
        ("may intersect", "可能相碰") if said.to_be_confirmed or said.within_accuracy else ("intersect", "相碰")
    )
    english = f"{one.english} and {other.english} {verb_en} by {depth_m:.2f} m"
    chinese = f"{one.chinese}与{other.chinese}{verb_zh}，侵入 {depth_m:.2f} m"
    doubts_en, doubts_zh = _doubts(None, said)
    return f"{english}{doubts_en}.", f"{chinese}{doubts_zh}。"


def _doubts(limit: Limit | None, said: Measurement) -> tuple[str, str]:
    english = [f"measured from the casing of {name.english} ({mm:g} mm as stated)" for name, mm in said.casings]
    chinese = [f"自{name.chinese}的套管（所载尺寸 {mm:g} mm）外壁量起" for name, mm in said.casings]
    if said.within_accuracy:
        english.append(f"the difference is within the survey accuracy of {said.accuracy_m:.2f} m")
        chinese.append(f"差值在测量精度 {said.accuracy_m:.2f} m 以内")
    if said.assumed:
        words_en, words_zh = attribute_names(said.assumed)
        english.append(f"not known for certain: {words_en}, the strictest case is taken")
        chinese.append(f"{words_zh}不确定，按最严情况")
    for name, basis in said.sizes_taken:
        if basis in _SIZES:
            size_en, size_zh = _SIZES[basis]
            english.append(f"the {size_en} size of {name.english} is taken as its outer one")
            chinese.append(f"{name.chinese}的{size_zh}按外尺寸计")
    if limit is not None and not limit.confidence.startswith("verified"):
        english.append("the limit is to be confirmed against the printed standard")
        chinese.append("限值待与标准正文核对")
    return "".join(f"; {text}" for text in english), "".join(f"；{text}" for text in chinese)


def _named(table: str, code: str, title: str) -> Name:
    known = code_table(table).get(code)
    if known is None:
        return Name(f"{code} {title}", f"{code} {title}")
    return Name(f"{known.name_en} {title}", f"{known.name_zh} {title}")
