"""Runs told through OTLP, as the SDK tells them: live events while they run, spans at their end."""

import argparse
import contextlib
import json
import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from quarterdeck import semconv as s
from support import otlp

_STAND_IN = {s.PROVIDER_STAND_IN: True}


@dataclass
class Part:
    """One span of a run, open until it is ended."""

    id: bytes
    name: str
    parent: "Part | None"
    start: int
    attributes: dict[str, Any] = field(default_factory=dict)
    step: "Part | None" = None
    sequence: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)


# One for all runs: a client of a run's own stays open when a test forgets the run, and fails some later test.
_HTTP = httpx.Client(timeout=20, trust_env=False)


class Run:
    """One run of a pipeline; every method tells the collector at once."""

    def __init__(
        self,
        endpoint: str,
        pipeline: str,
        *,
        steps: int | None = None,
        run_id: str = "",
        quiet: bool = False,
        ago: float = 0,
        stand_in: bool = False,
    ) -> None:
        """Start a run, ``ago`` seconds in the past; a ``quiet`` one sends no live events."""
        self.endpoint, self.pipeline, self.id = endpoint, pipeline, run_id or str(uuid.uuid4())
        self.trace, self.quiet, self.shift = otlp.new_trace_id(), quiet, int(ago * 1e9)
        self.resource = {"service.name": "scenario"} | (_STAND_IN if stand_in else {})
        self.total = {s.STEP_TOTAL: steps} if steps else {}
        self.root = self._open(f"invoke_workflow {pipeline}", None, {})
        self.config = {s.PIPELINE_VERSION: "3f9c2ab1", s.PIPELINE_CONFIG: json.dumps({"steps": steps})}
        self._event(s.EVENT_PIPELINE_STARTED, self.root, {s.RUN_STATUS: "running", **self.config, **self.total})

    def now(self) -> int:
        """The run's clock, nanoseconds."""
        return time.time_ns() - self.shift

    def _open(self, name: str, parent: Part | None, attributes: dict[str, Any], step: Part | None = None) -> Part:
        return Part(os.urandom(8), name, parent, self.now(), attributes, step)

    def _stamps(self, part: Part) -> dict[str, Any]:
        step = part.step
        inside = {s.STEP_ID: step.id.hex(), s.STEP_NAME: step.name.removeprefix("step ")} if step else {}
        return {s.RUN_ID: self.id, s.PIPELINE_NAME: self.pipeline, **inside}

    def _event(self, name: str, part: Part, attributes: dict[str, Any], body: str | None = None) -> None:
        if self.quiet:
            return
        record = {
            "event_name": name,
            "time_unix_nano": self.now(),
            "trace_id": self.trace,
            "span_id": part.id,
            "body": body,
            "attributes": {
                **self._stamps(part),
                s.SPAN_NAME: part.name,
                s.SPAN_PARENT_ID: part.parent.id.hex() if part.parent else "",
                s.SPAN_START: part.start,
                **attributes,
            },
        }
        self._post("/v1/logs", otlp.logs(record, scope=s.LIVE_SCOPE, resource=self.resource))

    def _span(self, part: Part, attributes: dict[str, Any], error: str = "", *, client: bool = False) -> None:
        span = {
            "trace_id": self.trace,
            "span_id": part.id,
            "parent_span_id": part.parent.id if part.parent else b"",
            "name": part.name,
            "kind": 3 if client else 1,
            "start_time_unix_nano": part.start,
            "end_time_unix_nano": self.now(),
            "attributes": {**self._stamps(part), **part.attributes, **attributes},
            "events": part.events,
            **({"status": {"code": 2, "message": error}} if error else {}),
        }
        self._post("/v1/traces", otlp.traces(span, resource=self.resource))

    def _post(self, path: str, message: Any) -> None:
        headers = {"content-type": "application/x-protobuf"}
        _HTTP.post(self.endpoint + path, content=message.SerializeToString(), headers=headers).raise_for_status()

    def raised(self, part: Part, kind: str, message: str, trace: str) -> None:
        """Record an exception that a span ends with."""
        told = {"exception.type": kind, "exception.message": message, "exception.stacktrace": trace}
        part.events.append({"name": "exception", "time_unix_nano": self.now(), "attributes": told})

    def log(self, part: Part, severity: int, text: str) -> None:
        """Write a log record."""
        record = {"severity_number": severity, "body": text, "attributes": self._stamps(part)}
        record |= {"time_unix_nano": self.now(), "trace_id": self.trace, "span_id": part.id}
        self._post("/v1/logs", otlp.logs(record, resource=self.resource))

    def heartbeat(self, status: str = "running") -> None:
        """Say that the run is alive."""
        self._event(s.EVENT_HEARTBEAT, self.root, {s.RUN_STATUS: status})

    def step(self, name: str, index: int, *, budget: int = 0, value: Any = None) -> Part:
        """Begin a step."""
        told: dict[str, Any] = {s.STEP_NAME: name, s.STEP_INDEX: index, s.STEP_ATTEMPT: 1, s.STEP_KIND: "python"}
        told |= self.total | ({s.STEP_TOKEN_BUDGET: budget} if budget else {})
        told |= {s.STEP_INPUT: json.dumps(value if value is not None else {"index": index})}
        part = self._open(f"step {name}", self.root, told)
        part.step = part
        self._event(s.EVENT_STEP_STARTED, part, told)
        return part

    def progress(self, step: Part, done: int, of: int, message: str = "") -> None:
        """Report how far a step is."""
        told = {s.STEP_PROGRESS: done / of, s.STEP_PROGRESS_DONE: done, s.STEP_PROGRESS_TOTAL: of}
        self._event(s.EVENT_STEP_PROGRESS, step, told, message)

    def end_step(self, step: Part, output: Any = None, error: str = "") -> None:
        """End a step."""
        status = "failed" if error else "completed"
        ended = {s.STEP_STATUS: status, **({s.ERROR_TYPE: error} if error else {})}
        self._event(s.EVENT_STEP_COMPLETED, step, {**ended, s.SPAN_END: self.now()})
        self._span(step, {**ended, s.STEP_ID: step.id.hex(), s.STEP_OUTPUT: json.dumps(output)}, error)

    def call(self, step: Part, model: str, prompt: str, *, system: str = "", parts: Any = None, **more: Any) -> Part:
        """Send a prompt."""
        gemini = model.startswith("gemini")
        operation = s.OPERATION_GENERATE_CONTENT if gemini else s.OPERATION_CHAT
        told = {
            s.PROVIDER_NAME: s.PROVIDER_GEMINI if gemini else s.PROVIDER_ANTHROPIC,
            s.OPERATION_NAME: operation,
            s.REQUEST_MODEL: model,
            s.REQUEST_MAX_TOKENS: 1024,
            s.INPUT_MESSAGES: json.dumps([{"role": "user", "parts": [{"type": "text", "content": prompt}]}]),
            **({s.SYSTEM_INSTRUCTIONS: json.dumps([{"type": "text", "content": system}])} if system else {}),
            **({s.PROMPT_PARTS: json.dumps(parts)} if parts else {}),
            **more,
        }
        call = self._open(f"{operation} {model}", step, told, step)
        self._event(s.EVENT_PROMPT_SENT, call, told)
        return call

    def chunk(self, call: Part, text: str, kind: str = "text") -> None:
        """Stream a piece of the answer."""
        told = {s.CHUNK_SEQUENCE: call.sequence, s.CHUNK_TEXT: text, s.CHUNK_KIND: kind}
        call.sequence += 1
        self._event(s.EVENT_RESPONSE_STREAMING, call, told)

    def end_call(
        self,
        call: Part,
        answer: str,
        tokens: tuple[int, int],
        first: float = 0.4,
        error: str = "",
        *,
        finish: str = "stop",
    ) -> None:
        """Receive the whole answer."""
        used = {
            s.RESPONSE_MODEL: call.attributes[s.REQUEST_MODEL],
            s.USAGE_INPUT_TOKENS: tokens[0],
            s.USAGE_OUTPUT_TOKENS: tokens[1],
            s.RESPONSE_FINISH_REASONS: ["error" if error else finish],
            **({s.ERROR_TYPE: error} if error else {}),
        }
        self._event(s.EVENT_RESPONSE_RECEIVED, call, {**used, s.SPAN_END: self.now()})
        output = [{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}]
        told = {**used, s.RESPONSE_TIME_TO_FIRST_CHUNK: first, s.OUTPUT_MESSAGES: json.dumps(output)}
        self._span(call, told, error, client=True)

    def end(self, status: str = "completed", error: str = "", output: Any = "done") -> None:
        """End the run."""
        failed = {s.ERROR_TYPE: error.partition(":")[0], s.EXCEPTION_MESSAGE: error} if error else {}
        name = s.EVENT_PIPELINE_ERROR if status == "failed" else s.EVENT_PIPELINE_COMPLETED
        self._event(name, self.root, {s.RUN_STATUS: status, s.SPAN_END: self.now(), **failed})
        told = {s.OPERATION_NAME: s.OPERATION_WORKFLOW, s.RUN_STATUS: status, **self.config, **failed}
        self._span(self.root, {**told, s.RUN_INPUT: "{}", s.RUN_OUTPUT: json.dumps(output)}, error)


@contextlib.contextmanager
def alive(run: Run, status: str = "running") -> Iterator[None]:
    """Say every second that a run goes on, as the SDK does: a silent one counts as lost, and nothing of it grows."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(1):
            run.heartbeat(status)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


ANSWER = """## Assessment

The invoice total is **4,213.50 EUR**, due 2026-12-04. Line 3 disagrees with the purchase order by `120.00` EUR.

- Supplier: Nordwind Logistik GmbH, matched on VAT id
- Lines 1 and 2 agree with the order within one cent
- Line 3 bills *two* extra pallets that no delivery note mentions

```json
{"total": 4213.5, "currency": "EUR", "flags": ["line_3_mismatch"], "confidence": 0.93}
```

I suggest to hold the payment of line 3 and to ask the supplier for the delivery note.
"""

PARTS = [
    {"kind": "static", "source": "", "text": "Check the invoice below against the purchase order.\n\n"},
    {
        "kind": "file",
        "source": "orders/4711.csv",
        "text": "line,article,qty,price\n1,A-100,40,55.00\n2,B-220,12,98.20\n",
    },
    {"kind": "static", "source": "", "text": "\nInvoice text:\n"},
    {"kind": "variable", "source": "invoice", "text": "Nordwind Logistik GmbH, invoice 2026-1187, 4213.50 EUR"},
    {"kind": "previous_response", "source": "extract", "text": "\nExtracted earlier: three lines, due 2026-12-04."},
]
_PLANS: dict[str, list[tuple[str, str]]] = {
    "invoice-check": [
        ("load", ""),
        ("extract", "claude-sonnet-4-5"),
        ("match orders", "claude-sonnet-4-5"),
        ("assess", "claude-opus-4-5"),
        ("report", "claude-haiku-4-5"),
    ],
    "support-triage": [("fetch", ""), ("classify", "gemini-2.5-flash"), ("draft reply", "gemini-2.5-pro")],
    "kb-refresh": [("crawl", ""), ("summarise", "gemini-2.5-flash"), ("embed", ""), ("publish", "")],
    "nightly-eval": [("sample", ""), ("judge", "claude-opus-4-5"), ("score", "claude-haiku-4-5")],
}


def play(endpoint: str, pipeline: str, *, pace: float, ago: float = 0, fate: str = "completed") -> None:
    """Tell one whole run; ``pace`` 0 tells it at once, in the past."""
    plan = _PLANS[pipeline]
    dice = random.Random(f"{pipeline}{ago}")  # noqa: S311 - a scenario, no secret
    run = Run(endpoint, pipeline, steps=len(plan) if pipeline != "kb-refresh" else None, quiet=not pace, ago=ago)

    def wait(seconds: float) -> None:
        if pace:
            time.sleep(seconds * pace)
        else:
            run.shift -= int(seconds * 1e9)

    for index, (name, model) in enumerate(plan, 1):
        step = run.step(name, index, budget=3000 if name in {"extract", "assess"} else 0)
        run.heartbeat()
        if model:
            _answer(run, step, model, dice, wait)
        else:
            for done in range(1, 9):
                wait(dice.uniform(0.1, 0.35))
                run.progress(step, done, 8, f"{done * 12} documents")
                run.heartbeat()
        if fate == "failed" and index == len(plan) - 1:
            run.end_step(step, error="ValidationError")
            run.end("failed", "ValidationError: line 3 has no article number")
            return
        run.end_step(step, {"step": name, "ok": True, "items": dice.randint(3, 40)})
        wait(dice.uniform(0, 0.1))
    run.end(fate)


def _answer(run: Run, step: Part, model: str, dice: random.Random, wait: Callable[[float], None]) -> None:
    system = "You are a careful accountant. Answer in Markdown and end with a JSON object."
    prompt = "".join(part["text"] for part in PARTS)
    variables = {s.PROMPT_VARIABLES: json.dumps({"invoice": "2026-1187", "currency": "EUR", "strict": True})}
    call = run.call(step, model, prompt, system=system, parts=PARTS, **variables)
    first = dice.uniform(0.3, 1.1)
    wait(first)
    words = ANSWER.split(" ")
    if not run.quiet:
        for at in range(0, len(words), 4):
            run.chunk(call, " ".join(words[at : at + 4]) + (" " if at + 4 < len(words) else ""))
            run.heartbeat()
            wait(dice.uniform(0.1, 0.25))
    else:
        wait(dice.uniform(1.0, 5.0))
    run.end_call(call, ANSWER, (dice.randint(900, 2600), dice.randint(180, 700)), first)


def main() -> None:
    """Fill a collector with a past and a present, for looking at the dashboard."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("endpoint")
    parser.add_argument("--past", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=2)
    chosen = parser.parse_args()
    names = list(_PLANS)
    for number in range(chosen.past):
        fate = "failed" if number % 9 == 4 else "cancelled" if number % 13 == 6 else "completed"
        play(chosen.endpoint, names[number % 4], pace=0, ago=20 + number * 22, fate=fate)
    until = time.monotonic() + chosen.minutes * 60

    def loop(name: str) -> None:
        while time.monotonic() < until:
            play(chosen.endpoint, name, pace=1)

    threads = [threading.Thread(target=loop, args=(name,)) for name in names[:3]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
