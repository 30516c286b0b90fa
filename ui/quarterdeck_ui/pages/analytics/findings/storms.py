"""Hours in which a provider refused much of what it was asked."""

from itertools import groupby
from typing import Final

from quarterdeck_ui.pages.analytics import links, numbers
from quarterdeck_ui.pages.analytics.findings.evidence import Evidence
from quarterdeck_ui.pages.analytics.findings.finding import Finding
from quarterdeck_ui.queries import FailingHour

_HOUR_S: Final = 3600
_LEAST_SHARE: Final = 0.25
_LEAST_TIMES: Final = 5.0
_FEWEST: Final = 8
_LIMITED: Final = ("ratelimit", "rate_limit", "429", "resource_exhausted", "resourceexhausted", "throttl", "too_many")


def storms(known: Evidence) -> list[Finding]:
    """Stretches of hours in which a quarter of a provider's calls failed, five times as many as usual."""
    usual = {each.part: each.errors / each.calls for each in known.providers if each.calls}
    bad = [hour for hour in known.failing_hours if _is_bad(hour, usual.get(hour.provider, 0.0))]
    bad.sort(key=lambda each: (each.provider, each.hour))
    found = [
        _storm(known, provider, stretch, usual.get(provider, 0.0))
        for provider, hours in groupby(bad, key=lambda each: each.provider)
        for stretch in _stretches(list(hours))
    ]
    return sorted(found, key=lambda each: -each.at)


def _is_bad(hour: FailingHour, usual: float) -> bool:
    share = hour.failed / hour.calls
    return hour.failed >= _FEWEST and share >= _LEAST_SHARE and share >= _LEAST_TIMES * usual


def _stretches(hours: list[FailingHour]) -> list[list[FailingHour]]:
    found: list[list[FailingHour]] = []
    for hour in hours:
        if found and hour.hour - found[-1][-1].hour <= _HOUR_S:
            found[-1].append(hour)
        else:
            found.append([hour])
    return found


def _storm(known: Evidence, provider: str, hours: list[FailingHour], usual: float) -> Finding:
    begin, end = hours[0].hour, hours[-1].hour + _HOUR_S
    within = links.during(known.asked, begin, end - begin)
    calls, failed = sum(hour.calls for hour in hours), sum(hour.failed for hour in hours)
    kinds = known.kinds(within, provider)
    limited = sum(number for kind, number in kinds if any(word in kind.lower() for word in _LIMITED))
    is_limit = limited > failed / 2
    what = "Rate-limit storm" if is_limit else "Many errors"
    told = ", ".join(f"{number} {kind or 'without a type'}" for kind, number in kinds[:3])
    until = numbers.hour(end).split()[-2]
    shares = f"{numbers.percent(failed / calls)}, usually {numbers.percent(usual)}"
    return Finding(
        "storm",
        provider,
        f"{what} at {provider} on {numbers.hour(begin).removesuffix(' UTC')} to {until} UTC",
        f"{failed} of {calls} calls failed ({shares}): {told}.",
        links.runs(within),
        begin,
    )
