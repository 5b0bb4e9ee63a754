"""What the values of a column look like: shares between 0 and 1 of values that an attribute could hold.

A look at values proposes, it never decides: an import takes nothing by it (see `importers.proposing.matching`).
"""

import re
from collections.abc import Callable, Mapping

import numpy as np

from importers.normalising.attributes import are_running_numbers, pair_of
from importers.normalising.cells import code_of
from importers.normalising.classes import are_class_letters, sewer_letters
from importers.normalising.columns import class_of
from importers.normalising.dates import date_parser, parse_date
from importers.normalising.measures import parse_measure
from importers.normalising.sections import Section, parse_section
from importers.normalising.units import SCALES
from importers.normalising.usual_sizes import USUAL_MM
from importers.profiles import ELEVATIONS
from importers.proposing.code_words import akin
from importers.proposing.sample import Sample
from importers.proposing.units_told import (
    in_centimetres,
    in_inches,
    in_metres,
    in_millimetres,
    share_of_voltages,
)

# What a few words that come again and again, none of them known, are worth as codes.
OF_A_DICTIONARY = 0.3
_KNOWN_CODES, _HALF, _TOLD_CLASSES = 0.8, 0.5, 0.7
_CODES = {
    "class": "utility_class", "material": "material", "burial": "burial", "feature": "feature",
    "appurtenance": "appurtenance", "lifecycle": "lifecycle", "flow_direction": "flow_direction",
    "valve_state": "valve_state", "operability": "operability", "depth_datum": "depth_datum",
    "size_basis": "size_basis", "shape": "section_shape",
}  # fmt: skip
# What numbers that may be sizes, but no usual ones, are worth: they do not speak against a name.
_NO_USUAL_SIZE, _LARGEST_MM = 0.3, 5_000
_IN_INCHES, _MOSTLY = 0.6, 0.8
_VOLTAGE = re.compile(r"\d+(?:\.\d+)?\s*(?:kv|v|千伏|伏)", re.IGNORECASE)
_PRESSURE = re.compile(r"\d+(?:\.\d+)?\s*(?:mpa|kpa|bar|兆帕|千帕)", re.IGNORECASE)
_OWNER = re.compile(
    r"公司|集团|单位|局$|所$|中心$|管理处|水务|移动|联通|电信|铁塔|供电|utility|company|ltd|gmbh|council", re.IGNORECASE
)
# Legal forms of companies, with a name beside them.
_FORMS = (
    r"GmbH|AG|KG|S\.?A\.?|SARL|S\.?p\.?A\.?|S\.?r\.?l\.?|B\.?V\.?|N\.?V\.?|A/S|ApS|Oyj?|AB|ASA?|Ltd|LLC|Inc|Corp|PLC|Pty"
    r"|Zrt|Nyrt|Kft|d\.?o\.?o\.?|d\.?d\.?|a\.?s\.?|s\.?r\.?o\.?|Sp\. ?z ?o\.?o\.?|JKP|JP|OÜ|SIA|UAB|PT|PDAM|A\.?Ş\.?"
    r"|[ОЗП]?АО|ООО|ГУП|МУП|КП|ТОВ|ПАТ|ПрАТ|Е?ООД|Е?АД|Α\.?Ε\.?"
)
_COMPANY = re.compile(rf"\w{{2,}}[,\s]+(?:{_FORMS})(?!\w)|(?<!\w)(?:{_FORMS})\s+[\"«“„]?\w{{3,}}")
_ROAD = re.compile(r"[路街道巷]$|大道|street|road|avenue|straße|strasse|calle", re.IGNORECASE)
_ELEMENT = re.compile(r"5[1-8]\d{6}")
_UNITS = frozenset((*SCALES, *"个座根条段处套台孔只"))
_LOOKED_FOR = {"owner": (_OWNER, _COMPANY), "address": (_ROAD,)}
_POINT_NUMBER = re.compile(r"(?=\D*\d)[^\s:]+")
_MARKED = re.compile(r"[a-zΦφØ⌀￠¢]|[x×*]|孔", re.IGNORECASE)
# Columns of more words than this hold no code words.
_MOST_CODE_WORDS = 200
# Wells are numbered 12.1 and 12.2, too; where no name says so, decimals are measures.
_MEASURED = re.compile(r"-?\d+\.\d{2,}")
_FEW_DECIMALS, _DECIMAL_NUMBERS = 0.1, 0.3
_NEARLY_ALL = 0.98
_FEW_WORDS, _MOST_CODE, _LEAST_NUMBERS = 60, 1_000, 3
# Days, not months, of at most a year; what they are worth as dates of building.
_LEAST_OF_A_DAY, _LEAST_OF_A_CAMPAIGN, _DAYS_OF_A_CAMPAIGN, _OF_A_SURVEY = 7, 2, 366, 0.7
_SMALLEST_MM = 10.0
_LEAST_COORDINATE_M = 1_000.0
_DEEPEST_M = 15.0
# A layer of one class says so in every row; letters alone could be a code of anything.
_LETTERS_OF_A_WORD = 4
# C and R are shapes only in a column that is called so.
_LETTERS_OF_A_SHAPE = 2
# Few pipes of a city lie deeper.
_SHALLOW_M = 8.0
_FILLS = (-9999.0, -999.0, -99999.0)


def fit(attribute: str, sample: Sample) -> float | None:
    """How far the values can be the attribute's; None when values cannot speak against it, or there are none."""
    if not sample.n_known:
        return None
    if attribute in _CODES:
        known = _coded(_CODES[attribute], sample)
        return _of_points(known, sample) if attribute == "appurtenance" else known
    if attribute == "key":
        share = sample.distinct_share if sample.distinct_share > _NEARLY_ALL else 0.6 * sample.distinct_share**2
        return share if sample.decimal_share < _FEW_DECIMALS else _DECIMAL_NUMBERS * share
    if attribute in ("from_key", "to_key") and sample.share(lambda word: bool(_MEASURED.fullmatch(word))) > _HALF:
        return 0.0
    look = _LOOKS.get(attribute) or _LOOKS.get(attribute.removeprefix("from_").removeprefix("to_"))
    return None if look is None else look(sample)


def guess(attribute: str, sample: Sample) -> float:
    """How far the values alone say that a column is the attribute: never more than a name would."""
    if attribute == "class" and (are_class_letters(sample.words) or are_element_codes(sample)):
        return _TOLD_CLASSES
    weight = _TELLING.get(attribute, 0.0)
    if not weight or not sample.n_known or sample.is_blank:
        return 0.0
    if attribute in _LOOKED_FOR:
        patterns = _LOOKED_FOR[attribute]
        return weight * sample.share(lambda word: any(pattern.search(word) for pattern in patterns))
    if attribute in ("ground_elevation_m", "depths"):
        return weight * sample.decimal_share * (fit(attribute, sample) or 0.0)
    if attribute in ("section", "diameter") and _are_serial(sample):
        return 0.0
    if attribute == "section":
        return weight * sample.share(
            lambda word: bool(_MARKED.search(word)) and _is_size(parse_section(word, materials=sample.materials))
        )
    if attribute == "key" and (sample.n_known < _LEAST_NUMBERS or sample.decimal_share >= _FEW_DECIMALS):
        return 0.0
    if attribute == "shape" and min(map(len, sample.words)) < _LETTERS_OF_A_SHAPE:
        return 0.0
    if attribute == "installed_on":
        # What is a date in a column of dates alone, 98.6, is else a number.
        share = sample.share(lambda word: parse_date(word) is not None)
        return weight * share * (_OF_A_SURVEY if _are_of_one_campaign(sample) else 1.0)
    is_only_one = len(sample.words) == 1 and not (attribute == "class" and len(sample.words[0]) >= _LETTERS_OF_A_WORD)
    return weight * (0.8 if is_only_one else 1.0) * (fit(attribute, sample) or 0.0)


def _is_size(section: Section) -> bool:
    """Whether a text says a section, and no pipe that is too narrow: 3PE is a coating."""
    return section.is_known and (section.width_mm is None or section.width_mm >= _SMALLEST_MM)


def _are_serial(sample: Sample) -> bool:
    """Whether texts are all different, as D1, D2, D3 are, which are numbers of something; sizes come again."""
    is_text = sample.number_share < _HALF or sample.distinct_share == 1.0
    return is_text and sample.n_known > _LEAST_NUMBERS and sample.distinct_share > _MOSTLY


def _are_of_one_campaign(sample: Sample) -> bool:
    """Whether dates of several rows are days of one year, those of a survey; what decades built is told by years."""
    days = [day for word in sample.words if len(word) > _LEAST_OF_A_DAY and (day := parse_date(word)) is not None]
    if not days or len(days) < len(sample.words) or sample.n_known < _LEAST_OF_A_CAMPAIGN:
        return False
    return (max(days) - min(days)).days <= _DAYS_OF_A_CAMPAIGN


def are_element_codes(sample: Sample) -> bool:
    """Whether values are eight-digit element codes of CJJ 61-2017, App. F: 51042204 is a valve of a water main."""
    words = sample.profile.class_words()
    return sample.share(lambda word: bool(_ELEMENT.fullmatch(word)) and class_of(word, words) is not None) >= _MOSTLY


def tells_class(sample: Sample) -> bool:
    """Whether values are element codes, or letters for kinds of sewage, whatever the column is called."""
    return are_element_codes(sample) or sewer_letters(sample.words, are_sewers=False) is not None


def are_numbers_of_points(sample: Sample) -> bool:
    """Whether names are numbers of points: all different, each of one word with a figure in it, and no time."""
    is_number = sample.share(lambda word: _POINT_NUMBER.fullmatch(word) is not None)
    return is_number == 1.0 and sample.distinct_share > _NEARLY_ALL and sample.decimal_share < _FEW_DECIMALS


def is_believed_class(sample: Sample) -> bool:
    """Whether an import takes a column that is called a class for it: half of its values at least are classes."""
    return _own_share("class", sample) >= _HALF


def is_of_another_code(attribute: str, sample: Sample) -> bool:
    """Whether nearly all values are words of another code table than the attribute's own, or most where none is its."""
    if attribute not in _CODES or sample.number_share > 0.5:
        return False
    if attribute != "class" and are_class_letters(sample.words):
        return True
    others = [sample.profile.code_words(table) for name, table in _CODES.items() if name not in ("class", attribute)]
    if attribute == "lifecycle":
        # What a pipe is in use for: foul, surface water.
        others.append(sample.profile.class_words())
    least = _KNOWN_CODES if _own_share(attribute, sample) else _HALF
    return any(_known_share(sample, words) >= least for words in others)


def may_be_numbered(attribute: str, sample: Sample) -> bool:
    """Whether values can be the numbers of a dictionary that is not known: few whole ones, none of many digits."""
    values = sample.known_numbers
    is_whole = sample.number_share == 1.0 and bool((values == np.round(values)).all())
    is_few = len(sample.words) <= max(_LEAST_NUMBERS, min(_FEW_WORDS, sample.n_known / 2))
    return attribute in _CODES and is_whole and is_few and float(np.max(values)) < _MOST_CODE


def _known_share(sample: Sample, words: Mapping[str, str]) -> float:
    return sample.share(lambda word: code_of(word, words) is not None)


def _own_share(attribute: str, sample: Sample) -> float:
    """The share of values that are words of the attribute's own code table."""
    if attribute != "class":
        return _known_share(sample, sample.profile.code_words(_CODES[attribute]))
    words = sample.profile.class_words()
    return sample.share(lambda word: class_of(word, words) is not None)


def is_ground(sample: Sample) -> bool:
    """Whether numbers can be elevations of the ground and no depths of pipes: decimals that are mostly beyond those."""
    values = sample.known_numbers
    if len(values) < _LEAST_NUMBERS or sample.number_share < _MOSTLY or sample.decimal_share < 0.5:
        return False
    is_beyond = (values > _SHALLOW_M) | (values < 0)
    return float(is_beyond.mean()) >= _MOSTLY and (fit("ground_elevation_m", sample) or 0.0) >= _MOSTLY


def _coded(table: str, sample: Sample) -> float:
    words = sample.profile.class_words() if table == "utility_class" else sample.profile.code_words(table)
    known = sample.share(lambda word: (class_of(word, words) or code_of(word, words)) is not None)
    if table != "utility_class" and sample.number_share < 0.5 and len(sample.words) <= _MOST_CODE_WORDS:
        near = sample.share(lambda word: akin(word, words) is not None)
        known += 0.8 * max(near - known, 0.0)
    if sample.number_share > 0.5:
        # Figures are in many dictionaries; they tell little.
        return known * 0.3
    # A few words that come again and again may be codes of a dictionary that is not known yet.
    is_dictionary = len(sample.words) <= _FEW_WORDS and sample.distinct_share < 0.5
    return max(known, OF_A_DICTIONARY) if is_dictionary else known


def _of_points(known: float, sample: Sample) -> float:
    """How far values can be devices, with what else points are among them: 阀门, 弯头, 三通."""
    devices, features = sample.profile.code_words("appurtenance"), sample.profile.code_words("feature")
    if sample.number_share > _HALF or not any(code_of(word, devices) for word in sample.words):
        return known
    return max(known, sample.share(lambda word: bool(code_of(word, devices) or code_of(word, features))))


def _section(sample: Sample) -> float:
    if sample.number_share > 0.5:
        return float(((sample.known_numbers == 0) | (sample.known_numbers >= _SMALLEST_MM)).mean())
    return sample.share(lambda word: parse_section(word, materials=sample.materials).is_known or word == "0")


def _diameter(sample: Sample) -> float:
    if sample.number_share < 0.5:
        return sample.share(lambda word: parse_section(word, materials=sample.materials).is_known)
    if in_inches(sample) or in_metres(sample):
        return _IN_INCHES
    values = sample.known_numbers
    if not len(values):
        return 0.0
    standard = float((np.isin(np.round(values), USUAL_MM) | (values == 0)).mean())
    may_be = ((values >= _SMALLEST_MM) & (values <= _LARGEST_MM) | (values == 0)).all()
    return max(standard, _NO_USUAL_SIZE * bool(may_be))


def _length_mm(sample: Sample) -> float:
    values = sample.known_numbers
    return sample.number_share * float(((values >= 0) & (values <= 10_000)).mean()) if len(values) else 0.0


def _depth(sample: Sample) -> float:
    values = sample.known_numbers
    if not len(values):
        return sample.share(_is_measured_depth)
    within = float(((values >= -3) & (values <= _DEEPEST_M) | np.isin(values, _FILLS)).mean())
    return sample.number_share * (
        0.8 if (in_centimetres(sample) or in_millimetres(sample)) and within < 0.9 else within
    )


def _is_measured_depth(word: str) -> bool:
    """Whether a text is a depth with its unit: 4.5 ft."""
    found = parse_measure(word)
    depth_m = None if found is None or found.unit is None else found.in_unit_of("from_depth_m")
    return depth_m is not None and 0 < depth_m <= _DEEPEST_M


def _depths(sample: Sample) -> float:
    pairs = sample.share(lambda word: re.fullmatch(r"-?\d+(?:\.\d+)?\s*[/~～—–-]+\s*-?\d+(?:\.\d+)?", word) is not None)
    return max(pairs, _depth(sample))


def _elevation(sample: Sample) -> float:
    values = sample.known_numbers
    if not len(values):
        return 0.0
    within = float(((values > -500) & (values < 6_000)).mean())
    return sample.number_share * within * (1.0 if sample.decimal_share > 0.2 or len(sample.words) < 5 else 0.6)


def _coordinate(sample: Sample) -> float:
    values = np.abs(sample.known_numbers)
    if not len(values):
        return 0.0
    is_degrees = (
        float((values <= 180).mean()) > 0.9 and sample.share(lambda word: len(word.partition(".")[2]) > 3) > 0.5
    )
    return sample.number_share * (1.0 if is_degrees or float(np.median(values)) > _LEAST_COORDINATE_M else 0.1)


def _date(sample: Sample) -> float:
    parse = date_parser(sample.words, is_persian=True)
    return sample.share(lambda word: parse(word) is not None)


def _pair(sample: Sample) -> float:
    return 0.0 if are_running_numbers(sample.words) else sample.share(lambda word: pair_of(word) is not None)


def _owner(sample: Sample) -> float:
    """Against a name if values are units, 米 or 个: 单位 is of either."""
    return 0.0 if sample.share(lambda word: word.casefold() in _UNITS) > _HALF else _NO_USUAL_SIZE


def _pressure(sample: Sample) -> float:
    words = sample.profile.code_words("pressure")
    told = sample.share(lambda word: word.casefold() in words or _PRESSURE.fullmatch(word) is not None)
    values = sample.known_numbers
    return max(
        told, 0.45 * sample.number_share * float(((values >= 0) & (values <= 10)).mean()) if len(values) else 0.0
    )


def _voltage(sample: Sample) -> float:
    told = sample.share(lambda word: _VOLTAGE.fullmatch(word) is not None)
    values = sample.known_numbers
    standard = max(share_of_voltages(values), share_of_voltages(values / 1000))
    return max(told, 0.7 * sample.number_share * standard)


def _pairs(is_so: Callable[[int, int], bool]) -> Callable[[Sample], float]:
    """The share of texts that are two whole numbers, 12/6, of which something is so."""

    def look(sample: Sample) -> float:
        pairs = (re.fullmatch(r"(\d{1,3})\s*/\s*(\d{1,3})", word) for word in sample.words)
        told = {pair[0] for pair in pairs if pair and is_so(int(pair[1]), int(pair[2]))}
        return sample.share(told.__contains__)

    return look


def _whole_number(sample: Sample) -> float:
    values = sample.known_numbers
    if not len(values) or _are_serial(sample):
        # The numbers of lines count nothing.
        return 0.0
    return sample.number_share * float(((values == np.round(values)) & (values >= 0) & (values < 1000)).mean())


_LOOKS: dict[str, Callable[[Sample], float]] = {
    **dict.fromkeys(("section", "casing_mm"), _section),
    "diameter": _diameter,
    **dict.fromkeys(("width_mm", "height_mm", "outer_diameter", "inner_diameter", "wall_mm"), _length_mm),
    **dict.fromkeys(("depth_m", "well_depth_m", "pipe_depth_m"), _depth),
    "depths": _depths,
    **dict.fromkeys(("elevation_m", "ground_m", *ELEVATIONS), _elevation),
    **dict.fromkeys(("x", "y", "easting_m", "northing_m"), _coordinate),
    "installed_on": _date,
    "owner": _owner,
    "pair_key": _pair,
    "pressure": _pressure,
    "voltage": _voltage,
    "holes": _pairs(lambda first, second: first >= second),
    "used_holes": _pairs(lambda first, second: first <= second),
    "pressure_or_voltage": lambda sample: max(_pressure(sample), _voltage(sample)),
    **dict.fromkeys(("hole_count", "used_hole_count", "cable_count", "people"), _whole_number),
}
# How much a fit of the values alone is worth; what many columns look like, small whole numbers say, is worth nothing.
_TELLING = {
    "key": 0.5, "class": 0.6, "material": 0.75, "burial": 0.65, "feature": 0.7, "appurtenance": 0.7, "lifecycle": 0.55,
    "flow_direction": 0.4, "section": 0.7, "diameter": 0.55, "installed_on": 0.55, "pressure": 0.5, "voltage": 0.55,
    "owner": 0.6, "shape": 0.7, "address": 0.5, "ground_elevation_m": 0.35, "depths": 0.35,
    "valve_state": 0.6,
}  # fmt: skip
# Of these many a column of numbers looks like one; a name that speaks of something else is believed.
NUMBERS = frozenset({"section", "diameter", "depths", "ground_elevation_m", "voltage", "pressure"})
# Attributes that a column can be taken for by its values alone, without regard to other columns.
TOLD_BY_SIGHT = frozenset(_TELLING) - {"key"}
# Of which a column of remarks may hold nothing else.
TOLD_IN_REMARKS = frozenset({"appurtenance", "feature"})
