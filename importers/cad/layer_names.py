"""What the name of a layer says: a class (`JSLINE`, `JS注记`, `给水`), material and size (`PVC110-PN16`), a device."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from importers.cad.label_words import PipeLabel, Vocabulary
from importers.normalising.classes import american_code, american_letters
from importers.profiles import Profile, one_class

# Names that AutoCAD gives to layers of attached (ref|name) and bound (ref$0$name) drawings.
_OF_ATTACHED = re.compile(r"^.*(?:\||\$\d+\$)")
# Words for a pipe, which say nothing of it.
_PIPES = re.compile(
    r"(?<![A-Z])(?:PIPES?|LINES?|MAINS?|LEITUNG|ROHR|TUBER[IÍ]A|CONDUITE|TUBO|LEIDING)(?![A-Z])", re.IGNORECASE
)
# W, SS-LINE: few letters for what a layer holds.
_SHORT = re.compile(r"^([A-Za-z]{1,4})(?:[-_ ]?(?:LINES?|PIPES?|MAINS?|PTS|POINTS?))?$", re.IGNORECASE)
_WORDS = re.compile(r"[A-Za-z]+|[一-鿿]+")


@dataclass(frozen=True)
class LayerName:
    """A layer's name as understood; `is_drawing_matter` are frames, base map and the like."""

    class_word: str | None = None
    class_code: str | None = None
    label: PipeLabel | None = None
    appurtenance: str | None = None
    is_drawing_matter: bool = False
    is_annotation: bool = False
    is_structure: bool = False
    numbers_points: bool = False

    @property
    def is_network(self) -> bool:
        """Whether pipes and their points are to be expected on the layer though none has an attribute."""
        told = self.class_code or self.label or self.appurtenance
        return bool(told) and not self.is_drawing_matter


def can_meet(one: str | None, other: str | None) -> bool:
    """Whether what two layers hold can belong together: their names do not say two classes."""
    return one is None or other is None or one == other


class LayerNames:
    """Reads layer names by the patterns and words of a profile.

    Options: `ignored_layers`, `annotation_layers`, `point_number_layers` and `structure_layers`, lists of patterns;
    `network_layers`, patterns of layers that hold network whatever else their names say. `layers` are the names of all
    layers of a drawing, of which several letters together tell more than each.
    """

    def __init__(self, profile: Profile, options: dict[str, Any], layers: Iterable[str] = ()) -> None:
        self.words = Vocabulary(profile)
        self._profile = profile
        self._patterns = {name: options.get(f"{name}_layers", []) for name in
                          ("ignored", "annotation", "point_number", "structure", "network")}  # fmt: skip
        self._together = self._american(layers)
        self.read = lru_cache(maxsize=None)(self._read)

    def _american(self, layers: Iterable[str]) -> Mapping[str, str]:
        """What names of a few letters mean together on an American plan; nothing where one is another code."""
        short = [match[1] for layer in layers if (match := _SHORT.match(_OF_ATTACHED.sub("", layer).strip()))]
        letters = [word for word in short if american_code(word)]
        is_foreign = any(self.words.class_code(word) and not american_code(word) for word in short)
        return {} if is_foreign else american_letters(letters)

    def _read(self, layer: str) -> LayerName:
        name = _OF_ATTACHED.sub("", layer).strip()
        word, code = self._class(name) or (None, None)
        if self._matches("network", name):
            return LayerName(word, code or "unknown", self._label(name))
        if self._matches("ignored", name):
            return LayerName(is_drawing_matter=True)
        is_annotation = self._matches("annotation", name)
        return LayerName(
            word,
            code,
            None if is_annotation else self._label(name),
            name if self.words.is_appurtenance(name) else None,
            is_annotation=is_annotation,
            is_structure=self._matches("structure", name),
            numbers_points=self._matches("point_number", name),
        )

    def _matches(self, kind: str, name: str) -> bool:
        patterns: Sequence[str] = self._patterns[kind]
        return any(re.search(pattern, name, re.IGNORECASE) for pattern in patterns)

    def _class(self, name: str) -> tuple[str, str] | None:
        """The word for the class and the class: by the profile's patterns, the whole name, or one of its words."""
        if self._together and (short := _SHORT.match(name)) and (code := self._together.get(short[1].casefold())):
            return code, code
        by_pattern = self._profile.sheet_class(name)
        words = [name, *_WORDS.findall(name)]
        words = [*([by_pattern] if by_pattern else []), *(word for word in words if len(word) > 1)]
        known = {word: code for word in words if (code := self.words.class_code(word)) is not None}
        said = self._profile.class_said(name, is_name=True)
        meant = one_class(known.values()) if known else said
        if said and (meant != said) and not {by_pattern, name} & known.keys():
            # Of several words together, recycled_water, more is said than of each.
            meant = one_class((*known.values(), said)) or said
        word, code = next(((word, code) for word, code in known.items() if code == meant), (meant, meant))
        first = next(iter(known.items()), None)
        return (word, code) if word and code else first

    def _label(self, name: str) -> PipeLabel | None:
        words = name.replace("_", " ")
        found = self.words.pipe_label(words) or self.words.pipe_label(_PIPES.sub(" ", words))
        return found if found is not None else self._rated(name)

    def _rated(self, name: str) -> PipeLabel | None:
        """`FC110-PN16`: a pressure class after a size says that it is one, whatever the material."""
        match = re.match(r"^([A-Za-z]+)[ _-]?(\d{2,4})[ _-](?:PN|SDR)\s?\d+$", name)
        return PipeLabel(match[2], match[1]) if match else None
