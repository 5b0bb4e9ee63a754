"""How a clearance answer is worded, in English and Chinese; what is not certain is never worded as a violation."""

from dataclasses import dataclass
from functools import lru_cache

from pipemap.clearance.rules import Limit
from schemas.clearance import ConflictKind, Side
from schemas.codetables import code_table

_SENTENCES_AT_ONCE = 4096


@dataclass(frozen=True)
class Name:
    """One side as a person calls it."""

    english: str
    chinese: str


@dataclass(frozen=True)
class Saying:
    """What a sentence about a conflict says beside names and measures: the same for thousands of pairs.

    `limit` is None when bodies intersect; `sizes_taken` are the sides whose size is taken as the outer one, and what
    it measures; `casings` those that lie in a casing, and its size in millimetres.
    """

    kind: ConflictKind
    is_pair: bool
    limit: Limit | None
    at_most: bool
    within_accuracy: bool
    assumed: tuple[str, ...]
    to_be_confirmed: bool
    sizes_taken: tuple[tuple[Side, str], ...] = ()
    casings: tuple[tuple[Side, float], ...] = ()


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


def conflict_words(
    one: Name, other: Name | None, told: tuple[str, str], measured_m: float, accuracy_m: float
) -> tuple[str, str]:
    """One of the `sentences` about a conflict with its names and measures, in English and Chinese."""
    english, chinese = told
    measures = {"measured_m": measured_m, "depth_m": -measured_m, "accuracy_m": accuracy_m}
    other = other or one
    return (
        english.format(segment=one.english, other=other.english, **measures),
        chinese.format(segment=one.chinese, other=other.chinese, **measures),
    )


@lru_cache(_SENTENCES_AT_ONCE)
def sentences(saying: Saying) -> tuple[str, str]:
    """The sentence in both languages, with what may be said about its certainty.

    It has places for `segment`, `other` and the measures.
    """
    english, chinese = _collision(saying) if saying.limit is None else _shortfall(saying, saying.limit)
    doubts_en, doubts_zh = _doubts(saying)
    return f"{english}{doubts_en}.", f"{chinese}{doubts_zh}。"


def _shortfall(saying: Saying, limit: Limit) -> tuple[str, str]:
    what_en, what_zh = _WHAT[saying.kind]
    pair_en, pair_zh = ("{segment} and {other}", "{segment}与{other}") if saying.is_pair else ("{segment}", "{segment}")
    link_en = "between" if saying.is_pair else "of"
    most_en, most_zh = ("at most ", "至多") if saying.at_most else ("", "")
    is_en, is_zh = ("may be required", "可能要求") if saying.to_be_confirmed else ("is required", "要求")
    rule_en, rule_zh = _verbatim(f"{limit.standard} {limit.clause}", f"{limit.standard} {clause_zh(limit.clause)}")
    english = (
        f"{what_en} {link_en} {pair_en} is {most_en}{{measured_m:.2f}} m; {limit.min_m:.2f} m {is_en} by {rule_en}"
    ).rstrip()
    chinese = f"{pair_zh}的{what_zh}为{most_zh} {{measured_m:.2f}} m，{rule_zh}{is_zh}不小于 {limit.min_m:.2f} m"
    return english, chinese


def attribute_names(assumed: tuple[str, ...]) -> tuple[str, str]:
    """The attributes behind names like `gas.pressure_mpa`, in English and Chinese."""
    found = [_ATTRIBUTES.get(name.rpartition(".")[2], (name, name)) for name in assumed]
    sides = [name.rpartition(".")[0] for name in assumed]
    english = [f"{side} {words[0]}".strip() for side, words in zip(sides, found, strict=True)]
    return ", ".join(english), "、".join(dict.fromkeys(words[1] for words in found))


def _collision(saying: Saying) -> tuple[str, str]:
    is_doubtful = saying.to_be_confirmed or saying.within_accuracy
    verb_en, verb_zh = ("may intersect", "可能相碰") if is_doubtful else ("intersect", "相碰")
    english = f"{{segment}} and {{other}} {verb_en} by {{depth_m:.2f}} m"
    return english, f"{{segment}}与{{other}}{verb_zh}，侵入 {{depth_m:.2f}} m"


def _doubts(saying: Saying) -> tuple[str, str]:
    english = [f"measured from the casing of {{{side}}} ({mm:g} mm as stated)" for side, mm in saying.casings]
    chinese = [f"自{{{side}}}的套管（所载尺寸 {mm:g} mm）外壁量起" for side, mm in saying.casings]
    if saying.within_accuracy:
        english.append("the difference is within the survey accuracy of {accuracy_m:.2f} m")
        chinese.append("差值在测量精度 {accuracy_m:.2f} m 以内")
    if saying.assumed:
        words_en, words_zh = _verbatim(*attribute_names(saying.assumed))
        english.append(f"not known for certain: {words_en}, the strictest case is taken")
        chinese.append(f"{words_zh}不确定，按最严情况")
    for side, basis in saying.sizes_taken:
        if basis in _SIZES:
            size_en, size_zh = _SIZES[basis]
            english.append(f"the {size_en} size of {{{side}}} is taken as its outer one")
            chinese.append(f"{{{side}}}的{size_zh}按外尺寸计")
    if saying.limit is not None and not saying.limit.confidence.startswith("verified"):
        english.append("the limit is to be confirmed against the printed standard")
        chinese.append("限值待与标准正文核对")
    return "".join(f"; {text}" for text in english), "".join(f"；{text}" for text in chinese)


def _verbatim(*texts: str) -> list[str]:
    """Texts that hold no places of a sentence, whatever a city has written into its tables."""
    return [text.replace("{", "{{").replace("}", "}}") for text in texts]


def _named(table: str, code: str, title: str) -> Name:
    known = code_table(table).get(code)
    if known is None:
        return Name(f"{code} {title}", f"{code} {title}")
    return Name(f"{known.name_en} {title}", f"{known.name_zh} {title}")
