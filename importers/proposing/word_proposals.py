"""Code words of a delivery that no dictionary has, and the nearest words that one has."""

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from importers.profiles import Profile
from importers.proposing.code_words import NearWord, nearest
from importers.proposing.legends import Legend, Meaning
from importers.proposing.proposal import TableProposal
from schemas.codetables import code_table
from schemas.findings import Finding

_CODE_TABLES = {
    "class": "utility_class", "material": "material", "burial": "burial", "feature": "feature",
    "appurtenance": "appurtenance", "lifecycle": "lifecycle", "flow_direction": "flow_direction",
    "valve_state": "valve_state", "operability": "operability", "depth_datum": "depth_datum",
    "shape": "section_shape", "pressure": "pressure",
}  # fmt: skip
_UNKNOWN_WORD = "R12"


@dataclass(frozen=True)
class WordProposal:
    """A word that no dictionary has: where it stands, in how many rows, and the nearest known word.

    `said_by` is the table of the delivery itself, or of a standard, that says what it stands for; then it is no guess.
    """

    file: str
    sheet: str
    column: str
    attribute: str
    word: str
    n_rows: int
    near: NearWord | None
    said_by: str | None = None

    @property
    def section(self) -> str:
        """The part of a profile that gives such words their codes."""
        return "classes" if self.attribute == "class" else f"words.{_CODE_TABLES[self.attribute]}"


def unknown_words(
    findings: Iterable[Finding], tables: Sequence[TableProposal], profile: Profile, legend: Legend
) -> list[WordProposal]:
    """What an import found unknown, with proposals; a word of one kind counts once, the most frequent stand first."""
    attributes = {(t.file, t.sheet, c.column): c.attribute for t in tables for c in t.columns if c.attribute}
    found: dict[tuple[str, str], WordProposal] = {}
    unknown = [finding for finding in findings if finding.rule == _UNKNOWN_WORD and finding.value is not None]
    of_columns: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for finding in unknown:
        of_columns[_place(finding)].add(str(finding.value))
    for finding in unknown:
        place = _place(finding)
        attribute = attributes.get(place)
        if finding.value is None or attribute not in _CODE_TABLES:
            continue
        words = _dictionary(attribute, profile)
        told = legend.meaning(finding.value, words)
        if told is None and attribute == "material":
            told = _by_standard(finding.value, of_columns[place])
        n_rows = int(finding.details.get("rows", 1))
        if told is None:
            each = WordProposal(*place, attribute, finding.value, n_rows, nearest(finding.value, words))
        else:
            each = WordProposal(*place, attribute, finding.value, n_rows, told.near, told.said_by)
        held = found.get((each.section, each.word))
        if held is None or held.n_rows < each.n_rows:
            found[each.section, each.word] = each
    return sorted(found.values(), key=lambda each: (each.section, -each.n_rows, each.word))


def _place(finding: Finding) -> tuple[str, str, str]:
    return (finding.file or "", finding.sheet or "", finding.column or "")


def _by_standard(word: str, of_column: Set[str]) -> Meaning | None:
    """The material of CJJ 61-2017 C.0.1 that a word is the code of, in a column that holds no other unknown word.

    A single letter says it only beside another of the codes.
    """
    codes = {each.fields["cjj_code"].casefold(): code for code, each in code_table("material").items()}
    is_told = len(of_column) > 1 or len(word) > 1
    if not is_told or not all(other and other.casefold() in codes for other in of_column):
        return None
    code = codes[word.casefold()]
    return Meaning(NearWord(code_table("material")[code].name_zh, code, 1.0), "CJJ 61-2017 C.0.1")


def _dictionary(attribute: str, profile: Profile) -> dict[str, str]:
    return profile.class_words() if attribute == "class" else profile.code_words(_CODE_TABLES[attribute])
