"""Surveyed ground beside the ground models: at a surveyed point the more accurate of the two tells the ground."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipemap.ground.grid import Floats

# CJJ 61 asks of surveyed points that their heights are within so much of the nearest control.
_SURVEYED_WITHIN_M = 0.03


class SurveyedGround(NamedTuple):
    """The surveyed ground at points and how accurate it is, arrays of one shape; NaN where nobody says."""

    ground_m: Floats
    accuracy_m: Floats

    @classmethod
    def of(cls, ground_m: Floats) -> "SurveyedGround":
        """Surveyed ground of which nobody says how accurate it is."""
        return cls(ground_m, np.full(ground_m.shape, np.nan))

    def holds(self, model_accuracy_m: Floats) -> npt.NDArray[np.bool_]:
        """Whether the survey tells the ground at each point beside models of some accuracy, 0 where nobody says.

        It does unless the model is known to be the more accurate.
        """
        own_m = np.where(np.isnan(self.accuracy_m), _SURVEYED_WITHIN_M, self.accuracy_m)
        is_model_better = (model_accuracy_m > 0) & (model_accuracy_m < own_m)
        return np.isfinite(self.ground_m) & ~is_model_better

    def off_m(self, told_m: Floats, model_accuracy_m: Floats) -> Floats:
        """How far the ground lies above what models tell at each point; 0 where they tell it, or tell nothing."""
        return np.nan_to_num(np.where(self.holds(model_accuracy_m), self.ground_m - told_m, 0.0))
