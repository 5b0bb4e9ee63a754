"""The sizes that pipes are made in, by which numbers without a unit are millimetres or inches."""

import numpy as np

from importers.normalising.cells import Floats

SIZES_MM = frozenset(
    (15, 20, 25, 32, 40, 50, 63, 65, 75, 80, 90, 100, 110, 125, 140, 150, 160, 180, 200, 225, 250, 280, 300, 315, 350,
     355, 375, 400, 450, 500, 525, 560, 600, 630, 675, 700, 710, 750, 800, 900, 1000, 1050, 1100, 1200, 1350, 1400,
     1500, 1600, 1650, 1800, 2000, 2200, 2400, 2600, 3000)
)  # fmt: skip
_SIZES_IN = (2, 3, 4, 6, 8, 10, 12, 14, 15, 16, 18, 20, 21, 24, 27, 30, 33, 36, 42, 48, 54, 60, 66, 72, 84, 96)
# Outer diameters of steel tubes (GB/T 17395, GOST 10704).
_STEEL_MM = frozenset((57, 76, 89, 108, 114, 133, 159, 168, 219, 273, 325, 377, 426, 478, 529, 530, 720, 820, 920,
                       1020, 1220, 1420))  # fmt: skip
# Those of inches rounded to whole millimetres are usual, too.
USUAL_MM = sorted(SIZES_MM | _STEEL_MM | {round(size * 25.4) for size in _SIZES_IN})
_MOSTLY = 0.8
# Inches of most pipes are fewer.
_FEW = 40.0


def usual_in_inches(sizes: Floats) -> bool:
    """Whether known sizes are usual ones in inches, too small and too few of the usual millimetres."""
    if not len(sizes) or float(np.median(sizes)) >= _FEW:
        return False
    usual_in, usual_mm = (float(np.isin(sizes, usual).mean()) for usual in (_SIZES_IN, list(SIZES_MM)))
    return usual_in >= _MOSTLY > usual_mm
