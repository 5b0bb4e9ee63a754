"""One record at a time through fiona, for a layer in which a bad record must not sink the rest."""

import logging
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import fiona
import shapely
import shapely.geometry

from importers.layers.files import LayerFile, damage

_MAX_BAD_IN_A_ROW = 1_000
_FIONA_LOG = logging.getLogger("fiona.ogrext")


@dataclass(frozen=True)
class Record:
    """A feature's cells and geometry, or the fault that keeps it from being read.

    `bad_text` holds what is legible of the texts that are not in the layer's encoding; their cells are None.
    """

    cells: dict[str, Any]
    geometry: shapely.Geometry | None = None
    fault: str | None = None
    bad_text: tuple[str, ...] = ()


class RecordStream:
    """The records of a layer from the one after `skip` on.

    Raises
    ------
    SourceError
        When the layer cannot be opened, or so many records in a row are bad that it is no layer.
    """

    def __init__(self, file: LayerFile, layer: str, skip: int = 0) -> None:
        self._file = file
        self._undecoded = _UndecodedTexts()
        try:
            self._collection = fiona.open(
                str(file.place), driver=file.driver, layer=layer, encoding=file.encoding, **file.options
            )
            self._records = self._collection.filter(skip, None) if skip else iter(self._collection)
            self.fields = [str(name) for name in self._collection.schema["properties"]]
            self.crs_wkt: str | None = self._collection.crs_wkt or None
        except Exception as error:  # fiona passes GDAL's faults through as private types.
            raise damage(self._file, error) from error

    def __enter__(self) -> Self:
        _FIONA_LOG.addFilter(self._undecoded)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        _FIONA_LOG.removeFilter(self._undecoded)
        self._collection.close()

    def take(self, n_records: int) -> list[Record]:
        """The next records, at most `n_records`; none at the end."""
        records: list[Record] = []
        bad_in_a_row = 0
        while len(records) < n_records:
            try:
                feature = next(self._records)
                records.append(_record(feature, self._undecoded.taken()))
                bad_in_a_row = 0
            except StopIteration:
                break
            except (fiona.errors.FionaError, ValueError, TypeError, shapely.errors.ShapelyError) as error:
                bad_in_a_row += 1
                if bad_in_a_row > _MAX_BAD_IN_A_ROW:
                    raise damage(self._file, error) from error
                records.append(Record({}, fault=str(error)))
        return records


class _UndecodedTexts(logging.Filter):
    """Takes from fiona's log, the only place where it tells of it, the text that it could not decode."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        raw = record.args[0] if isinstance(record.args, tuple) and record.args else None
        if isinstance(raw, bytes):
            self._texts.append(raw.decode("utf-8", "replace"))
        return not isinstance(raw, bytes)

    def taken(self) -> tuple[str, ...]:
        texts, self._texts = tuple(self._texts), []
        return texts


def _record(feature: Any, bad_text: tuple[str, ...]) -> Record:
    geometry = None if feature.geometry is None else shapely.geometry.shape(feature.geometry)
    return Record({name: _cell(value) for name, value in feature.properties.items()}, geometry, bad_text=bad_text)


def _cell(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
