"""The statistics behind what pages claim: short, published methods on NumPy, compared with SciPy's in the tests."""

from quarterdeck_ui.stats.change import Change, changes, pettitt
from quarterdeck_ui.stats.forecast import Forecast, month_end
from quarterdeck_ui.stats.hypotheses import corrected, fisher_exact, mann_whitney
from quarterdeck_ui.stats.outliers import modified_z
from quarterdeck_ui.stats.resample import Estimate, ratio_of_days

__all__ = [
    "Change",
    "Estimate",
    "Forecast",
    "changes",
    "corrected",
    "fisher_exact",
    "mann_whitney",
    "modified_z",
    "month_end",
    "pettitt",
    "ratio_of_days",
]
