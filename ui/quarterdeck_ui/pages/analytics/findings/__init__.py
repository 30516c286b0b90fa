"""What stands out of a range, each with its evidence and the runs behind it."""

from quarterdeck_ui.pages.analytics.findings.evidence import Evidence, gather
from quarterdeck_ui.pages.analytics.findings.finding import Finding
from quarterdeck_ui.pages.analytics.findings.judge import judge

__all__ = ["Evidence", "Finding", "gather", "judge"]
