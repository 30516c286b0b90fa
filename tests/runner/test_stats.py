"""Means and paired differences, as SciPy has them."""

import math
from statistics import stdev

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from quarterdeck_runner.stats import Interval, interval, quantile, tails

values = st.floats(-1e6, 1e6).map(lambda value: round(value, 6))  # squares of less are nothing to SciPy


@pytest.mark.filterwarnings("ignore:Precision loss")  # SciPy, of differences that are nearly the same
@given(st.lists(st.tuples(values, values), min_size=2, max_size=60), st.sampled_from([0.9, 0.95, 0.99]))
@settings(max_examples=60, deadline=None)
def test_paired_differences_are_those_of_scipy(pairs: list[tuple[float, float]], confidence: float) -> None:
    differences = [ours - theirs for ours, theirs in pairs]
    scale = max(map(abs, differences))
    assume(stdev(differences) > 1e-6 * scale)
    found = interval(differences, confidence)
    expected = scipy_stats.ttest_rel(*zip(*pairs, strict=True))
    assert found is not None
    assert found.count == len(pairs)
    low, high = expected.confidence_interval(confidence)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-7, abs=scale * 1e-7)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("freedom", [1, 2, 3, 10, 29, 999, 100_000])
def test_the_distribution_is_that_of_scipy(freedom: int) -> None:
    for share in (0.6, 0.95, 0.975, 0.9995):
        assert quantile(share, freedom) == pytest.approx(scipy_stats.t.ppf(share, freedom), rel=1e-9)
    for t in (0.0, 0.1, 1.0, 2.5, -7.0, 40.0):
        assert tails(t, freedom) == pytest.approx(2 * scipy_stats.t.sf(abs(t), freedom), rel=1e-8, abs=1e-300)


def test_what_cannot_be_told_is_not() -> None:
    assert interval([]) is None
    assert interval([3.0]) == Interval(1, 3.0, None, None, None)
    assert interval([2.0, 2.0]) == Interval(2, 2.0, 2.0, 2.0, 0.0)
    assert interval([0.0, 0.0]) == Interval(2, 0.0, 0.0, 0.0, 1.0)
    assert math.isclose(quantile(0.975, 10_000_000), 1.959964, rel_tol=1e-5)
