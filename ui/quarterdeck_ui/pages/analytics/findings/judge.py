"""All findings of a range, those first that a reader should see first (pure)."""

from quarterdeck_ui.pages.analytics.findings import calls, days, steps, storms, versions
from quarterdeck_ui.pages.analytics.findings.evidence import Evidence
from quarterdeck_ui.pages.analytics.findings.finding import Finding


def judge(known: Evidence) -> list[Finding]:
    """What stands out."""
    regressions = versions.regressions(known)
    return [
        *regressions,
        *storms.storms(known),
        *calls.silent(known),
        *days.cost_spikes(known),
        *days.slower_or_faster(known, regressions),
        *calls.duplicates(known),
        *steps.heavy(known),
    ]
