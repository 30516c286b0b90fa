"""Answers that are none although nothing failed, and prompts that are sent again and again."""

from itertools import groupby
from typing import Final

from quarterdeck_ui.pages.analytics import links, numbers
from quarterdeck_ui.pages.analytics.findings.evidence import Evidence
from quarterdeck_ui.pages.analytics.findings.finding import Finding
from quarterdeck_ui.queries import WITHIN, Answers, FlawDay

_FEWEST: Final = 5
_LEAST_FLAWED: Final = 0.02
_LEAST_REPEATED: Final = 0.2
_FEWEST_REPEATED: Final = 20
_NS: Final = 10**9


def silent(known: Evidence) -> list[Finding]:
    """Steps whose calls succeed with answers that are empty, cut off, or not the JSON that is due."""
    answers = {(each.pipeline, each.step): each for each in known.answers}
    found = []
    for where, days in groupby(known.flaws, key=lambda each: (each.pipeline, each.step)):
        flaws, since = _since_the_first(list(days))
        sample = answers.get(where, Answers(*where, 0, 0, 0, 0))
        if reasons := _reasons(flaws, sample):
            found.append(_silent(known, WITHIN.join(where), reasons, since))
    return found


def _since_the_first(days: list[FlawDay]) -> tuple[FlawDay, float]:
    """The sum of the days since the first one with a flaw, and that day."""
    begin = next((number for number, day in enumerate(days) if day.empty + day.cut), len(days))
    since = days[begin:]
    first = days[0]
    total = FlawDay(
        first.pipeline,
        first.step,
        since[0].day if since else 0,
        sum(day.calls for day in since),
        sum(day.empty for day in since),
        sum(day.cut for day in since),
    )
    return total, float(total.day)


def _reasons(flaws: FlawDay, sample: Answers) -> list[str]:
    reasons = []
    for number, words in ((flaws.empty, "are empty"), (flaws.cut, "are cut off at the token limit")):
        if number >= _FEWEST and number >= _LEAST_FLAWED * flaws.calls:
            reasons.append(f"{number} of {flaws.calls} {words}")
    if sample.no_json >= _FEWEST and sample.no_json >= _LEAST_FLAWED * sample.json_due:
        reasons.append(f"{sample.no_json} of the newest {sample.json_due} are not the JSON that is due")
    return reasons


def _silent(known: Evidence, where: str, reasons: list[str], since: float) -> Finding:
    pipeline, _, _ = where.partition(WITHIN)
    when = f" since {numbers.day(since)}" if since else ""
    within = links.during(known.asked, since, known.asked.until_ns / _NS - since) if since else known.asked
    return Finding(
        "silent",
        where,
        f"Answers of {where} come to nothing{when}, and no run says so",
        f"Of its answers {'; '.join(reasons)}. Their runs are shown as completed.",
        links.runs(within, pipeline=pipeline, status="completed"),
        since,
    )


def duplicates(known: Evidence) -> list[Finding]:
    """Steps that send prompts which they have sent before."""
    return [_duplicates(known, each) for each in known.answers if _repeats(each)]


def _repeats(each: Answers) -> bool:
    again = each.calls - each.prompts
    return again >= _FEWEST_REPEATED and again >= _LEAST_REPEATED * each.calls


def _duplicates(known: Evidence, each: Answers) -> Finding:
    where, again = f"{each.pipeline}{WITHIN}{each.step}", each.calls - each.prompts
    spent = [day for day in known.cost_by_step if day.part == where and day.calls]
    a_call = sum(day.cost for day in spent) / max(sum(day.calls for day in spent), 1)
    saved = f" Answering them from a cache would have saved about {numbers.money(again * a_call)}." if a_call else ""
    return Finding(
        "duplicates",
        where,
        f"{where} sends the same prompts again and again",
        f"{again} of its newest {each.calls} calls ({numbers.percent(again / each.calls)}) repeat one before them "
        f"word for word.{saved}",
        links.runs(known.sample, pipeline=each.pipeline),
    )
