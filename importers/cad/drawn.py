"""What names, blocks and texts of a drawing tell, as columns beside the data of its entities."""

from collections import defaultdict
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from importers.cad.data_blocks import hand_to_lines
from importers.cad.drawn_heights import heights_of_points
from importers.cad.entities import Entity
from importers.cad.label_words import PipeLabel
from importers.cad.labels import (
    Candidate,
    Feature,
    Matching,
    candidates,
    match_levels,
    match_lines,
    match_points,
    told_of_line,
)
from importers.cad.leaders import fly, follow, point_out
from importers.cad.legend import read_legend
from importers.cad.lettered import class_words_of, letters_of, letters_on, put_together
from importers.cad.sheets import Sheet, Sorting, drawn_as_circles
from importers.cad.spot_heights import heights
from importers.profiles import Profile

_SIZE, _DEPTHS = ("section", "diameter"), ("depths", "from_depth_m", "from_elevation_m")
_OF_LINES = {
    "drawn_section": _SIZE, "drawn_material": ("material",), "drawn_depths": _DEPTHS, "drawn_class": ("class",),
    "drawn_voltage": ("voltage", "pressure_or_voltage"), "drawn_pressure": ("pressure", "pressure_or_voltage"),
    "drawn_holes": ("holes", "hole_count", "used_holes"), "drawn_hole_count": ("holes", "hole_count", "used_holes"),
    "drawn_cable_count": ("cable_count",), "drawn_burial": ("burial",),
}  # fmt: skip
_OF_LEVELS = {
    "ground": ("drawn_ground", "ground_elevation_m"), "bottom": ("drawn_bottom", "well_bottom_m"),
    "pipe": ("drawn_pipe_bottom", "pipe_elevation_m"), "inlet": ("drawn_inlet", "inlet_invert_m"),
    "outlet": ("drawn_outlet", "outlet_invert_m"),
}  # fmt: skip
# What a layer says of the class that says nothing.
_UNTOLD = (None, "unknown")


@dataclass
class Labels:
    """The account of a drawing's texts that could be labels."""

    n_numbers: int = 0
    n_levels: int = 0
    n_of_lines: int = 0
    n_contradicting: int = 0
    ambiguous: list[Candidate] = field(default_factory=list)
    unused: list[Candidate] = field(default_factory=list)


class Drawn:
    """Columns `drawn_*` of the sheets of one drawing, each only where no attribute of the rows says the same.

    `drawn_number`, `drawn_ground`, `drawn_bottom` and `drawn_pipe_bottom` of points and `drawn_section`,
    `drawn_material`, `drawn_depths`, `drawn_class` and the like of pipes come from texts within `label_reach_m`, kept
    as `drawn_text`, or names of layers and linetypes; `drawn_appurtenance` comes from names of layers and blocks,
    `drawn_feature` from those of blocks. `drawn_z_m` is the height of a point, `drawn_from_z_m` and `drawn_to_z_m`
    are those of the ends of a line, which no shipped profile takes for anything.
    """

    def __init__(self, sheets: Sequence[Sheet], sorting: Sorting, profile: Profile, options: dict[str, Any]) -> None:
        self._sheets, self._sorting, self._profile, self._options = sheets, sorting, profile, options
        self._words = sorting.names.words
        self.labels = Labels()
        self.n_manholes = 0
        self._any_points: set[str] = set()
        self.n_put_together = 0
        self.n_by_legend = 0
        self.n_from_spots = 0
        self.n_heights = 0
        self._spots = heights([spot for sheet in sheets for spot in sheet.spots])
        self._told: dict[int, dict[str, Any]] = defaultdict(dict)
        self._given: dict[tuple[str, str, int], frozenset[str]] = {}

    def read(self, is_note: Callable[[Entity], bool], take_in: Callable[[], None]) -> None:
        """Read all names and texts; `take_in` is called when all lines are known, to add points at their ends."""
        texts = [entity for sheet in self._sheets for entity in sheet.entities if entity.text is not None]
        hand_to_lines(self._sheets, self._profile)
        self._put_together(texts)
        self._read_legend(texts)
        found = candidates(texts, self._sorting.names.read, self._words, is_note)
        leaders = [e for s in self._sheets for e in s.entities if e.kind == "LEADER"]
        self._fly_flags(found, leaders)
        point_out([each.entity for each in found], leaders)
        self._follow_leaders([c for c in found if c.number is not None and c.label is None])
        reach_m = float(self._options.get("label_reach_m", 0))
        of_lines = self._labels_of_lines(found, reach_m)
        take_in()
        self._numbers(found, of_lines, reach_m)
        self._any_points = drawn_as_circles(self._sheets, float(self._options.get("circle_radius_m", 0)))
        for sheet in self._sheets:
            self._names(sheet)
        self._spread_codes()

    def _spread_codes(self) -> None:
        """Let lines of one code of the map's legend be of the class that the texts about some of them give.

        It stands in `drawn_legend_class` where the profile takes the code itself for the class.
        """
        of_code: dict[str, list[Entity]] = defaultdict(list)
        for sheet in self._sheets:
            for entity in sheet.rows["segment"] if self.lacks(sheet, "segment", "class") else ():
                if code := self._sorting.legend_code(entity):
                    of_code[code].append(entity)
        known = self._profile.names("segment", "class")
        column = "drawn_legend_class" if "drawn_legend_class" in known else "drawn_class"
        for lines in of_code.values():
            own = {line.row: word for line in lines if (word := self._told[line.row].pop("drawn_class", None))}
            shared = next(iter(own.values())) if len(set(own.values())) == 1 else None
            for line in lines:
                if word := shared or own.get(line.row):
                    self._told[line.row][column] = word
            self.n_by_legend += len(lines) - len(own) if shared else 0

    def _put_together(self, texts: Sequence[Entity]) -> None:
        """Make lines whole that are broken for a letter, which says of what they are where it is a class."""
        letters = letters_of(texts)
        said: dict[int, str] = {}
        for sheet in self._sheets if letters else ():
            lines = [e for e in (*sheet.rows["segment"], *sheet.silent) if e.role == "segment" and not e.attributes]
            are_pipes = sheet.told.is_network
            found = put_together(letters, lines, self._is_class, are_pipes=are_pipes)
            sheet.drop(found.pieces, "piece")
            sheet.take_up(found.letters.keys())
            self.n_put_together += len(found.letters)
            lines = [entity for entity in lines if entity.row not in found.pieces]
            on_lines = letters_on(letters, [e for e in lines if e.row not in found.letters], self._is_class)
            sheet.take_up({entity.row for entity in sheet.silent if entity.row in on_lines and not entity.is_closed})
            if sheet.told.class_code in _UNTOLD:
                said.update(found.letters | on_lines)
        words = class_words_of(set(said.values()), texts)
        for row, letter in said.items():
            if word := words.get(letter):
                self._told[row]["drawn_class"] = word

    def _is_class(self, word: str) -> bool:
        return self._words.class_code(word) is not None

    def _read_legend(self, texts: Sequence[Entity]) -> None:
        """Let lines be of the class that the legend gives their colour and linetype, and its samples be none."""
        shown = [
            e
            for s in self._sheets
            for e in (s.entities if s.told.is_drawing_matter else (*s.rows["segment"], *s.silent))
        ]
        lines = [entity for entity in shown if entity.role == "segment" and entity.vertices]
        legend = read_legend(texts, lines, lambda said: self._profile.class_said(said, is_name=True))
        for sheet in self._sheets if legend.samples else ():
            sheet.drop(legend.samples, "legend")
            told = {e.row for e in sheet.silent if e.role == "segment" and legend.says_of_silent(e)}
            sheet.take_up(told)
            for entity in sheet.rows["segment"] if sheet.told.class_code in _UNTOLD else ():
                if code := legend.class_of(entity):
                    self._told[entity.row].setdefault("drawn_class", code)
                    self.n_by_legend += 1

    def _follow_leaders(self, numbers: Sequence[Candidate]) -> None:
        """Let numbers be about the points that lines on layers of texts, or of no pipes at all, lead to."""
        are_notes = [s for s in self._sheets if s.told.is_annotation or s.told.is_drawing_matter]
        notes = [entity for sheet in are_notes for entity in sheet.entities]
        points = [entity for sheet in self._sheets for entity in sheet.rows["node"]]
        lines = [entity for entity in notes if entity.role == "segment"]
        follow([number.entity for number in numbers], lines, points)

    def _fly_flags(self, found: Sequence[Candidate], leaders: Sequence[Entity]) -> None:
        """Let descriptions of several pipes at a line across these be about them."""
        texts = [
            (c.entity.text, code)
            for c in found
            if c.entity.text is not None and c.label is not None and c.label.class_word
            if c.entity.text.target is None and (code := self._words.class_code(c.label.class_word))
        ]
        lines = [e for s in self._sheets for e in (s.entities if s.told.is_annotation else s.silent)]
        pipes = [
            (entity, sheet.told.class_code)
            for sheet in self._sheets
            if sheet.told.class_code
            for entity in sheet.rows["segment"]
            if len(entity.vertices) > 1
        ]
        flags = fly(texts, [*(line for line in lines if line.role == "segment"), *leaders], pipes)
        for sheet in self._sheets:
            sheet.silent = [entity for entity in sheet.silent if not self._is_flag(entity, sheet, flags)]

    def _is_flag(self, entity: Entity, sheet: Sheet, flags: Set[int]) -> bool:
        if entity.row not in flags:
            return False
        sheet.leave_out(entity, "flag")
        return True

    def cells(self, entity: Entity) -> dict[str, Any]:
        """The drawn columns of one row."""
        return self._told.get(entity.row, {})

    def lacks(self, sheet: Sheet, role: str, *attributes: str) -> bool:
        """Whether the data of a sheet's rows of a role gives none of the attributes."""
        place = sheet.name, role, len(sheet.rows[role])
        if place not in self._given:
            columns = dict.fromkeys(name for entity in sheet.rows[role] for name in entity.attributes)
            given = self._profile.mapping(role, columns)
            if self._is_foreign_code(given.get("class"), sheet.rows[role]):
                del given["class"]
            self._given[place] = frozenset(given)
        return self._given[place].isdisjoint(attributes)

    def _is_foreign_code(self, column: str | None, rows: Sequence[Entity]) -> bool:
        """Whether a column holds codes of the map's legend of which none is known as a class."""
        if column is None or not self._sorting.is_of_legend(column):
            return False
        return not any(self._words.class_code(str(row.attributes.get(column, ""))) for row in rows)

    def _labels_of_lines(self, found: list[Candidate], reach_m: float) -> Matching:
        wanting = [
            (entity, sheet.told)
            for sheet in self._sheets
            if any(self.lacks(sheet, "segment", *names) for names in (_SIZE, ("material",), _DEPTHS))
            for entity in sheet.rows["segment"]
            if len(entity.vertices) > 1
        ]
        matching = match_lines(found, wanting, reach_m)
        self._take_in_labelled(matching, reach_m)
        for sheet in self._sheets:
            self._describe(sheet, matching)
        return matching

    def _describe(self, sheet: Sheet, matching: Matching) -> None:
        """Give a layer's lines what the texts about them say and their data does not."""
        wanted = {name for name, attributes in _OF_LINES.items() if self.lacks(sheet, "segment", *attributes)}
        for entity in sheet.rows["segment"]:
            if entity.row in matching.of:
                told, contradicts = told_of_line(matching.of[entity.row])
                self.labels.n_contradicting += contradicts
                self._told[entity.row].update({name: told[name] for name in wanted & told.keys()})
                texts = (candidate.entity.text for candidate in matching.of[entity.row])
                self._told[entity.row]["drawn_text"] = " | ".join(" ".join(text.lines) for text in texts if text)

    def _take_in_labelled(self, matching: Matching, reach_m: float) -> None:
        """Lines of which nothing but a size beside them says that they are pipes."""
        silent = [
            (entity, sheet.told)
            for sheet in self._sheets
            for entity in sheet.silent
            if entity.role == "segment" and not entity.is_closed and len(entity.vertices) > 1
        ]
        signed = [candidate for candidate in matching.unused if candidate.label and candidate.label.is_signed]
        more = match_lines(signed, silent, reach_m)
        for sheet in self._sheets:
            sheet.rows["segment"] += [entity for entity in sheet.silent if entity.row in more.of]
            sheet.silent = [entity for entity in sheet.silent if entity.row not in more.of]
        matching.of.update(more.of)
        matching.n_used += more.n_used
        used = {id(candidate) for about in more.of.values() for candidate in about}
        matching.unused = [candidate for candidate in matching.unused if id(candidate) not in used]

    def _numbers(self, found: list[Candidate], of_lines: Matching, reach_m: float) -> None:
        used = {id(candidate) for about in of_lines.of.values() for candidate in about}
        matching = match_points([c for c in found if id(c) not in used], self._points_without("key"), reach_m)
        for row, about in matching.of.items():
            self._told[row]["drawn_number"] = about[0].number
        used |= {id(candidate) for about in matching.of.values() for candidate in about}
        used |= self._levels([c for c in found if c.levels], matching, reach_m)
        self._account(found, used, of_lines, matching)

    def _levels(self, found: Sequence[Candidate], numbered: Matching, reach_m: float) -> set[int]:
        """Give points the heights that texts beside them state and their data does not; the texts that were taken.

        What stands under a number is of the point with that number.
        """
        taken: set[int] = set()
        stated = {what for candidate in found for what in candidate.levels}
        for what, (column, attribute) in _OF_LEVELS.items():
            if what not in stated:
                continue
            wanting = self._points_without(attribute)
            rows = {entity.row for entity, _ in wanting}
            of = {row: told for row, about in numbered.of.items() if row in rows and (told := _stating(about, what))}
            of_number = {id(candidate) for about in numbered.of.values() for candidate in about}
            matching = match_levels([c for c in _stating(found, what) if id(c) not in of_number], wanting, reach_m)
            for row, about in (*matching.of.items(), *of.items()):
                self._told[row][column] = about[0].levels[what]
                taken |= {id(candidate) for candidate in about}
        self.labels.n_levels = len(taken)
        return taken

    def _points_without(self, attribute: str) -> list[Feature]:
        return [
            (entity, sheet.told)
            for sheet in self._sheets
            if self.lacks(sheet, "node", attribute)
            for entity in sheet.rows["node"]
            if entity.vertices
        ]

    def _account(self, found: list[Candidate], used: set[int], of_lines: Matching, numbers: Matching) -> None:
        self.labels.n_of_lines, self.labels.n_numbers = of_lines.n_used, numbers.n_used
        tied = {id(candidate) for candidate in (*of_lines.ambiguous, *numbers.ambiguous)} - used
        self.labels.ambiguous = [candidate for candidate in found if id(candidate) in tied]
        used = used | tied
        self.labels.unused = [candidate for candidate in found if id(candidate) not in used]

    def _names(self, sheet: Sheet) -> None:
        told = sheet.told
        self._name_class(sheet)
        if told.label is not None:
            self._named_pipes(sheet, told.label)
        for entity in sheet.rows["node"]:
            if self.lacks(sheet, "node", "appurtenance"):
                self._device(entity, sheet)
            feature = self._words.feature_of(entity.block) if entity.block else None
            if feature and self.lacks(sheet, "node", "feature"):
                self._told[entity.row]["drawn_feature"] = feature
        if self.lacks(sheet, "node", "ground_elevation_m"):
            self._heights(sheet.rows["node"])
        if self.lacks(sheet, "segment", "from_elevation_m", "to_elevation_m"):
            self._heights_of_ends(sheet.rows["segment"])

    def _name_class(self, sheet: Sheet) -> None:
        """The class that the layer is named for, else a line's linetype, GAS_LINE, or a device's block, 给水_阀门井."""
        for role in ("node", "segment"):
            for entity in sheet.rows[role] if self.lacks(sheet, role, "class") else ():
                word = sheet.told.class_word
                other = entity.linetype if role == "segment" else entity.block
                if word is None and other and (role == "segment" or self._words.appurtenance_of(other)):
                    word = self._sorting.names.read(other).class_word
                if word:
                    self._told[entity.row].setdefault("drawn_class", word)

    def _named_pipes(self, sheet: Sheet, label: PipeLabel) -> None:
        for name, value in (
            ("drawn_section", label.section),
            ("drawn_material", label.material),
            *((f"drawn_{other}", said) for other, said in label.others),
        ):
            if value and self.lacks(sheet, "segment", *_OF_LINES[name]):
                for entity in sheet.rows["segment"]:
                    self._told[entity.row].setdefault(name, value)

    def _device(self, entity: Entity, sheet: Sheet) -> None:
        if entity.block and (device := self._words.appurtenance_of(entity.block)):
            self._told[entity.row]["drawn_appurtenance"] = device
        elif sheet.told.appurtenance:
            self._told[entity.row]["drawn_appurtenance"] = sheet.told.appurtenance
        elif sheet.told.class_code not in self._any_points and self._sorting.is_manhole(entity, sheet):
            self._told[entity.row]["drawn_appurtenance"] = "manhole"
            self.n_manholes += 1

    def _heights(self, nodes: Sequence[Entity]) -> None:
        found = heights_of_points(nodes, self._spots, self._options)
        self.n_from_spots += found.n_from_spots
        self.n_heights += len(found.of)
        for row, height in found.of.items():
            self._told[row]["drawn_z_m"] = height

    def _heights_of_ends(self, lines: Sequence[Entity]) -> None:
        for entity in lines:
            if any(vertex[2] for vertex in entity.vertices):
                for name, vertex in (("drawn_from_z_m", entity.vertices[0]), ("drawn_to_z_m", entity.vertices[-1])):
                    self._told[entity.row][name] = round(vertex[2], 4)


def _stating(found: Sequence[Candidate], what: str) -> list[Candidate]:
    return [candidate for candidate in found if what in candidate.levels]
