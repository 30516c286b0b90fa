"""What happens, in lines: remembers of each run what its later events do not say again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from quarterdeck import semconv as s
from quarterdeck_console.tail import messages
from quarterdeck_console.tail.stream import Event
from quarterdeck_console.text import dollars, line, printable, seconds

_SNIPPET: Final = 100
_MESSAGE: Final = 300
_PROGRESS_NS: Final = 2_000_000_000
_LOST_NS: Final = s.RUN_LOST_AFTER_S * 1_000_000_000
_LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_STYLES: Final = ("dim", "dim", "", "yellow", "red", "red")
_ENDS: Final = {
    "completed": ("✓", "green"),
    "failed": ("✗", "red"),
    "cancelled": ("■", "yellow"),
    "skipped": ("○", "dim"),
}
_DEFAULT_SEVERITY: Final = 9
_RUN: Final = 0
_STEP: Final = 1
_CALL: Final = 2

Told = tuple[int, str, str, str]
"""Depth, text, style and what is below it."""

Price = Callable[[str, str, dict[str, str]], float | None]
"""``price(provider, model, attributes of the answer)`` in USD; None where it is not known."""


@dataclass(frozen=True)
class Line:
    """One line for the screen.

    Args:
        at_ns: when it happened, nanoseconds since the epoch.
        run: id of the run.
        pipeline: its pipeline.
        depth: how deep in the run: 0 for the run itself.
        text: what happened.
        style: colour; empty for none.
        below: further text that belongs to it, as it is.
    """

    at_ns: int
    run: str
    pipeline: str
    depth: int
    text: str
    style: str = ""
    below: str = ""


@dataclass
class _Call:
    provider: str = ""
    chunks: list[str] = field(default_factory=list)


@dataclass
class _Run:
    pipeline: str
    status: str = "running"
    heard_ns: int = 0
    calls: dict[str, _Call] = field(default_factory=dict)
    progress_ns: dict[str, int] = field(default_factory=dict)


class Narrator:
    """Makes lines of events.

    Args:
        price: what a call cost.
        full: whether to give whole prompts and answers.
    """

    def __init__(self, price: Price, *, full: bool = False) -> None:
        self._price = price
        self._full = full
        self._runs: dict[str, _Run] = {}
        self._tellers: dict[str, Callable[[_Run, Any, dict[str, str]], Iterator[Told]]] = {
            "pipeline:started": self._started,
            "pipeline:completed": self._ended,
            "pipeline:error": self._ended,
            "step:started": self._step_started,
            "step:progress": self._step_progress,
            "step:completed": self._step_ended,
            "prompt:sent": self._prompt,
            "response:streaming": self._chunk,
            "response:received": self._answer,
            "heartbeat": self._heartbeat,
        }

    def tell(self, event: Event) -> Iterator[Line]:
        """Give the lines of one event; most have one, some none."""
        data = event.data
        at_ns = nanoseconds(data.get("Timestamp", ""))
        if event.name == "log:entry":
            yield self._log(at_ns, data)
            return
        if event.name not in self._tellers:
            if "reason" in data:
                yield Line(at_ns, "", "", _RUN, f"! {printable(str(data['reason']))}", "yellow")
            return
        run = self._runs.setdefault(data["RunId"], _Run(data["PipelineName"]))
        run.heard_ns = max(run.heard_ns, int(data["Position"]))
        for depth, text, style, below in self._tellers[event.name](run, data, data["Attributes"]):
            yield Line(at_ns, data["RunId"], run.pipeline, depth, text, style, below)

    def lost(self, now_ns: int) -> Iterator[Line]:
        """Give a line for each run that has not been heard of for so long that its process must be gone."""
        for run_id, run in list(self._runs.items()):
            if run.status in {"running", "waiting"} and now_ns - run.heard_ns > _LOST_NS:
                run.status = "lost"
                text = f"? lost: no sign of life for {s.RUN_LOST_AFTER_S} s"
                yield Line(now_ns, run_id, run.pipeline, _RUN, text, "yellow")

    def _started(self, _: _Run, data: Any, told: dict[str, str]) -> Iterator[Told]:
        version = told.get(s.PIPELINE_VERSION, "")
        yield _RUN, f"▶ started{f' · version {line(version, 20)}' if version else ''} · run {data['RunId']}", "bold", ""

    def _ended(self, run: _Run, data: Any, told: dict[str, str]) -> Iterator[Told]:
        run.status = told.get(s.RUN_STATUS) or (
            "failed" if data["EventName"] == s.EVENT_PIPELINE_ERROR else "completed"
        )
        run.calls, run.progress_ns = {}, {}
        yield _RUN, *_end(run.status, "", _took(data, told), told)

    def _heartbeat(self, run: _Run, _: Any, told: dict[str, str]) -> Iterator[Told]:
        status = told.get(s.RUN_STATUS) or run.status
        if status != run.status and (status == "paused" or run.status in {"paused", "lost"}):
            yield _RUN, "‖ paused" if status == "paused" else "▶ goes on", "yellow", ""
        run.status = status

    def _step_started(self, _: _Run, data: Any, told: dict[str, str]) -> Iterator[Told]:
        index, total = told.get(s.STEP_INDEX, ""), told.get(s.STEP_TOTAL, "")
        place = f"{index}/{total} " if total and index else ""
        attempt = told.get(s.STEP_ATTEMPT, "1")
        again = f" · attempt {attempt}" if attempt not in {"", "1"} else ""
        yield _STEP, f"▸ {place}{line(data['StepName'], 60)}{again}", "", ""

    def _step_progress(self, run: _Run, data: Any, told: dict[str, str]) -> Iterator[Told]:
        at_ns = int(data["Position"])
        if at_ns - run.progress_ns.get(data["SpanId"], 0) < _PROGRESS_NS:
            return
        run.progress_ns[data["SpanId"]] = at_ns
        done, total = told.get(s.STEP_PROGRESS_DONE, ""), told.get(s.STEP_PROGRESS_TOTAL, "")
        share = f"{done}/{total}" if done and total else f"{float(told.get(s.STEP_PROGRESS) or 0):.0%}"
        message = f" · {line(data['Text'], _SNIPPET)}" if data["Text"] else ""
        yield _STEP, f"· {line(data['StepName'], 60)} {share}{message}", "dim", ""

    def _step_ended(self, _: _Run, data: Any, told: dict[str, str]) -> Iterator[Told]:
        yield _STEP, *_end(told.get(s.STEP_STATUS, "completed"), line(data["StepName"], 60), _took(data, told), told)

    def _prompt(self, run: _Run, data: Any, told: dict[str, str]) -> Iterator[Told]:
        run.calls[data["SpanId"]] = _Call(told.get(s.PROVIDER_NAME, ""))
        text = messages.last_said(told.get(s.INPUT_MESSAGES, ""))
        whole = messages.whole(told.get(s.SYSTEM_INSTRUCTIONS, ""), told.get(s.INPUT_MESSAGES, ""))
        model = line(told.get(s.REQUEST_MODEL, "a model"), 60)
        said = f' · "{line(text, _SNIPPET)}" ({len(whole):,} characters)' if text else ""
        yield _CALL, f"→ {model}{'' if self._full else said}", "", printable(whole) if self._full else ""

    def _chunk(self, run: _Run, data: Any, told: dict[str, str]) -> Iterator[Told]:
        if told.get(s.CHUNK_KIND, "text") == "text":
            run.calls.setdefault(data["SpanId"], _Call()).chunks.append(data["Text"])
        yield from ()

    def _answer(self, run: _Run, data: Any, told: dict[str, str]) -> Iterator[Told]:
        call = run.calls.pop(data["SpanId"], _Call())
        answer = "".join(call.chunks)
        model = told.get(s.RESPONSE_MODEL) or data["SpanName"].rpartition(" ")[2]
        facts = [line(model, 60), _took(data, told), *self._used(call.provider, model, told)]
        if "length" in told.get(s.RESPONSE_FINISH_REASONS, ""):
            facts.append("cut at max_tokens")
        if error := told.get(s.ERROR_TYPE):
            message = told.get(s.EXCEPTION_MESSAGE, "")
            facts.append(line(f"{error}: {message}" if message else error, _MESSAGE))
            yield _CALL, f"✗ {' · '.join(facts)}", "red", ""
            return
        if answer and not self._full:
            facts.append(f'"{line(answer, _SNIPPET)}"')
        yield _CALL, f"← {' · '.join(facts)}", "", printable(answer) if self._full else ""

    def _used(self, provider: str, model: str, told: dict[str, str]) -> Iterator[str]:
        tokens_in, tokens_out = told.get(s.USAGE_INPUT_TOKENS), told.get(s.USAGE_OUTPUT_TOKENS)
        if not (tokens_in or tokens_out):
            return
        yield f"{int(tokens_in or 0):,} tokens in, {int(tokens_out or 0):,} out"
        cost = self._price(provider, model, told)
        if cost is not None:
            yield dollars(cost)

    def _log(self, at_ns: int, data: dict[str, Any]) -> Line:
        number = min(max((int(data["SeverityNumber"]) or _DEFAULT_SEVERITY) - 1, 0) // 4, len(_LEVELS) - 1)
        words = data["Body"] or data["EventName"]
        below, text = ("", line(words, _MESSAGE)) if not self._full else (printable(words), "")
        return Line(
            at_ns, data["RunId"], data["PipelineName"], _STEP, f"{_LEVELS[number]} {text}", _STYLES[number], below
        )


def _end(status: str, name: str, took: str, told: dict[str, str]) -> tuple[str, str, str]:
    mark, style = _ENDS.get(status, ("?", "yellow"))
    error, message = told.get(s.ERROR_TYPE, ""), told.get(s.EXCEPTION_MESSAGE, "")
    why = message if error and message.startswith(error) else ": ".join(filter(None, (error, message)))
    words = [name or status, took, *([line(why, _MESSAGE)] if why else [])]
    return f"{mark} {' · '.join(words)}", style, ""


def _took(data: Any, told: dict[str, str]) -> str:
    end = int(told.get(s.SPAN_END) or 0) or nanoseconds(data["Timestamp"])
    return seconds(max(end - nanoseconds(data["StartTime"]), 0))


def nanoseconds(text: str) -> int:
    """Read a time of the stream: RFC 3339 with nine digits."""
    if not text:
        return 0
    whole, _, rest = text.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(f"{whole}+00:00").timestamp()) * 1_000_000_000 + int(f"{rest:0<9}"[:9] or 0)
