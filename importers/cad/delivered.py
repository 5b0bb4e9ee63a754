"""One drawing with those attached to it: points, blocks and lines with what is said of them, layer by layer."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from importers.base import RecordTable
from importers.cad import accounts
from importers.cad.drawn import Drawn
from importers.cad.drawn_heights import lie_at_point_height
from importers.cad.drawn_tables import drawn_tables
from importers.cad.entities import Entity
from importers.cad.layer_names import LayerNames
from importers.cad.pasted import PastedNetwork
from importers.cad.rims import drawn_to_centres
from importers.cad.sheets import Sheet, Sorting, settle_silent
from importers.cad.sources import Source, SourceReader, moved_by
from importers.cad.tables import OWN_COLUMNS, ROLES, tables_of
from importers.cad.units import UNITS
from importers.profile_files import choose_profile, known_headers, load_profile
from importers.profiles import Profile, plain
from pipemap.errors import SourceError
from schemas.findings import Severity

_DISTANCES = ("label_reach_m", "circle_radius_m", "ground_reach_m")


class Delivered:
    """One delivered drawing with those attached to it, on the way to tables."""

    def __init__(self, path: Path, options: dict[str, Any]) -> None:
        self._path = path
        self._base, self._given = load_profile("drawing"), options.get("profile")
        self._is_name = _name_test(frozenset(options.get("known_headers", ())))
        names = LayerNames(self._given or self._base, {**self._base.reader, **options})
        pasted = PastedNetwork(names, self._is_name)
        self._sources = SourceReader(self._is_name, pasted, options).read(path)
        self._profile: Profile = self._given or _fitting(self._sources)
        self._settings = {**self._base.reader, **self._profile.reader, **options}
        self._reach_m = float(self._settings.get("label_reach_m", 0))
        if "foot" in options:
            self._settings |= _in_unit(UNITS[options["foot"]], self._settings)

    @staticmethod
    def elsewhere(path: Path, options: dict[str, Any]) -> RecordTable | None:
        """The account of a drawing that another of the delivery attaches elsewhere, and that is read with that one."""
        host = moved_by(path.resolve(), options.get("delivered", ()))
        if host is None:
            return None
        source = Source(path.name, [])
        en = f"{path.name} is read where {host.name} attaches it."
        source.note("IMP-XREF", Severity.INFO, en, f"{path.name} 按 {host.name} 中的插入位置读取。", value=host.name)
        return RecordTable(path.name, path.stem, pd.DataFrame(), findings=source.notes)

    def tables(self) -> Iterator[RecordTable]:
        """The tables of all drawings; SourceError when none has a row."""
        # A profile for tables that fits the attributes knows nothing of layers.
        words = self._profile if self._given or self._profile.reader else self._base
        layers = {entity.layer for source in self._sources for entity in source.entities if entity.role == "segment"}
        sorting = Sorting(LayerNames(words, self._settings, layers), self._settings)
        found = [(source, sorting.sheets(source.entities)) for source in self._sources]
        drawn = [self._drawn(source, sheets, sorting) for source, sheets in found]
        has_rows = any(sheet.rows[role] for _, sheets in found for sheet in sheets for role in ROLES)
        if not has_rows and not self._only_attaches():
            raise _without_signs(self._path, self._sources)
        for (source, sheets), told in zip(found, drawn, strict=True):
            yield from drawn_tables(source, sheets, told, self._profile)
            yield from tables_of(source, sheets, told, self._is_flat(source, sheets))

    def _drawn(self, source: Source, sheets: Sequence[Sheet], sorting: Sorting) -> Drawn:
        accounts.note_rims(source, drawn_to_centres(sheets))
        drawn = Drawn(sheets, sorting, self._profile, self._settings)
        radius_m = float(self._settings.get("circle_radius_m", 0))
        drawn.read(self._is_note, lambda: accounts.note_taken_in(source, settle_silent(sheets, radius_m)))
        accounts.note_labels(source, drawn.labels, self._reach_m)
        accounts.note_drawn(source, drawn, sum(len(sheet.spots) for sheet in sheets), self._settings)
        accounts.note_bare_heights(source, sheets, float(self._settings.get("label_reach_m", 0)))
        accounts.note_hidden(source, sheets)
        return drawn

    def _only_attaches(self) -> bool:
        """Whether all it holds, or among others all it could tell, are drawings that are read on their own."""
        containers = [entity.is_container for source in self._sources for entity in source.entities]
        return all(containers) or (any(containers) and len(self._settings.get("delivered", ())) > 1)

    def _is_note(self, text: Entity) -> bool:
        """Whether the data of a text already names what it is about."""
        return any(self._is_name(name) for name in text.attributes)

    def _is_flat(self, source: Source, sheets: Sequence[Sheet]) -> bool:
        """Whether the z of lines is that of the ground."""
        if self._profile.geometry_z != "axis" or self._settings.get("trust_z"):
            return False
        return accounts.note_heights(source, sheets, *lie_at_point_height(sheets))


def _in_unit(unit_m: float, settings: dict[str, Any]) -> dict[str, float]:
    """The distances among the settings in the unit that the drawing's places are in."""
    return {name: float(settings[name]) / unit_m for name in _DISTANCES if name in settings}


def _name_test(more: frozenset[str]) -> Callable[[str], bool]:
    known = known_headers() | more
    return lru_cache(maxsize=None)(lambda word: plain(word) in known)


def _fitting(sources: Sequence[Source]) -> Profile:
    columns = {name: None for source in sources for entity in source.entities for name in entity.attributes}
    return choose_profile([*OWN_COLUMNS, *columns], {"dxf"})[0]


def _without_signs(path: Path, sources: Sequence[Source]) -> SourceError:
    n_entities = sum(1 for source in sources for entity in source.entities if entity.role)
    return SourceError(
        f"{path.name} has no attributes: extended data (XDATA) and block attributes were looked for on "
        f"{n_entities} points, blocks and lines, and no layer name or text says what they are; deliver the drawing "
        "with them, name the layers by class (JSLINE), list them as network_layers in a profile, or deliver a point "
        "and a line table.",
        message_zh=f"{path.name} 没有属性：在 {n_entities} 个点、块和线上查找了扩展数据（XDATA）和块属性，图层名和文字"
        "也未说明其内容；请提供带属性的图形，按类别命名图层（如 JSLINE），在配置文件中列出 network_layers，"
        "或提供管点表和管线表。",
    )
