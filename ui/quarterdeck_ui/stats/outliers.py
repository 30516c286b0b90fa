"""Which values do not belong to the others."""

from collections.abc import Sequence

import numpy as np

from quarterdeck_ui.stats.hypotheses import Floats


def modified_z(values: Sequence[float]) -> Floats:
    """How far each value is from the median, in robust standard deviations (Iglewicz & Hoaglin 1993).

    The median absolute deviation measures the spread, which what stands out does not widen; where more than half of the
    values are equal, the mean absolute deviation does.
    """
    data = np.asarray(values, float)
    if not len(data):
        return data
    away = data - np.median(data)
    spread = float(np.median(np.abs(away))) / 0.6745 or float(np.mean(np.abs(away))) * 1.253314
    return away / spread if spread else np.zeros(len(data))
