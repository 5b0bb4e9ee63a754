"""The class column of one sheet: what its words mean, and whether it is a class column at all."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from importers.base import RecordTable
from importers.normalising.cells import Objects, coalesced
from importers.normalising.classing import is_open_sewer
from importers.normalising.columns import Columns, class_of
from importers.normalising.compact import CLASS
from importers.normalising.extra import members
from importers.normalising.ledger import Ledger, listed
from importers.normalising.words import UnknownWords
from importers.profiles import SECRET, Profile
from importers.proposing.vocabulary import datum_in_name
from schemas.codetables import codes_where
from schemas.findings import Severity

_DRAINAGE = codes_where("utility_class", "group_code", "drainage")
_MOST_TOLD = 5
_MOST_WORDS_OF_A_TITLE = 12
# Codes of field books begin with the class: JS-DN300-PE.
_CODED = re.compile(r"([A-Z]{2})[-_/](?=\S)")
_DIGITS = re.compile(r"\d+")
# Whole words for sewers, which codes of two letters are not.
_SEWERS = re.compile(r"sewe?r|drain|saneamiento|kanal|riool|assain|fognat|esgoto|하수", re.IGNORECASE)


# Foul, surface water and combined, as British sewer records have them.
_BRITISH: Mapping[str, str] = {"f": "foul", "s": "storm", "c": "combined"}
# Letters of other countries, each with those that no other's have: SW is foul where RW is storm, and storm where FW
# is foul.
_OF_COUNTRIES: Sequence[tuple[Mapping[str, str], frozenset[str]]] = (
    ({"sw": "foul", "rw": "storm", "mw": "combined"}, frozenset({"rw", "mw"})),
    ({"ks": "foul", "kr": "storm", "km": "combined"}, frozenset({"kr", "km"})),
    ({"fw": "foul", "sw": "storm", "cw": "combined"}, frozenset({"fw"})),
    ({"ks": "foul", "kd": "storm", "ko": "combined"}, frozenset({"kd", "ko"})),
    ({"sp": "foul", "ov": "storm", "af": "combined"}, frozenset({"sp", "ov"})),
    ({"eu": "foul", "ep": "storm", "un": "combined"}, frozenset({"eu", "ep"})),
    (
        {"雨": "storm", "污": "foul", "合": "combined", "雨水": "storm", "污水": "foul", "合流": "combined"},
        frozenset({"雨", "污"}),
    ),
)


# Of American plans; some are codes of other classes elsewhere (SS of water), so these are believed together alone.
_AMERICAN: Mapping[str, str] = {
    "w": "water", "wat": "water", "wtr": "water", "fw": "water", "rw": "reclaimed", "recl": "reclaimed",
    "ss": "foul", "san": "foul", "fm": "foul", "sd": "storm", "stm": "storm", "strm": "storm",
    "g": "gas", "gas": "gas", "ng": "gas", "e": "power", "elec": "power", "ele": "power", "sl": "street_light",
    "t": "telecom", "tel": "telecom", "fo": "telecom", "foc": "telecom", "tv": "telecom", "catv": "telecom",
    "wl": "water", "wm": "water", "gm": "gas", "uge": "power", "ugt": "telecom",
    "com": "telecom", "comm": "telecom", "stl": "street_light", "ts": "traffic_signal", "unk": "unknown",
}  # fmt: skip
_AMERICAN_ALONE = frozenset({"sd", "fo", "foc", "catv", "tel", "elec", "strm"})
_LEAST_AMERICAN = 4
# Beside W, letters that no Chinese plan has beside it.
_WATERS = frozenset({"w", "wl", "wm"})
_BESIDE_WATER = frozenset({"g", "ss"})


# Of a pair of heat pipes; what goes there is called as water mains are elsewhere.
_RETURN = re.compile(r"(?:.{0,4}回水?|return|rücklauf|retour|обратн(?:ая|ый)|powrót)管?")
_SUPPLY = re.compile(r"(?:.{0,4}供水?|supply|flow|vorlauf|aller|подающ(?:ая|ий)|zasilanie)管?")


def heat_pair(words: Iterable[str | None]) -> Mapping[str, str]:
    """The class of words that tell the supply of a pair of heat pipes from its return, where a column has no other."""
    said = {word.casefold() for word in words if word is not None}
    returns = {word for word in said if _RETURN.fullmatch(word)}
    is_pair = bool(returns) and all(_SUPPLY.fullmatch(word) for word in said - returns)
    return dict.fromkeys(said, "heat") if is_pair else {}


def circuits(columns: Columns) -> Objects:
    """The circuit of each line; which of a pair of heat pipes it is may stand where its class would."""
    named = columns.texts("circuit")
    beside = columns.cells("class")
    return coalesced(named, beside.texts()) if heat_pair(beside.words) else named


def american_code(word: str) -> str | None:
    """What letters may mean on an American plan."""
    return _AMERICAN.get(word.casefold())


def american_letters(words: Iterable[str | None]) -> Mapping[str, str]:
    """What the letters of American plans mean, where words are several of them and nothing else."""
    letters = {word.casefold() for word in words if word is not None}
    are_many = len(letters) >= _LEAST_AMERICAN and letters & _AMERICAN_ALONE
    are_few = len(letters) == _LEAST_AMERICAN - 1 and letters & _WATERS and letters & _BESIDE_WATER
    return _AMERICAN if letters <= _AMERICAN.keys() and (are_many or are_few) else {}


def sewer_letters(words: Iterable[str | None], *, are_sewers: bool = True) -> Mapping[str, str] | None:
    """What letters for kinds of sewage mean where words are such letters alone, None where they are not.

    British ones are of one letter, which can be anything unless the table is known to be one of sewers; without an
    F, S can be sanitary, too.
    """
    letters = {word.casefold() for word in words if word is not None}
    if are_sewers and len(letters) > 1 and "f" in letters and letters <= _BRITISH.keys():
        return _BRITISH
    return next((meant for meant, own in _OF_COUNTRIES if letters & own and letters <= meant.keys()), None)


def are_class_letters(words: Iterable[str | None]) -> bool:
    """Whether words are letters for kinds of sewage alone, or those of American plans."""
    letters = list(words)
    return sewer_letters(letters) is not None or bool(american_letters(letters))


class ClassColumn:
    """Gathers the words of a sheet's parts; once `tell` was called, `codes` knows what they stand for."""

    def __init__(self, profile: Profile, table: RecordTable, *, are_points: bool = False) -> None:
        self._profile, self._dictionary, self._are_points = profile, profile.class_words(), are_points
        self._fallback = self._in_name(profile, table.sheet) or profile.default_class
        self.said = None if self._fallback else self._of_sewers(self._in_title(profile, table), table)
        if self.said and self.said[0] == SECRET:
            # What else tells of its rows is not asked: under such a title they stay out.
            self._fallback, self.said = SECRET, None
        self._meanings: list[str | None] = []
        self._numbers: dict[str, int] = {}
        self._read: dict[str, str] = {}
        self._letters: Mapping[str, str] = {}
        self._american: Mapping[str, str] = {}
        self._spoken: dict[str, str | None] = {}
        self._names = [name for name in (table.sheet, Path(table.file).stem, table.folder) if name]
        self._open: dict[str, None] = {}
        self._beside: dict[str, str] = {}
        word = profile.sheet_class(table.sheet)
        if word and self._fallback == "combined" and _SEWERS.search(word):
            self._fallback = self._opened(word)
        self._is_open_name = word in self._open
        self._rows = 0
        self._unknown_rows = 0
        self._unknown = UnknownWords()
        self._is_believed = True

    def _in_name(self, profile: Profile, name: str) -> str | None:
        word = profile.sheet_class(name)
        return _class_of(word, self._dictionary) if word else None

    def _of_sewers(self, said: tuple[str, str] | None, table: RecordTable) -> tuple[str, str] | None:
        """What a title says, where the profile is of sewers alone: which of them."""
        assumed = self._profile.sewers_unless_said
        return said if assumed is None or (said and said[0] in (*_DRAINAGE, SECRET)) else (assumed, table.sheet)

    def _in_title(self, profile: Profile, table: RecordTable) -> tuple[str, str] | None:
        """The class that the table's name, the line above it, the file's name or its folder speaks of, and that text.

        It is for rows of which neither they nor what they are joined to tell the class. Where one speaks of sewers
        alone, the next may say what flows in them.
        """
        open_sewer = None
        for text, is_line in (
            (table.sheet, False),
            (table.title, True),
            (Path(table.file).stem, False),
            (table.folder, False),
        ):
            code = text and (self._in_name(profile, text) or _said_in(text, profile, is_line=is_line))
            if not text or not code or (open_sewer and code not in ("foul", "storm")):
                continue
            if not is_open_sewer(code, text):
                return code, text
            open_sewer = code, text
        return open_sewer

    def said_at_last(self) -> tuple[str, str] | None:
        """The class of rows that neither they nor what they are joined to tell, and the text that says so."""
        return ("combined", next(iter(self._open))) if self._leaves_open else self.said

    @property
    def _leaves_open(self) -> bool:
        """Whether lines may say of points what flows in them: their own words speak of sewers alone."""
        return self._are_points and bool(self._open) and self._is_believed and self._flows() is None

    @cached_property
    def _flowing(self) -> tuple[str, str] | None:
        """Foul or storm, where the first name round the rows that speaks of either does, and that name."""
        said = ((self._profile.class_said(name, is_name=True), name) for name in self._names)
        return next(((code, name) for code, name in said if code in ("foul", "storm")), None)

    def add(self, columns: Columns) -> tuple[npt.NDArray[np.int32], pa.Array]:
        """The number of each row's word, -1 for none, and the cells that `extra` holds should the column be disowned.

        Words that no dictionary has are left to `extra` at once.
        """
        found = columns.cells("class")
        are_sewers = self._are_sewers(columns)
        self._american = self._american or american_letters(found.words) or heat_pair(found.words)
        self._letters = self._letters or sewer_letters(found.words, are_sewers=are_sewers) or {}
        if any(_SEWERS.search(word) for word in found.words if word):
            self._see(word for word in found.words if word)
        numbers = np.array([-1 if word is None else self._number(word) for word in found.words], dtype=np.int32)
        of_rows: npt.NDArray[np.int32] = numbers[found.index]
        if "class" not in columns:
            return of_rows, pa.nulls(len(of_rows), pa.string())
        column = columns.mapping["class"]
        unknown = found.where(lambda word: self._meanings[self._numbers[word]] is None)
        self._rows += int((of_rows >= 0).sum())
        self._unknown_rows += int(unknown.sum())
        if unknown.any():
            columns.keep(column, unknown)
            rows = columns.rows.index.to_numpy()[unknown]
            self._unknown.add("R12", column, Severity.WARNING, found.texts()[unknown], rows)
        return of_rows, members(column, columns.rows[column].astype(object).where(~unknown, None))

    def _see(self, words: Iterable[str]) -> None:
        """Note a word for each class that the words of the column surely mean."""
        for word in words:
            if code := _class_of(word, self._dictionary) or self._spoken_of(_DIGITS.sub("", word)):
                self._beside.setdefault(code, word)

    def _are_sewers(self, columns: Columns) -> bool:
        """Whether the table is said to be of sewers, or gives the inner bottom of its pipes, as only theirs do."""
        header = columns.mapping.get("from_elevation_m")
        return (self.said is not None and self.said[0] == "combined") or (
            header is not None and datum_in_name(header) == "invert"
        )

    def meanings(self, numbers: npt.NDArray[np.int32]) -> Objects:
        """The class of rows by the numbers of their words as far as the words alone tell, None where they do not."""
        fallback = self._fallback or (self.said[0] if self.said else None)
        return np.array([*(meaning or fallback for meaning in self._meanings), fallback], object)[numbers]

    def tell(self, ledger: Ledger, number: int) -> bool:
        """Settle whether the column is the class, and report it or its unknown words.

        A column whose words are mostly no classes (numbers of features, say) is not the class; one that
        marks secret lines is believed, however little else of it is understood.
        """
        if self._unknown_rows * 2 <= self._rows or SECRET in self._meanings:
            self._unknown.tell(ledger, number)
            self._tell_read(ledger, number)
            self._tell_open(ledger, number)
            return True
        (column, words), rows = self._unknown.only(), self._unknown_rows
        self._is_believed = False
        ledger.note(
            number,
            Severity.WARNING,
            "R12",
            f"Column {column} was not taken for the class: {rows} of its values are not in the "
            f"dictionary of the profile ({listed(words)}).",
            f"列 {column} 有 {rows} 行取值不在字典中（{listed(words)}），未作为类别列使用。",
            column=column,
            details={"rows": rows},
        )
        return False

    def codes(self, numbers: npt.NDArray[np.int32], *, are_lines: bool) -> pd.Categorical:
        """The class of rows by the numbers of their words, else that of the sheet or the profile; else unknown.

        A line whose own word is in no dictionary is of another class than the title of its table; what class a point
        has by the lines that it joins, it may have for all its word.
        """
        said = "unknown" if are_lines and self._is_believed else None
        meanings = [meaning or self._fallback or said if self._is_believed else None for meaning in self._meanings]
        found = [meaning or self._fallback for meaning in [*meanings, None]]
        if self._leaves_open:
            # A word for both alone is said again by the title, where no line tells more.
            is_open = [word in self._open for word in self._numbers]
            found = [None if at else code for code, at in zip(found, [*is_open, self._is_open_name], strict=True)]
        return pd.Categorical.from_codes(pd.Categorical(found, dtype=CLASS).codes[numbers], dtype=CLASS)

    def _number(self, word: str) -> int:
        if word not in self._numbers:
            self._numbers[word] = len(self._meanings)
            meaning = None if word.casefold() in self._american else _class_of(word, self._dictionary)
            read = (
                self._american.get(word.casefold())
                or self._letters.get(word.casefold())
                or self._spoken_of(_DIGITS.sub("", word))
                or ((code := _CODED.match(word)) and self._dictionary.get(code[1].casefold()))
            )
            if meaning is None and read:
                meaning = self._read[word] = read
            if meaning == "combined" and _SEWERS.search(word):
                meaning = self._opened(word)
            self._meanings.append(meaning)
        return self._numbers[word]

    def _opened(self, word: str) -> str:
        """What a word for sewers, read as combined, means: foul or storm where a name beside says so."""
        if not is_open_sewer("combined", word):
            return "combined"
        self._open[word] = None
        return flows[0] if (flows := self._flows()) else "combined"

    def _flows(self) -> tuple[str, str] | None:
        """Foul or storm, and the word or name that says so: foul beside a word for storm alone, else by a name."""
        is_foul_apart = "storm" in self._beside and "foul" not in self._beside
        return ("foul", self._beside["storm"]) if is_foul_apart else self._flowing

    def _spoken_of(self, text: str) -> str | None:
        """The class that a text speaks of; found once for all values that differ by their numbers alone."""
        if text not in self._spoken:
            self._spoken[text] = self._profile.class_said(text, is_name=True)
        return self._spoken[text]

    def _tell_read(self, ledger: Ledger, number: int) -> None:
        """Say which values were understood by a word in them."""
        if self._read:
            taken = ", ".join(f"{word} → {code}" for word, code in islice(self._read.items(), _MOST_TOLD))
            ledger.note(
                number,
                Severity.INFO,
                "IMP-CLASS",
                f"{len(self._read)} values of the class were understood by a word in them: {taken}.",
                f"{len(self._read)} 个类别取值按其中的词识别：{taken}。",
            )

    def _tell_open(self, ledger: Ledger, number: int) -> None:
        """Say what sewers were taken for of which their own words do not say what flows in them."""
        if not self._open or self._leaves_open:
            return
        words = listed(list(self._open))
        if flows := self._flows():
            code, name = flows
            en = f"{words} does not tell foul from storm; taken for {code}, as “{name}” says."
            zh = f"“{words}”未区分雨污，按“{name}”归为 {code}。"
        else:
            en = (
                f"{words} does not tell foul from storm; taken for combined: if it is one of them, say so in a profile."
            )
            zh = f"“{words}”未区分雨污，按合流处理；如有区分请在配置文件中指明。"
        severity = Severity.INFO if flows else Severity.WARNING
        ledger.note(number, severity, "IMP-CLASS", en, zh, value=words)


def _said_in(text: str, profile: Profile, *, is_line: bool) -> str | None:
    """The class that a name, or a line above a table, speaks of.

    A long line in letters is a remark, and water stands in the names of companies.
    """
    is_name = not is_line or len(text.split()) == 1
    code = profile.class_said(text, is_name=is_name)
    if code or is_name or len(text.split()) > _MOST_WORDS_OF_A_TITLE:
        return code
    code = profile.class_said(text, is_name=True)
    return None if code == "water" else code


def _class_of(word: str, dictionary: Mapping[str, str]) -> str | None:
    """The class of a word; one that is unknown but for what it has of a military or secret one is taken for that."""
    known = class_of(word, dictionary)
    if known:
        return known
    plain = "".join(unicodedata.normalize("NFKC", word).casefold().split())
    secret = [word for word, code in dictionary.items() if code == SECRET]
    is_secret = plain.rstrip("0123456789-_") in secret or any(not word.isascii() and word in plain for word in secret)
    return SECRET if is_secret else None
