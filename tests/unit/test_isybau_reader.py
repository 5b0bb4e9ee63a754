"""ISYBAU comes out as shafts and reaches, whatever generation of it, and hostile XML is refused."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from importers.delivery import read_delivery, reader_of
from importers.isybau import IsybauReader
from pipemap.errors import SourceError
from schemas.delivery import Delivery

# Two shafts and an outfall; H1 is drawn in two pieces, H2 is an egg and runs from node to node.
_HEAD = (
    '<?xml version="1.0" encoding="ISO-8859-1"?>\n<Identifikation xmlns="http://www.ofd-hannover.la/Identifikation">'
    "<Version>2017-07</Version><Datenkollektive><Stammdatenkollektiv><Kennung>STA01</Kennung>\n"
)
_TAIL = "</Stammdatenkollektiv></Datenkollektive></Identifikation>"


def _point(x: float, y: float, z: float, kind: str, tag: str = "Punkt") -> str:
    return (
        f"<{tag}><Rechtswert>{x}</Rechtswert><Hochwert>{y}</Hochwert><Punkthoehe>{z}</Punkthoehe>"
        f"<PunktattributAbwasser>{kind}</PunktattributAbwasser></{tag}>"
    )


def _facility(name: str, kind: int, body: str, drawn: str, sewage: str = "KM") -> str:
    return (
        f"<AbwassertechnischeAnlage><Objektbezeichnung>{name}</Objektbezeichnung><Objektart>{kind}</Objektart>"
        f"<Status>0</Status><Baujahr>1987</Baujahr><Entwaesserungsart>{sewage}</Entwaesserungsart>{body}"
        f"<Geometrie><Geometriedaten>{drawn}</Geometriedaten><CRSLage>ETRS89_UTM32</CRSLage></Geometrie>"
        "</AbwassertechnischeAnlage>\n"
    )


def _shaft(name: str, x: float, y: float, cover_m: float, bottom_m: float) -> str:
    body = "<Knoten><KnotenTyp>0</KnotenTyp><Schacht><Schachttiefe>2.5</Schachttiefe></Schacht></Knoten>"
    points = _point(x + 0.2, y, cover_m, "DMP") + _point(x, y, bottom_m, "SMP")
    return _facility(name, 2, body, f"<Knoten>{points}</Knoten>")


def _reach(name: str, ends: tuple[str, str], size: str, drawn: str, sewage: str = "KM") -> str:
    body = (
        f"<Kante><KantenTyp>0</KantenTyp><KnotenZulauf>{ends[0]}</KnotenZulauf><KnotenAblauf>{ends[1]}</KnotenAblauf>"
        "<SohlhoeheZulauf>97.5</SohlhoeheZulauf><SohlhoeheAblauf>97.25</SohlhoeheAblauf><Material>STZ</Material>"
        f"<Profil>{size}</Profil></Kante>"
    )
    return _facility(name, 1, body, drawn, sewage)


_PIECES = "".join(
    f"<Kante>{_point(*start, 'LHP', 'Start')}{_point(*end, 'LHP', 'Ende')}</Kante>"
    for start, end in (
        ((432100, 5385200, 97.5), (432115, 5385203, 97.4)),
        ((432115, 5385203, 97.4), (432130, 5385200, 97.25)),
    )
)
FILE = (
    _HEAD
    + _shaft("S1", 432100, 5385200, 100.0, 97.5)
    + _shaft("S2", 432130, 5385200, 99.8, 97.2)
    + _facility(
        "A1", 2, "<Knoten><KnotenTyp>2</KnotenTyp><Bauwerk><Bauwerkstyp>5</Bauwerkstyp></Bauwerk></Knoten>",
        f"<Knoten>{_point(432160, 5385210, 96.9, 'KOP')}</Knoten>",
    )
    + _reach(
        "H1", ("S1", "S2"), "<Profilart>0</Profilart><Profilhoehe>300</Profilhoehe>", f"<Kanten>{_PIECES}</Kanten>"
    )
    + _reach(
        "H2", ("S2", "A1"), "<Profilart>1</Profilart><Profilbreite>600</Profilbreite><Profilhoehe>900</Profilhoehe>",
        "", "DR",
    )
    + _TAIL
)  # fmt: skip


def _read(tmp_path: Path, text: str) -> Delivery:
    path = tmp_path / "netz.xml"
    path.write_text(text, encoding="latin-1")
    assert isinstance(reader_of(path), IsybauReader)
    return read_delivery([path], srid=25832)


def test_shafts_have_cover_and_place_and_reaches_size_and_axis(tmp_path: Path) -> None:
    delivery = _read(tmp_path, FILE)

    nodes, segments = delivery.nodes, delivery.segments
    assert nodes["ground_elevation_m"].tolist()[:2] == [100.0, 99.8]
    assert nodes["appurtenance_code"].tolist() == ["manhole", "manhole", "outfall"]
    assert nodes["class_code"].tolist() == ["combined"] * 3
    first, second = segments.iloc[0], segments.iloc[1]
    assert (first["from_key"], first["to_key"], first["class_code"], first["width_mm"]) == ("S1", "S2", "combined", 300)
    assert (second["class_code"], second["shape_code"], second["width_mm"], second["height_mm"]) == (
        "storm", "egg", 600, 900,
    )  # fmt: skip
    assert set(segments["material_code"]) == {"ceramic"}
    assert set(segments["flow_direction_code"]) == {"forward"}
    z_m = shapely.get_coordinates(first["geom"], include_z=True)[[0, -1], 2]
    np.testing.assert_allclose(z_m, [97.65, 97.4], atol=1e-6)
    assert len(shapely.get_coordinates(first["geom"])) == 3


def test_a_bend_is_drawn_round_its_middle(tmp_path: Path) -> None:
    bend = (
        f"<Kanten><Kante>{_point(432100, 5385200, 97.5, 'SMP', 'Start')}{_point(432130, 5385200, 97.2, 'SMP', 'Ende')}"
        f"{_point(432115, 5385200, 0, 'KMP', 'Mitte')}</Kante></Kanten>"
    )
    text = _HEAD + _shaft("S1", 432100, 5385200, 100, 97) + _shaft("S2", 432130, 5385200, 100, 97)
    text += _reach("H1", ("S1", "S2"), "<Profilart>0</Profilart><Profilhoehe>300</Profilhoehe>", bend) + _TAIL

    length_m = _read(tmp_path, text).segments["geom"].iloc[0].length

    assert length_m == pytest.approx(np.pi * 15, abs=0.02)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_HEAD + _TAIL, "holds no sewers"),
        (FILE[:-40], "not well-formed"),
        (_HEAD + _facility("A1", 2, "<Knoten>" * 300 + "</Knoten>" * 300, "") + _TAIL, "cannot be read as XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]>' + _HEAD.partition("\n")[2] + _TAIL, "document type"),
    ],
)
def test_what_is_no_whole_file_is_refused_in_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "netz.xml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(SourceError, match=words):
        list(IsybauReader().read([path], {}))
