"""What a pipe's material tells of its size: standard outer diameters, and material words in section texts."""

import re
from collections.abc import Mapping
from functools import cache

from schemas.codetables import aliases

PLASTICS = frozenset({"pe", "pvc", "plastic"})

# What a plastic may bear, and what a pipe may: neither is a size.
_GRADE = re.compile(r"\bPE\s*-?\s*(?:80|100|112)(?:\s*-?RC)?\b", re.IGNORECASE)
_MARKS = re.compile(r"(?<![A-Za-z])(?:PN\s*\d+(?:\.\d+)?|SN\s*\d+)\b", re.IGNORECASE)
_BETWEEN = " ,/;，、()"

# GB/T 13295 (ISO 2531, EN 545): nominal size to outer diameter of ductile iron pipes.
_DUCTILE_IRON_MM = {
    40: 56, 50: 66, 60: 77, 65: 82, 80: 98, 100: 118, 125: 144, 150: 170, 200: 222, 250: 274, 300: 326, 350: 378,
    400: 429, 450: 480, 500: 532, 600: 635, 700: 738, 800: 842, 900: 945, 1000: 1048, 1100: 1152, 1200: 1255,
    1400: 1462, 1500: 1565, 1600: 1668, 1800: 1875, 2000: 2082, 2200: 2288, 2400: 2495, 2600: 2702,
}  # fmt: skip
# Outer diameters of plastic pipes (ISO 161-1, GB/T 4217). Those that are no nominal size of any other pipe can
# only be meant as outer ones; 200 or 400 can be either.
_PLASTIC_MM = frozenset(
    {16, 20, 25, 32, 40, 50, 63, 75, 90, 110, 125, 140, 160, 180, 200, 225, 250, 280, 315, 355, 400, 450, 500, 560,
     630, 710, 800, 900, 1000, 1200}
)  # fmt: skip
_PLASTIC_ONLY_MM = frozenset({63, 75, 90, 110, 140, 160, 180, 225, 280, 315, 355, 560, 630, 710})


def is_plastic_size(size_mm: float, material_code: str | None) -> bool:
    """Whether a plastic pipe is made with this outer diameter."""
    return material_code in PLASTICS and size_mm in _PLASTIC_MM


def outer_diameter_mm(nominal_mm: float, material_code: str | None) -> float | None:
    """The outer diameter that belongs to a nominal one, None where the material's standard does not fix it.

    Steel has two series of outer diameters (GB/T 21835), grey iron several editions, and the wall of concrete
    depends on its class: none of them is fixed.
    """
    if material_code == "ductile_iron":
        return _DUCTILE_IRON_MM.get(int(nominal_mm)) if nominal_mm == int(nominal_mm) else None
    if material_code in PLASTICS and nominal_mm in _PLASTIC_ONLY_MM:
        return nominal_mm
    return None


def beside_sizes(words: Mapping[str, str]) -> dict[str, str]:
    """The words for materials that may stand beside a size; codes of a dictionary, numbers or letters, do not."""
    return {word: code for word, code in words.items() if word[:1].isalpha() and (len(word) > 1 or word > "\u3000")}


def without_material(text: str, words: Mapping[str, str] | None = None) -> tuple[str, str | None]:
    """A section text without the material named before or behind the sizes, and the material's code.

    `DN300 铸铁`, `PE110-PN16`, `125 PE 100`: classes of strength and pressure are dropped with it. `words` gives
    the code of each case-folded word that means a material; by default those of the code table.
    """
    known = aliases("material") if words is None else words
    rest = _MARKS.sub(" ", _GRADE.sub(" ", text)).strip().rstrip("-")
    for pattern in _material_patterns(tuple(known)):
        match = pattern.fullmatch(rest.strip(_BETWEEN))
        if match:
            return match["size"].strip(_BETWEEN), known[match["material"].casefold()]
    return rest, "pe" if _GRADE.search(text) else None


@cache
def _material_patterns(known: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    words = "|".join(sorted(map(re.escape, known), key=len, reverse=True))
    material = rf"(?<![A-Za-z])(?P<material>{words})管?"
    return (
        re.compile(rf"(?P<size>.*\d.*?)[{_BETWEEN}]*{material}", re.IGNORECASE),
        re.compile(rf"{material}[{_BETWEEN}-]*(?P<size>.*\d.*)", re.IGNORECASE),
    )
