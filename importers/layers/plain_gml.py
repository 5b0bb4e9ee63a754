"""Files written anew as GML that is flat: features, each with one shape and cells of its own, as GDAL reads them."""

from collections.abc import Iterable, Mapping
from pathlib import Path

# Schemas are not fetched; a template is written, beside the link.
GML_OPTIONS: Mapping[str, str] = {"DOWNLOAD_SCHEMA": "NO", "WRITE_GFS": "YES"}
_OWN = "http://pipemap/plain"


def feature(kind: str, content: str, attributes: str = "") -> str:
    """A feature as XML, of the layer that its kind names; its shape and cells stand in the namespace `f`."""
    return f"<gml:featureMember><f:{kind}{attributes}>{content}</f:{kind}></gml:featureMember>\n"


def write(target: Path, features: Iterable[str]) -> int:
    """Write features (`feature`) to a file: how many there were."""
    count = 0
    with target.open("w", encoding="utf-8") as sink:
        sink.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        sink.write(f'<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:f="{_OWN}">\n')
        for one in features:
            sink.write(one)
            count += 1
        sink.write("</gml:FeatureCollection>\n")
    return count
