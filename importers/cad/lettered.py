"""Lines with a letter in them, ——J——, as plans draw utilities: broken for it, or with the letter written on them."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from importers.cad.entities import Entity
from importers.cad.geometry import Vertex
from importers.cad.texts import Text
from importers.normalising.classes import american_letters

_MOST_LETTERS = 3
_CHINESE = frozenset({"J", "Y"})
_IDEOGRAPH = re.compile(r"[一-鿿]")
# A letter that breaks lines does it more than once.
_LEAST_GAPS = 3
# In heights of the letter: half of a gap, and how far the letter may stand beside the line.
_HALF_GAP, _ASIDE = 4.0, 0.6
_STRAIGHT = 0.985
# How far from a line, in its height, the middle of a letter lies that is written on it, and how often it is.
_ON_LETTER, _LEAST_ON_LINE = 0.35, 2
_ON_LINE_M = 0.02

Floats = npt.NDArray[np.float64]
# A short word, its middle and its height.
Letter = tuple[str, Floats, float]
# A line by its place, and whether it is its last vertex.
_End = tuple[int, bool]


@dataclass
class Lettered:
    """Lines that letters stand in: the whole ones with their letter, and pieces that are now part of one."""

    letters: dict[int, str] = field(default_factory=dict)
    pieces: set[int] = field(default_factory=set)


def letters_of(texts: Iterable[Entity]) -> list[Letter]:
    """The short words among texts."""
    return [letter for letter in map(_letter, texts) if letter is not None]


def put_together(
    letters: Sequence[Letter], lines: Sequence[Entity], is_class: Callable[[str], bool], *, are_pipes: bool
) -> Lettered:
    """Join the pieces of each line at the letters between them; its first entity becomes the whole of it.

    Entities are told by their rows. Only open lines are joined, where both pieces run towards the letter. Lines of
    which nothing else says that they are pipes (`are_pipes`) are joined where one letter of all is that of a class:
    fences have an x in them.
    """
    found = Lettered()
    pieces = [line for line in lines if not line.is_closed and len(line.vertices) > 1]
    gaps = _gaps(letters, pieces) if pieces and letters else []
    counts = Counter(letter for letter, _, _ in gaps)
    if not (are_pipes or any(n >= _LEAST_GAPS and is_class(letter) for letter, n in counts.items())):
        return found
    partner: dict[_End, _End] = {}
    said: dict[int, Counter[str]] = defaultdict(Counter)
    for letter, one, other in gaps:
        if counts[letter] >= _LEAST_GAPS and one not in partner and other not in partner:
            partner[one], partner[other] = other, one
            said[one[0]][letter] += 1
    for chain in _chains(partner):
        rows = [pieces[place].row for place, _ in chain]
        whole = min((pieces[place] for place, _ in chain), key=lambda piece: piece.row)
        letter = sum((said[place] for place, _ in chain), Counter[str]()).most_common(1)[0][0]
        whole.vertices = _joined([_run(pieces[place], is_turned) for place, is_turned in chain])
        found.letters[whole.row] = letter
        found.pieces |= set(rows) - {whole.row}
    return found


def letters_on(letters: Sequence[Letter], lines: Sequence[Entity], is_class: Callable[[str], bool]) -> dict[int, str]:
    """The letter of a class that is written on each line again and again, by the line's row.

    Every line within reach of a letter has it, so that where two cross the most frequent one decides.
    """
    counts = Counter(letter for letter, _, _ in letters)
    known = [each for each in letters if counts[each[0]] >= _LEAST_GAPS and is_class(each[0])]
    drawn = [line for line in lines if len(line.vertices) > 1]
    if not known or not drawn:
        return {}
    shapes = shapely.linestrings(
        np.array([vertex[:2] for line in drawn for vertex in line.vertices], dtype=float),
        indices=np.repeat(np.arange(len(drawn)), [len(line.vertices) for line in drawn]),
    )
    reach = np.array([_ON_LETTER * height for _, _, height in known])
    middles = shapely.points(np.array([middle for _, middle, _ in known]))
    of_letter, of_line = shapely.STRtree(shapes).query(middles, predicate="dwithin", distance=reach)
    said: dict[int, Counter[str]] = defaultdict(Counter)
    for letter, line in zip(of_letter.tolist(), of_line.tolist(), strict=True):
        said[line][known[letter][0]] += 1
    ranked = {line: words.most_common(2) for line, words in said.items()}
    return {
        drawn[line].row: first[0][0]
        for line, first in ranked.items()
        if first[0][1] >= _LEAST_ON_LINE and (len(first) == 1 or first[0][1] > first[1][1])
    }


def class_words_of(letters: Set[str], texts: Sequence[Entity]) -> dict[str, str]:
    """What to look letters up by: themselves, or the classes that they are together on an American plan.

    W is foul on a Chinese plan and water on others: where no text has an ideograph, and neither J nor Y stands beside
    them, single letters are left out.
    """
    together = american_letters(letters)
    if together:
        return {letter: together[letter.casefold()] for letter in letters}
    is_chinese = bool(letters & _CHINESE) or any(_has_ideograph(entity) for entity in texts)
    return {letter: letter for letter in letters if is_chinese or len(letter) > 1 or not letter.isascii()}


def _has_ideograph(entity: Entity) -> bool:
    return entity.text is not None and any(_IDEOGRAPH.search(line) for line in entity.text.lines)


def _letter(entity: Entity) -> Letter | None:
    text: Text | None = entity.text
    if text is None or len(text.lines) != 1:
        return None
    word = text.lines[0].strip()
    height = float(np.hypot(*text.up))
    if not (0 < len(word) <= _MOST_LETTERS and word.isalpha() and height):
        return None
    return word, np.add(text.corner, np.add(text.along, text.up) / 2), height


def _gaps(letters: Sequence[Letter], pieces: Sequence[Entity]) -> list[tuple[str, _End, _End]]:
    """Letters with the two ends that each stands between, those of the narrowest gaps first."""
    ends: list[_End] = [(place, is_last) for is_last in (False, True) for place in range(len(pieces))]
    last = [line.vertices[-2:] for line in pieces]
    first = [line.vertices[1::-1] for line in pieces]
    two = np.array([*first, *last], dtype=float)[:, :, :2]
    at, ahead = two[:, 1], two[:, 1] - two[:, 0]
    length = np.hypot(*ahead.T)[:, None]
    out = np.divide(ahead, length, out=np.zeros_like(ahead), where=length > 0)
    tree = cKDTree(at)
    middles = np.array([middle for _, middle, _ in letters])
    reach = np.array([_HALF_GAP * height * max(len(letter) / 2, 1) for letter, _, height in letters])
    second = np.asarray(tree.query(middles, k=2)[0])[:, 1]
    found: list[tuple[float, str, _End, _End]] = []
    for place in np.flatnonzero(second <= reach):
        letter, middle, height = letters[int(place)]
        near = [
            end for end in tree.query_ball_point(middle, reach[place]) if _runs_to(at[end], out[end], middle, height)
        ]
        for n, one in enumerate(near):
            for other in near[n + 1 :]:
                is_opposite = float(out[one] @ out[other]) < -_STRAIGHT
                if is_opposite and ends[one][0] != ends[other][0]:
                    found.append((float(np.hypot(*(at[one] - at[other]))), letter, ends[one], ends[other]))
    return [(letter, one, other) for _, letter, one, other in sorted(found)]


def _runs_to(end: Floats, out: Floats, middle: Floats, height: float) -> bool:
    """Whether a line that goes on beyond its end comes to the middle of a letter."""
    way = middle - end
    return float(way @ out) > 0 and abs(float(way[0] * out[1] - way[1] * out[0])) <= _ASIDE * height


def _chains(partner: dict[_End, _End]) -> list[list[tuple[int, bool]]]:
    """Pieces in the order of their line, each with whether it runs against it."""
    chains: list[list[tuple[int, bool]]] = []
    seen: set[int] = set()
    starts = [place for place, is_last in partner if (place, not is_last) not in partner]
    for start in starts:
        if start in seen:
            continue
        chain: list[tuple[int, bool]] = []
        place, is_last = start, (start, True) in partner
        while place not in seen:
            seen.add(place)
            chain.append((place, not is_last))
            following = partner.get((place, is_last))
            if following is None:
                break
            place, is_last = following[0], not following[1]
        chains.append(chain)
    return chains


def _run(piece: Entity, is_turned: bool) -> list[Vertex]:
    return piece.vertices[::-1] if is_turned else piece.vertices


def _joined(runs: Sequence[list[Vertex]]) -> list[Vertex]:
    """One line through all runs; the ends at a gap are no vertices of it where the line goes straight on."""
    joined = list(runs[0])
    for run in runs[1:]:
        before, ahead = joined[-2], run[1]
        if _is_between(joined[-1], before, ahead) and _is_between(run[0], before, ahead):
            joined.pop()
            joined += run[1:]
        else:
            joined += run
    return joined


def _is_between(vertex: Vertex, before: Vertex, ahead: Vertex) -> bool:
    way, off = np.subtract(ahead, before), np.subtract(vertex, before)
    length = float(np.linalg.norm(way))
    return length > 0 and float(np.linalg.norm(np.cross(way, off))) / length <= _ON_LINE_M
