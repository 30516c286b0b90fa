"""What happened around one error: its stack, the call behind it, what was logged, and the last good run beside it."""

import difflib
import json
from typing import Final

import streamlit as st

from quarterdeck_ui import services
from quarterdeck_ui.pages.errors.case import Call, Case, RunFacts, logs_around
from quarterdeck_ui.pages.errors.stack import as_text, user_frames
from quarterdeck_ui.pages.errors.words import moment
from quarterdeck_ui.queries import LEVELS, LogLine

_TABS: Final = ("Stack", "Call", "Logs", "Last good run")
_LONG: Final = 20_000
_HEIGHT: Final = 420
_FITS: Final = (22, 2500)
"""Lines and characters up to which a text is shown as high as it is."""

_UNKNOWN: Final = "-"


def show(case: Case) -> None:
    """Draw the tabs; what is not looked at is not read."""
    tabs = st.tabs(list(_TABS), key="about", on_change="rerun", bind="query-params")
    draw = (_stack, _call, _logs, _good)
    for tab, each in zip(tabs, draw, strict=True):
        if tab.open:
            with tab:
                each(case)


def _code(text: str, language: str | None = None) -> None:
    shown = text if len(text) <= _LONG else f"{text[:_LONG]}\n… {len(text) - _LONG:,} characters more, in the run"
    st.code(
        shown,
        language=language,
        wrap_lines=True,
        height=_HEIGHT if shown.count("\n") > _FITS[0] or len(shown) > _FITS[1] else "content",
    )


def _stack(case: Case) -> None:
    told = case.exception
    trace = told.get("exception.stacktrace", "")
    frames = user_frames(trace, case.callers)
    if frames:
        st.caption("Your own code, innermost first:")
        _code(as_text(frames), "python")
    elif trace:
        st.caption("None of your own code is in this stack: the runner made the call.")
    if trace:
        st.caption("All of it:")
        _code(trace, "python")
    if not trace:
        said = case.occurrence.message or case.facts["StatusMessage"] or "nothing"
        st.info("No stack trace was recorded for it. What the span says:")
        _code(said)
    last = case.run.row.message
    if last and last not in trace and case.occurrence.message not in last:
        st.caption("How the run ended:")
        _code(last)


def _call(case: Case) -> None:
    call = case.run.call
    if call is None:
        st.info("No model call of this run belongs to the error.")
        return
    st.caption(
        f"{call.span.name}, step {call.span.step_name or 'of none'}, {moment(call.span.start_ns)}, "
        f"{call.span.duration_ns / 1e9:.2f} s"
    )
    _code(_lines(call.parameters), "yaml")
    if call.prompt:
        st.caption("Prompt:")
        _code(call.prompt)
    else:
        st.info("The prompt was not captured, or is kept no more.")
    if call.answer:
        st.caption(f"Answer (ended with {call.span.finish_reason or 'nothing'}):")
        _code(call.answer)


def _lines(parameters: dict[str, str]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in parameters.items())


def _logs(case: Case) -> None:
    lines = logs_around(services.current().store, case)
    if not lines:
        st.info("The run logged nothing in the minute before. Python's logging is recorded once qd.init() has run.")
        return
    st.caption("What the run logged from a minute before the error on:")
    _code("\n".join(_line(line) for line in lines), "log")


def _line(line: LogLine) -> str:
    level = LEVELS[max(line.severity - 1, 0) // 4].upper()
    return f"{moment(line.time_ns)[11:19]} {level:5} {line.step or '-'}  {line.body or line.event}"


def _good(case: Case) -> None:
    good, bad = case.good, case.run
    if good is None:
        st.info("No run of this pipeline has completed in the 60 days around.")
        return
    when = "before" if good.row.start_ns < bad.row.start_ns else "after (none completed before)"
    st.caption(f"Run [{good.row.id}](/?run={good.row.id}) completed {when}, {moment(good.row.start_ns)}.")
    st.table(
        {
            "": [name for name, _, _ in _compared(bad, good)],
            "This run": [here for _, here, _ in _compared(bad, good)],
            "Last good run": [there for _, _, there in _compared(bad, good)],
        }
    )
    _difference("Input", pretty(good.input), pretty(bad.input))
    if good.call and bad.call:
        _difference("Parameters", _lines(good.call.parameters), _lines(bad.call.parameters))
        _difference("Prompt", good.call.prompt, bad.call.prompt)


def _compared(bad: RunFacts, good: RunFacts) -> list[tuple[str, str, str]]:
    def facts(run: RunFacts) -> tuple[str, ...]:
        row, call = run.row, run.call
        step = f"{run.step_seconds:.2f} s" if run.step_seconds is not None else _UNKNOWN
        tokens = f"{call.span.tokens_in:,} in, {call.span.tokens_out:,} out" if call else _UNKNOWN
        return (
            row.version or _UNKNOWN,
            f"{(row.end_ns - row.start_ns) / 1e9:.2f} s",
            step,
            _model(call),
            tokens,
            str(row.calls),
        )

    names = ("Version", "Duration", "Duration of the step", "Model", "Tokens of the call", "Model calls")
    return list(zip(names, facts(bad), facts(good), strict=True))


def _model(call: Call | None) -> str:
    return call.span.model or call.parameters.get("model", _UNKNOWN) if call else _UNKNOWN


def _difference(name: str, good: str, bad: str) -> None:
    if good == bad:
        st.caption(f"{name}: the same." if good else f"{name}: not captured.")
        return
    st.caption(f"{name}, from the good run to this one:")
    lines = difflib.unified_diff(good.splitlines(), bad.splitlines(), "last good run", "this run", lineterm="", n=2)
    _code("\n".join(lines), "diff")


def pretty(text: str) -> str:
    """JSON over several lines; anything else as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
