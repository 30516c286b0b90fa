"""Our statistics say what SciPy's say, and forecasts hold what they promise."""

from datetime import date, timedelta

import numpy as np
import pytest
from scipy import stats as scipy

from quarterdeck_ui import stats

CHANCE = np.random.default_rng(3)


@pytest.mark.parametrize("step", [0.0, 0.6])
@pytest.mark.parametrize("digits", [9, 1])  # 1: with ties
def test_mann_whitney_is_scipys(step: float, digits: int) -> None:
    one, other = CHANCE.normal(0, 1, 80).round(digits), CHANCE.normal(step, 2, 55).round(digits)
    expected = scipy.mannwhitneyu(one, other, method="asymptotic").pvalue
    assert stats.mann_whitney(list(one), list(other)) == pytest.approx(expected, rel=1e-9)


def test_samples_without_a_difference_to_see_have_none() -> None:
    assert stats.mann_whitney([], [1.0]) == stats.mann_whitney([2.0, 2.0], [2.0]) == 1


@pytest.mark.parametrize(
    ("hits", "of", "other_hits", "other_of"), [(3, 40, 9, 38), (0, 9, 0, 9), (29, 1234, 145, 1029)]
)
def test_fishers_exact_test_is_scipys(hits: int, of: int, other_hits: int, other_of: int) -> None:
    expected = scipy.fisher_exact([[hits, of - hits], [other_hits, other_of - other_hits]]).pvalue
    assert stats.fisher_exact(hits, of, other_hits, other_of) == pytest.approx(expected, rel=1e-6)


def test_the_correction_for_many_tests_is_scipys() -> None:
    p = [0.04, 0.001, 0.9, 0.011, 0.011]
    assert stats.corrected(p) == pytest.approx(list(scipy.false_discovery_control(p)))
    assert stats.corrected([]) == []


def test_pettitts_statistic_is_the_largest_of_all_u_tests() -> None:
    values = np.concatenate([CHANCE.normal(0, 1, 40), CHANCE.normal(1.5, 1, 30)])
    n = len(values)
    u = {t: 2 * scipy.mannwhitneyu(values[:t], values[t:]).statistic - t * (n - t) for t in range(1, n)}
    at, k, p = stats.pettitt(list(values))
    assert at == max(u, key=lambda t: abs(u[t]))
    assert k == pytest.approx(max(abs(value) for value in u.values()))
    assert (abs(at - 40) <= 3, p < 0.001) == (True, True)


def test_each_lasting_change_is_found_and_no_single_day() -> None:
    noise = CHANCE.normal(1, 0.05, 90)
    steps = noise * np.repeat([10, 15, 8], 30)
    steps[50] = 200
    found = stats.changes(list(steps))
    assert [(abs(each.at - at) <= 1) for each, at in zip(found, (30, 60), strict=True)] == [True, True]
    assert [round(each.after / each.before, 1) for each in found] == [1.5, 0.5]
    assert stats.changes(list(noise)) == []


def test_few_series_of_chance_alone_seem_to_change() -> None:
    chance = np.random.default_rng(5)
    wrong = sum(bool(stats.changes(list(chance.lognormal(0, 0.5, 90)), alpha=0.05, least=0)) for _ in range(200))
    assert wrong <= 16


def test_robust_deviations_are_scipys_median_absolute_deviation() -> None:
    values = [*CHANCE.normal(10, 2, 50), 60.0]
    spread = scipy.median_abs_deviation(values, scale=0.6745)
    assert stats.modified_z(values) == pytest.approx((np.array(values) - np.median(values)) / spread)
    assert list(stats.modified_z([2.0, 2.0])) == [0, 0]


def test_the_interval_of_a_ratio_is_scipys_paired_bootstrap() -> None:
    day = CHANCE.lognormal(0, 0.4, 60)
    one = np.column_stack([day * 2 * CHANCE.lognormal(0, 0.1, 60) * 50, np.full(60, 50.0)])
    other = np.column_stack([day * CHANCE.lognormal(0, 0.1, 60) * 40, np.full(60, 40.0)])

    def ratio(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> float:
        return float((a.sum() / b.sum()) / (c.sum() / d.sum()))

    expected = scipy.bootstrap(
        (*one.T, *other.T), ratio, paired=True, vectorized=False, method="percentile", n_resamples=2000, rng=2
    ).confidence_interval
    found = stats.ratio_of_days([tuple(row) for row in one], [tuple(row) for row in other])
    assert found is not None
    assert (found.low, found.high) == pytest.approx(expected, rel=0.01)
    assert (found.low < 2 < found.high, found.differs) == (True, True)
    assert stats.ratio_of_days([(1.0, 1.0)], [(0.0, 0.0)]) is None


def test_eight_of_ten_months_end_within_the_forecast() -> None:
    chance, begin, today, inside = np.random.default_rng(8), date(2026, 1, 1), date(2026, 4, 12), 0
    rhythm = [10, 11, 11, 10, 9, 3, 2]
    for _ in range(200):
        days = [begin + timedelta(days=n) for n in range(120)]
        cost = {day: rhythm[day.weekday()] * float(chance.lognormal(0, 0.3)) for day in days}
        told = stats.month_end({day: amount for day, amount in cost.items() if day < today}, today)
        assert told is not None
        april = sum(amount for day, amount in cost.items() if day.month == 4)
        inside += told.low <= april <= told.high
    assert 0.72 <= inside / 200 <= 0.9


def test_no_forecast_is_made_from_a_few_days() -> None:
    today = date(2026, 4, 12)
    assert stats.month_end({today - timedelta(days=n): 1.0 for n in range(10)}, today) is None
    assert stats.month_end({}, today) is None
