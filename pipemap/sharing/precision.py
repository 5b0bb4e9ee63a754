"""How exactly an agreement shows places and depths."""

from collections.abc import Collection

from pipemap.errors import UsageError

EXACT = "exact"
MASKED = "masked"
SHIFTED = "shifted"
GRIDS_M = (1, 5, 10, 50)
DEPTH_STEPS_M = (0.1, 0.5, 1.0)
POSITION_PRECISIONS = (EXACT, *(f"grid_{size}m" for size in GRIDS_M), SHIFTED)
DEPTH_PRECISIONS = (EXACT, *(f"step_{step:g}m" for step in DEPTH_STEPS_M), MASKED)
# Attributes that say how deep or high something lies.
DEPTH_ATTRIBUTES = (
    "ground_elevation_m",
    "well_depth_m",
    "from_depth_m",
    "to_depth_m",
    "from_elevation_m",
    "to_elevation_m",
)


def default_depth(attributes: Collection[str]) -> str:
    """The precision of depths that goes with a list of granted attributes: masked unless one of them is a depth."""
    return EXACT if set(DEPTH_ATTRIBUTES) & set(attributes) else MASKED


def check_precision(position: str, depth: str) -> None:
    """Raise UsageError unless these are a class of position and one of depth."""
    for what, given, known in (
        ("position", position, POSITION_PRECISIONS),
        ("depth", depth, DEPTH_PRECISIONS),
    ):
        if given not in known:
            raise UsageError(f"{given} is no precision of {what}; there are {', '.join(known)}.")
