"""Units of columns: what a profile or a header states, as the factor to the unit of the model."""

import re
import unicodedata

# Multiples of a metre, kilovolt and megapascal: the model's units of length, voltage and pressure.
LENGTHS_M = {
    "km": 1000.0, "m": 1.0, "dm": 0.1, "cm": 0.01, "mm": 0.001, "ft": 0.3048, "us-ft": 1200 / 3937, "in": 0.0254,
    "metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0, "inch": 0.0254, "inches": 0.0254, "feet": 0.3048,
    "м": 1.0, "см": 0.01, "мм": 0.001, "مم": 0.001, "سم": 0.01,
    "公尺": 1.0, "公寸": 0.1, "公分": 0.01, "公厘": 0.001, "公釐": 0.001,
    "米": 1.0, "分米": 0.1, "厘米": 0.01, "毫米": 0.001, "英尺": 0.3048, "英寸": 0.0254,
    "متر": 1.0, "سانتیمتر": 0.01, "سانتی متر": 0.01, "میلیمتر": 0.001, "میلی متر": 0.001, "ملم": 0.001,
    "เมตร": 1.0, "ม": 1.0, "ซม": 0.01, "มม": 0.001, "मी": 1.0, "मिमी": 0.001,
    "מ'": 1.0, "מטר": 1.0, 'ס"מ': 0.01, 'מ"מ': 0.001,
    **dict.fromkeys(
        ("inci", "inchi", "pulg", "pulgada", "pulgadas", "plg", "pol", "polegada", "polegadas", "pouce", "pouces",
         "pollici", "zoll", "tum", "tuumaa", "cal", "cale", "inç", "duim", "дюйм", "дюйма", "дюймов", "дюйми", "дюймы",
         "اینچ", "بوصة", "انش", "นิ้ว", "ίντσες", "인치"), 0.0254,
    ),
}  # fmt: skip
VOLTAGES_KV = {"kv": 1.0, "v": 0.001, "千伏": 1.0, "伏": 0.001}
PRESSURES_MPA = {
    "mpa": 1.0,
    "kpa": 0.001,
    "pa": 1e-6,
    "bar": 0.1,
    "psi": 0.006894757,
    "psig": 0.006894757,
    "兆帕": 1.0,
    "千帕": 0.001,
}
_COORDINATES = ("x", "y", "from_x", "from_y", "to_x", "to_y", "depths")
_IN_MM = ("section", "diameter", "outer_diameter", "inner_diameter")
# Every word for a unit, with what it measures.
SCALES = {**dict.fromkeys(LENGTHS_M, "length"), **dict.fromkeys(VOLTAGES_KV, "voltage")}
SCALES |= dict.fromkeys(PRESSURES_MPA, "pressure")
_WORDS = "|".join(sorted(map(re.escape, (*LENGTHS_M, *VOLTAGES_KV, *PRESSURES_MPA)), key=len, reverse=True))
_IN_BRACKETS = re.compile(rf"[(\[【]\s*(?:单位\s*[:：]?\s*)?({_WORDS})\.?\s*[)\]】]")
# Behind Chinese any unit stands out; behind Latin letters a single m or v can be the end of a word.
_METRES = re.compile(r"[_\s]m$", re.IGNORECASE)
# Behind a comma or an "in" any unit is one: Диаметр, мм. Inches stand behind a size or
# cover alone: INV_IN is of an inlet.
_INCHES = r"(?:(?<=dia)|(?<=diam)|(?<=diameter)|(?<=size)|(?<=width)|(?<=height)|(?<=cover))[_\s-](in|inch|inches)"
_AT_END = re.compile(
    rf"(?:(?<=[一-龥])({_WORDS})|[_\s-](km|dm|cm|mm|ft|kv|kpa|mpa|bar)|,\s*({_WORDS})|\s+in\s+({_WORDS})|{_INCHES})$"
)


def unit_of(header: str) -> str | None:
    """The unit that a header states (`起点埋深(cm)`, `管径mm`, `DEPTH_FT`), None where it states none."""
    text = unicodedata.normalize("NFKC", header).casefold().strip()
    match = _IN_BRACKETS.search(text) or _AT_END.search(text)
    return next((unit for unit in match.groups() if unit), None) if match else None


def is_of_metres(header: str) -> bool:
    """Whether a header ends in an m of its own, as the attributes of the model do: `us_invert_m`."""
    return _METRES.search(header) is not None


def without_unit(header: str) -> str:
    """A header without the unit at its end."""
    text = unicodedata.normalize("NFKC", header).strip()
    match = _IN_BRACKETS.search(text.casefold()) or _AT_END.search(text.casefold())
    return (text[: match.start()] + text[match.end() :]).strip() if match else _METRES.sub("", text)


def factor(attribute: str, unit: str) -> float | None:
    """What numbers in `unit` are multiplied with to be in the attribute's own unit; None when it cannot be in it."""
    scale = SCALES.get(unit.casefold())
    if unit.casefold() == "in" and attribute.endswith(("elevation_m", "invert_m", "bottom_m")):
        # "Invert (in)" is the one of the inlet.
        return None
    if scale == "length" and (attribute.endswith("_mm") or attribute in _IN_MM):
        return LENGTHS_M[unit.casefold()] * 1000.0
    if scale == "length" and (attribute.endswith("_m") or attribute in _COORDINATES):
        return LENGTHS_M[unit.casefold()]
    if scale == "voltage" and attribute in ("voltage", "pressure_or_voltage"):
        return VOLTAGES_KV[unit.casefold()]
    return PRESSURES_MPA[unit.casefold()] if scale == "pressure" and attribute == "pressure" else None
