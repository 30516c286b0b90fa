"""Single steps that take most of all time or of all money."""

from collections import defaultdict
from typing import Final, Literal

from quarterdeck_ui.pages.analytics import links, numbers
from quarterdeck_ui.pages.analytics.findings.evidence import Evidence
from quarterdeck_ui.pages.analytics.findings.finding import Finding
from quarterdeck_ui.queries import WITHIN

_LEAST_SHARE: Final = 0.5
_LEAST_TIMES: Final = 2.0
"""So many times as much as the next step takes."""

_FEWEST_STEPS: Final = 4
_NS: Final = 10**9


def heavy(known: Evidence) -> list[Finding]:
    """The step that takes half of the time of all steps, and the one that takes half of the cost."""
    cost: defaultdict[str, float] = defaultdict(float)
    for each in known.cost_by_step:
        if each.at * _NS >= known.asked.since_ns:
            cost[each.part] += each.cost
    time = {f"{each.pipeline}{WITHIN}{each.step}": each.seconds for each in known.steps}
    found = []
    if top := _top(cost):
        found.append(
            _heavy(known, "dear_step", top, f"{numbers.money(cost[top])} of {numbers.money(sum(cost.values()))}")
        )
    if top := _top(time):
        found.append(
            _heavy(known, "slow_step", top, f"{numbers.seconds(time[top])} of {numbers.seconds(sum(time.values()))}")
        )
    return found


def _top(parts: dict[str, float]) -> str:
    """The part that is more than half of all and at least twice the next one."""
    if len(parts) < _FEWEST_STEPS:
        return ""
    first, second = sorted(parts, key=lambda name: -parts[name])[:2]
    whole = sum(parts.values())
    is_heavy = whole > 0 and parts[first] >= _LEAST_SHARE * whole and parts[first] >= _LEAST_TIMES * parts[second]
    return first if is_heavy else ""


def _heavy(known: Evidence, kind: Literal["dear_step", "slow_step"], step: str, share: str) -> Finding:
    what = "cost" if kind == "dear_step" else "time"
    detail = f"{share} that all steps together took in this range."
    return Finding(kind, step, f"{step} takes most of the {what}", detail, links.part(known.asked, "step", step))
