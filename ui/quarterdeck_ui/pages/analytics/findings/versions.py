"""Versions of a pipeline that are worse than the ones before them."""

from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median
from typing import Final

from quarterdeck_ui import stats
from quarterdeck_ui.pages.analytics import links, numbers
from quarterdeck_ui.pages.analytics.findings.evidence import Evidence
from quarterdeck_ui.pages.analytics.findings.finding import Finding
from quarterdeck_ui.queries import ChartRange, Version

FEWEST_RUNS: Final = 20
ALPHA: Final = 0.01
_LEAST_SLOWER: Final = 1.1
_LEAST_MORE_FAILED: Final = 0.02
_LEAST_TIMES_FAILED: Final = 1.5
_NS: Final = 10**9


@dataclass(frozen=True, slots=True)
class Step:
    """From one version to the next: the p-values are corrected for all that were computed."""

    before: Version
    after: Version
    slower: float
    p_duration: float
    p_failed: float

    @property
    def took(self) -> tuple[float, float]:
        """Median duration of completed runs before and after, seconds."""
        return median(self.before.took or [0.0]), median(self.after.took or [0.0])

    @property
    def failed(self) -> tuple[float, float]:
        """Share of runs that failed before and after."""
        return self.before.failed / self.before.runs, self.after.failed / self.after.runs

    @property
    def is_slower(self) -> bool:
        """Whether its runs take longer."""
        return self.p_duration < ALPHA and self.slower >= _LEAST_SLOWER

    @property
    def fails_more(self) -> bool:
        """Whether its runs fail more often."""
        before, after = self.failed
        enough = after - before >= _LEAST_MORE_FAILED and after >= _LEAST_TIMES_FAILED * before
        return self.p_failed < ALPHA and enough

    @property
    def verdict(self) -> str:
        """What is worse, in words."""
        words = [word for word, yes in (("slower", self.is_slower), ("fails more", self.fails_more)) if yes]
        return " and ".join(words) or "no worse to see"


def compared(found: list[Version]) -> list[Step]:
    """Each version with the one before it, of the versions with enough runs.

    Durations by the U test of Mann and Whitney, failures by the exact test of Fisher; all p-values together are
    corrected by Benjamini and Hochberg.
    """
    pairs = []
    for _, group in groupby(found, key=lambda each: each.pipeline):
        known = [each for each in group if each.runs >= FEWEST_RUNS and each.took]
        pairs += list(pairwise(known))
    durations = [stats.mann_whitney(before.took, after.took) for before, after in pairs]
    failures = [stats.fisher_exact(b.failed, b.runs, a.failed, a.runs) for b, a in pairs]
    p = stats.corrected([*durations, *failures])
    return [
        Step(before, after, median(after.took) / (median(before.took) or 1.0), p[number], p[len(pairs) + number])
        for number, (before, after) in enumerate(pairs)
    ]


def regressions(known: Evidence) -> list[Finding]:
    """Versions that began within the range and are slower, or fail more often."""
    return [
        _regression(known.asked, step)
        for step in compared(known.versions)
        if (step.is_slower or step.fails_more) and step.after.last_ns >= known.asked.since_ns
    ]


def _regression(asked: ChartRange, step: Step) -> Finding:
    parts = []
    if step.is_slower:
        before, after = step.took
        times = f"runs take {numbers.seconds(after)} instead of {numbers.seconds(before)}"
        parts.append(f"{times} (Mann-Whitney, p = {step.p_duration:.2g})")
    if step.fails_more:
        before, after = step.failed
        parts.append(
            f"{numbers.percent(after)} fail instead of {numbers.percent(before)} (Fisher, p = {step.p_failed:.2g})"
        )
    words = " and ".join(word for word, yes in (("slower", step.is_slower), ("failing more", step.fails_more)) if yes)
    since = step.after.first_ns / _NS
    return Finding(
        "regression",
        step.after.pipeline,
        f"{step.after.pipeline} is {words} since version {step.after.version}",
        f"Since {numbers.day(since)} {' and '.join(parts)}; p-values corrected by Benjamini and Hochberg.",
        links.runs(asked, pipeline=step.after.pipeline, words=step.after.version),
        since,
    )
