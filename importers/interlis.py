"""INTERLIS 2 deliveries: a table for each class, with what its objects refer to where the profile asks for it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyproj import CRS

from importers.base import RecordTable
from importers.layers import shapes
from importers.layers.files import head
from importers.layers.markup import xml_root
from importers.layers.xtf import XtfObject, models, objects
from importers.profile_files import load_profile
from importers.refusing import refusal
from schemas.findings import Finding, Severity

DEFAULT_CHUNK_ROWS = 50_000
DEFAULT_PROFILE = "interlis-dss"

_HEAD_BYTES = 4096
_NAMESPACE = b"http://www.interlis.ch/"
_CRS_OF_MODEL = {"LV95": 2056, "LV03": 21781}

# Class to new column to the paths of its value, the first one that leads anywhere counts.
Follow = Mapping[str, Mapping[str, Sequence[str]]]


class InterlisReader:
    """Reads .xtf files; a row's number is the object's place among those of its class.

    Every class is a sheet, its columns are `TID` and the attributes, all text; references hold the
    TID of what they refer to, structures come as `attribute.attribute`. Of several geometries that with
    the most dimensions counts; arcs become chords. `crs` is known from models named for LV95 or LV03;
    the last model of the file's head, which builds upon the others, is the title.

    The option `follow` adds columns with values of other objects: by class and column, a list of paths
    such as `vonHaltungspunktRef.Kote`, of which the first that leads to a value counts. A step is a
    reference, or a class: the object of that class that this one refers to or that refers to it.
    `TID` and `CLASS` are attributes like others. Without the option, the paths of the shipped profile
    for the Swiss sewer models hold.
    """

    name = "interlis"

    def accepts(self, path: Path) -> bool:
        """Whether the file is called .xtf (or .itf, which is refused), or .xml and begins like one."""
        suffix = path.suffix.lower()
        return suffix in (".xtf", ".itf") or (
            suffix == ".xml" and path.is_file() and _NAMESPACE in head(path, _HEAD_BYTES)
        )

    def read(self, paths: Sequence[Path], options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield the classes of each file, in chunks of `chunk_rows`.

        Raises
        ------
        SourceError
            When a file is not INTERLIS 2, not well-formed, or holds no objects.
        """
        follow = options.get("follow") or load_profile(DEFAULT_PROFILE).reader["follow"]
        for path in paths:
            _demand_interlis_2(path)
            yield from _read(path, follow, options.get("chunk_rows", DEFAULT_CHUNK_ROWS))

    def heads(self, path: Path, options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield the first table of every class, which takes a pass over the file."""
        seen: set[str] = set()
        for table in self.read([path], options):
            if table.sheet not in seen:
                seen.add(table.sheet)
                yield table


def _demand_interlis_2(path: Path) -> None:
    if path.suffix.lower() == ".itf":
        raise refusal(
            path,
            "is INTERLIS 1, which is not read; export INTERLIS 2 (.xtf) or a GeoPackage",
            "为 INTERLIS 1 格式，不能读取；请导出为 INTERLIS 2（.xtf）或 GeoPackage",
        )
    if not path.is_file() or not path.stat().st_size:
        raise refusal(path, "is absent or empty; ask for the file again", "不存在或为空，请重新提供")
    root, namespaces = xml_root(path, path)
    if root.casefold() != "transfer" or not any(uri.encode().startswith(_NAMESPACE) for uri in namespaces):
        raise refusal(path, "is not an INTERLIS 2 transfer file, whatever its name says", "不是 INTERLIS 2 数据文件")


def _read(path: Path, follow: Follow, chunk_rows: int) -> Iterator[RecordTable]:
    links = _Links.of(path, follow)
    named = models(path)
    crs = next((code for name, code in _CRS_OF_MODEL.items() if any(name in model for model in named)), None)
    classes: dict[str, _Class] = {}
    for found in objects(path):
        of_class = classes.get(found.class_name)
        if of_class is None:
            columns = links.columns[found.class_name]
            system = CRS.from_epsg(crs) if crs else None
            of_class = classes[found.class_name] = _Class(
                path.name, found.class_name, columns, system, named[-1] if named else None
            )
        of_class.add(found, links)
        if len(of_class.objects) >= chunk_rows:
            yield from of_class.tables()
    if not classes:
        raise refusal(path, "holds no objects", "中没有对象")
    for of_class in classes.values():
        if of_class.objects or of_class.notes:
            yield from of_class.tables()


@dataclass
class _Links:
    """What the paths need of a file: the named attributes of all objects, and who refers to whom."""

    follow: Follow
    columns: dict[str, list[str]] = field(default_factory=dict)
    _objects: dict[str, XtfObject] = field(default_factory=dict)
    _referring: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, path: Path, follow: Follow) -> "_Links":
        """Learned in one pass over the file."""
        links = cls(follow)
        steps = {
            step for paths in follow.values() for each in paths.values() for one in each for step in one.split(".")
        }
        seen: dict[str, dict[str, None]] = {}
        for found in objects(path, with_shapes=False):
            seen.setdefault(found.class_name, {}).update(dict.fromkeys(found.attributes))
            links._learn(found, steps)
        links.columns = {name: [*there, *follow.get(name, {})] for name, there in seen.items()}
        return links

    def _learn(self, found: XtfObject, steps: set[str]) -> None:
        if found.tid is None:
            return
        kept = {name: value for name, value in found.attributes.items() if name in steps or name == "TID"}
        self._objects[found.tid] = XtfObject(found.class_name, kept, found.references)
        if found.class_name in steps:
            for target in found.references.values():
                self._referring[found.class_name, target].append(found.tid)

    def value(self, start: XtfObject, paths: Sequence[str]) -> str | None:
        """The value at the end of the first path that has one."""
        return next((value for path in paths if (value := self._at([start], path.split("."))) is not None), None)

    def _at(self, starts: list[XtfObject], steps: Sequence[str]) -> str | None:
        *between, last = steps
        for step in between:
            starts = [target for start in starts for target in self._next(start, step)]
        values = (start.class_name if last == "CLASS" else start.attributes.get(last) for start in starts)
        return next((value for value in values if value is not None), None)

    def _next(self, start: XtfObject, step: str) -> list[XtfObject]:
        if step in start.references:
            tids = [start.references[step]]
        else:
            tids = [*start.references.values(), *self._referring.get((step, start.tid or ""), [])]
        targets = [self._objects[tid] for tid in tids if tid in self._objects]
        return [target for target in targets if step in start.references or target.class_name == step]


@dataclass
class _Class:
    """The objects of one class that wait to become a table."""

    file: str
    name: str
    columns: list[str]
    crs: CRS | None
    model: str | None = None
    rows_read: int = 0
    objects: list[XtfObject] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)

    def add(self, found: XtfObject, links: _Links) -> None:
        self.rows_read += 1
        for column, paths in links.follow.get(self.name, {}).items():
            value = links.value(found, paths)
            if value is not None:
                found.attributes[column] = value
        if found.bad_shapes:
            place = {"file": self.file, "sheet": self.name, "row": self.rows_read}
            words = {"message_en": "The geometry cannot be read.", "message_zh": "几何无法读取。"}
            self.notes.append(Finding(rule="IMP-GEOMETRY", severity=Severity.ERROR, **place, **words))
        self.objects.append(found)

    def tables(self) -> Iterator[RecordTable]:
        """What waits, one table for each dimension of geometry."""
        index = pd.RangeIndex(self.rows_read - len(self.objects) + 1, self.rows_read + 1)
        cells = {name: [found.attributes.get(name) for found in self.objects] for name in self.columns}
        rows = pd.DataFrame(cells, index=index, dtype=object)
        geometry = np.array([*(found.shape for found in self.objects), None], dtype=object)[:-1]
        notes, self.objects, self.notes = self.notes, [], []
        for mask in shapes.by_dimension(geometry):
            of_kind = geometry[mask]
            drawn = None if all(shape is None for shape in of_kind) else shapes.simplest(of_kind)
            yield RecordTable(self.file, self.name, rows[mask], drawn, self.crs, findings=notes, title=self.model)
            notes = []
