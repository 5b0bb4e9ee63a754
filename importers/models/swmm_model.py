"""What a SWMM input file holds: nodes and links in metres, elevations and flows a day."""

from collections.abc import Sequence
from dataclasses import dataclass

from importers.models.elements import Place
from importers.models.swmm_sections import CrossSection
from schemas.findings import Finding

NODE_SECTIONS = {"JUNC": "junctions", "OUTF": "outfalls", "STOR": "storage", "DIVI": "dividers"}
LINK_SECTIONS = {"COND": "conduits", "PUMP": "pumps", "ORIF": "orifices", "WEIR": "weirs", "OUTL": "outlets"}


@dataclass(frozen=True, slots=True)
class SwmmNode:
    """A junction, outfall, storage unit or divider; `ground_m` is the invert and the greatest depth."""

    row: int
    kind: str
    id: str
    path: Sequence[Place]
    invert_m: float
    max_depth_m: float
    ground_m: float
    type: str | None
    dwf_m3_per_d: float
    inflow_m3_per_d: float
    comment: str | None
    tag: str | None


@dataclass(frozen=True, slots=True)
class SwmmLink:
    """A conduit, pump, orifice, weir or outlet; sizes in `section` are in metres.

    `inverts_m` are those of a conduit's two ends; `crest_m` is where the others begin to flow.
    """

    row: int
    kind: str
    id: str
    from_id: str
    to_id: str
    path: Sequence[Place]
    type: str | None
    section: CrossSection | None
    inverts_m: tuple[float, float]
    crest_m: float
    length_m: float
    roughness: float
    has_flap_gate: bool
    comment: str | None
    tag: str | None


@dataclass(frozen=True, slots=True)
class SwmmModel:
    """What an input file holds; `refused` counts unreadable lines by kind."""

    nodes: list[SwmmNode]
    links: list[SwmmLink]
    n_subcatchments: int
    refused: dict[str, int]
    findings: list[Finding]
    map_units: str
