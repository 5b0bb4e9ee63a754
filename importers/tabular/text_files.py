"""Text tables: the encoding, delimiter and decimal mark are told from what stands in them; rows come one by one."""

import codecs
import csv
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from importers.tabular.code_pages import (
    BEYOND_ASCII,
    is_cyrillic,
    is_greek,
    is_hebrew,
    is_korean,
    is_nearly_all_letters,
    n_among,
    western,
)
from pipemap.errors import SourceError

_DELIMITERS = (",", ";", "\t", "|", "，")
_SAMPLE_LINES = 500
_PIECE_BYTES = 1 << 20
# A quoted cell may run over several lines; one that runs on longer was never closed.
_MOST_LINES_OF_A_CELL = 50

_COMMA_NUMBER = re.compile(r"[-+]?\d+,\d+")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+")
_POINT_NUMBER = re.compile(r"[-+]?\d+\.\d+")
_BLANKS = re.compile(r"\s+")
_WIDE_BLANKS = re.compile(r"\t|\s{2,}")

_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_SIGNS = bytes(range(0x80, 0xA0))
# Where Windows-1252 has signs, Windows-1250 has letters that are the commonest of Slovenian.
_LETTERS_AMONG_SIGNS = "ŠŚŤŽŹšśťžź".encode("cp1250")
_IN_FOURS = re.compile(rb"[\x81-\xfe]\d[\x81-\xfe]\d")
# First bytes of the signs and everyday characters of each standard (GB 2312 level 1, JIS X 0208 level 1, Big5 level 1);
# text read in another's encoding falls among the rare ones.
EVERYDAY = {
    "gb18030": re.compile(rb"[\xa1-\xd7][\xa1-\xfe]"),
    "cp932": re.compile(rb"[\x81-\x83\x88-\x97][\x40-\xfc]"),
    "cp950": re.compile(rb"[\xa1-\xc6][\x40-\x7e\xa1-\xfe]"),
}

_SELDOM = 0.45

Score = Callable[[list[list[str]]], int]


@dataclass(frozen=True)
class TextFormat:
    """How a text table is written; `has_faults` when some of its bytes are not text in the encoding."""

    encoding: str
    delimiter: str
    decimal_comma: bool
    has_faults: bool = False


def text_format(path: Path, encoding: str | None, delimiter: str | None, known_names: Score) -> TextFormat:
    """How the file is written.

    Parameters
    ----------
    encoding, delimiter
        What the profile says, stronger than what the file looks like.
    known_names
        How many column names are known in the best of some rows; the delimiter that shows most is the delimiter.

    Raises
    ------
    SourceError
        When the file is empty or is not text in an encoding that can be told.
    """
    found, has_faults = (encoding, False) if encoding else _encoding(path)
    with _opened(path, found, "replace" if has_faults else "strict") as file:
        try:
            lines = [line for line in islice(file, _SAMPLE_LINES) if line.strip()]
        except (UnicodeDecodeError, UnicodeError) as error:
            raise _not_in(path, found) from error
    mark = delimiter or _delimiter(lines, known_names)
    return TextFormat(found, mark, _has_decimal_comma(lines, mark), has_faults)


def text_rows(path: Path, form: TextFormat) -> Iterator[list[str]]:
    """The rows of the file as lists of cells, blank ones too.

    Raises
    ------
    SourceError
        When the bytes are not text in the encoding that the profile names.
    """
    with _opened(path, form.encoding, "replace" if form.has_faults else "strict") as file:
        try:
            yield from _split(file, form.delimiter)
        except UnicodeError as error:
            raise _not_in(path, form.encoding) from error
        except csv.Error as error:
            raise SourceError(
                f"{path.name} is not a text table ({error}).", message_zh=f"{path.name} 不是文本表格。"
            ) from error


def with_point(cell: str) -> str:
    """A number with a decimal comma as one with a point; anything else as it is."""
    return cell.replace(",", ".") if "," in cell and _COMMA_NUMBER.fullmatch(cell) else cell


def _encoding(path: Path) -> tuple[str, bool]:
    """The encoding of the whole file, and whether single bytes of it are broken all the same."""
    head = _head(path)
    if encoding := _marked_encoding(head):
        return encoding, False
    if b"\0" in head:
        raise _not_text(path)
    if _decodes(path, "utf-8"):
        return "utf-8", False
    if is_hebrew(head) and _decodes(path, "cp1255"):
        return "cp1255", False
    if is_greek(head) and _decodes(path, "cp1253"):
        return "cp1253", False
    is_western = _looks_western(head)
    found = western(head) if is_western else "cp1251" if is_cyrillic(head) else _east_asian(head)
    if _decodes(path, found):
        return found, False
    if is_western:
        return "latin-1", False
    # A name that was cut at its field's width leaves half a character behind; that must not sink the file.
    for encoding in ("utf-8", "gb18030"):
        if _mostly_decodes(head, encoding):
            return encoding, True
    raise _not_in(path, None)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(_PIECE_BYTES)
    except OSError as error:
        raise SourceError(
            f"{path.name} cannot be read: {error.strerror}.", message_zh=f"{path.name} 无法读取。"
        ) from error
    if not head.strip():
        raise SourceError(
            f"{path.name} is empty; ask for the file again.", message_zh=f"{path.name} 是空文件，请重新提供。"
        )
    return head


def _marked_encoding(head: bytes) -> str | None:
    """The encoding that a byte order mark or the place of the zero bytes tells."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            return encoding
    even, odd = head[0::2], head[1::2]
    if odd.count(0) * 5 > len(odd) and not even.count(0):
        return "utf-16-le"
    if even.count(0) * 5 > len(even) and not odd.count(0):
        return "utf-16-be"
    return None


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _looks_western(head: bytes) -> bool:
    """Whether bytes beyond ASCII are Latin letters of a code page of single bytes, and no halves of characters.

    Japanese characters begin with bytes that are signs in Windows-1252, not letters.
    """
    n_signs = n_among(head, _SIGNS) - n_among(head, _LETTERS_AMONG_SIGNS)
    if n_signs * 2 > n_among(head, BEYOND_ASCII):
        return False
    return _stand_alone(head) or (not is_cyrillic(head) and _are_rather_letters(head))


def _stand_alone(head: bytes) -> bool:
    """Whether bytes beyond ASCII stand alone among letters, as in Latin-1.

    Chinese ones come in pairs, or in fours that begin with such a byte and a digit.
    """
    runs = _BEYOND_ASCII.findall(_IN_FOURS.sub(b"", head))
    return bool(runs) and sum(len(run) == 1 for run in runs) * 4 > len(runs) * 3


def _are_rather_letters(head: bytes) -> bool:
    """Whether Latin letters stand in pairs now and then, łę, which would make characters that are seldom used."""
    return is_nearly_all_letters(head) and max(everyday_share(head, each) for each in EVERYDAY) < _SELDOM


def _east_asian(head: bytes) -> str:
    """GB18030, unless it is Korean, or in Japan's or Taiwan's encoding more of the characters are everyday ones."""
    if is_korean(head):
        return "cp949"
    shares = {encoding: everyday_share(head, encoding) for encoding in EVERYDAY}
    return max(shares, key=lambda encoding: shares[encoding])


def everyday_share(head: bytes, encoding: str) -> float:
    """The share of everyday characters among those beyond ASCII; 0 where the bytes are no text in the encoding."""
    try:
        counts = Counter(codecs.getincrementaldecoder(encoding)().decode(head))
    except UnicodeDecodeError:
        return 0.0
    beyond = {character: count for character, count in counts.items() if not character.isascii()}
    everyday = [c for c in beyond if EVERYDAY[encoding].fullmatch(c.encode(encoding))]
    return sum(beyond[c] for c in everyday) / sum(beyond.values()) if beyond else 0.0


def _mostly_decodes(head: bytes, encoding: str) -> bool:
    beyond = sum(map(len, re.findall(rb"[\x80-\xff]+", head)))
    lost = head.decode(encoding, "replace").count("\ufffd") - head.count("\ufffd".encode())
    return 0 < lost * 10 <= beyond


def _delimiter(lines: list[str], known_names: Score) -> str:
    """The delimiter that shows most known column names, else the one that splits most lines alike.

    Runs of blanks come last: a file that has any other delimiter may well hold blanks too.
    """

    def fitness(mark: str) -> tuple[int, float, int]:
        rows = [row for row in _split(iter(lines), mark) if any(cell.strip() for cell in row)]
        widths = Counter(map(len, rows))
        width, alike = max(widths.items(), key=lambda item: (item[1] if item[0] > 1 else 0, item[0]), default=(1, 0))
        return known_names(rows), alike / len(rows) if width > 1 and rows else 0.0, width

    best = max(_DELIMITERS, key=fitness)
    if fitness(best)[2] > 1:
        return best
    return max(("  ", " "), key=fitness)


def _has_decimal_comma(lines: list[str], delimiter: str) -> bool:
    """Whether numbers are written with a comma: some are, none with a point, and no thousands are meant."""
    cells = [cell.strip() for row in _split(iter(lines), delimiter) for cell in row]
    commas = [cell for cell in cells if _COMMA_NUMBER.fullmatch(cell)]
    n_points = sum(_POINT_NUMBER.fullmatch(cell) is not None for cell in cells)
    decided = delimiter == ";" or any(not _THOUSANDS.fullmatch(cell) for cell in commas)
    return decided and len(commas) > 5 * n_points


def _split(lines: Iterator[str] | IO[str], delimiter: str) -> Iterator[list[str]]:
    """Lines as rows; a delimiter of one blank stands for any run of blanks, of two for runs of two and more."""
    if delimiter in (" ", "  "):
        between = _BLANKS if delimiter == " " else _WIDE_BLANKS
        return (between.split(line.strip()) if line.strip() else [] for line in lines)
    return _csv_rows(iter(lines), delimiter)


def _csv_rows(lines: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    """Rows by the csv module; a quotation mark that is never closed is a mark, and does not swallow what follows."""
    again: deque[str] = deque()
    taken: list[str] = []

    def feed() -> Iterator[str]:
        while len(taken) <= _MOST_LINES_OF_A_CELL:
            line = again.popleft() if again else next(lines, None)
            if line is None:
                return
            taken.append(line)
            yield line

    while True:
        for row in csv.reader(feed(), delimiter=delimiter):
            if len(taken) > 1 and _is_open(taken, delimiter):
                break
            taken.clear()
            yield row
        if not taken:
            return
        yield next(csv.reader(taken[:1], delimiter=delimiter, quoting=csv.QUOTE_NONE))
        again.extendleft(reversed(taken[1:]))
        taken.clear()


def _is_open(lines: list[str], delimiter: str) -> bool:
    try:
        return not list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return True


def _opened(path: Path, encoding: str, errors: str) -> IO[str]:
    try:
        return path.open(encoding=encoding, errors=errors, newline="")
    except OSError as error:
        raise SourceError(
            f"{path.name} cannot be read: {error.strerror}.", message_zh=f"{path.name} 无法读取。"
        ) from error
    except LookupError as error:
        raise _not_in(path, encoding) from error


def _not_text(path: Path) -> SourceError:
    return SourceError(
        f"{path.name} is not text in UTF-8 or GB18030 (it holds zero bytes); save it as CSV UTF-8 and try again.",
        message_zh=f"{path.name} 不是 UTF-8 或 GB18030 编码的文本，请另存为 CSV UTF-8 后重试。",
    )


def _not_in(path: Path, encoding: str | None) -> SourceError:
    return SourceError(
        f"{path.name} is not in {encoding or 'UTF-8 nor GB18030'}; save it as CSV UTF-8, "
        "or name its encoding in the profile ([reader] encoding).",
        message_zh=f"{path.name} 不是 {encoding or 'UTF-8、GB18030'} 编码，请另存为 CSV UTF-8，"
        "或在配置文件中指明编码（[reader] encoding）。",
    )
