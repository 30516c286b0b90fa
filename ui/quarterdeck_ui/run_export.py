"""One run or one span as JSON: ``/deck/run.json`` and ``/deck/span.json``."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from quarterdeck import semconv
from quarterdeck_ui import queries, runs_view, trace_view
from quarterdeck_ui.hub import Hub
from quarterdeck_ui.live_state import LiveRun
from quarterdeck_ui.queries import RunRow, Store, StoreError

_MOST_STEPS: Final = 2000
_BAD_GATEWAY, _NOT_FOUND = 502, 404
_LONGEST_ID: Final = 200

Found = dict[str, Any]


class _Indented(JSONResponse):
    def render(self, content: Any) -> bytes:
        return json.dumps(content, indent=2, ensure_ascii=False, default=str).encode()


def routes(hub: Hub, store: Store) -> list[Route]:
    """The two documents; a run is saved as a file when ``save`` is given, a span is for looking at."""

    def run(query: Mapping[str, str]) -> Found | None:
        return run_document(hub, store, query.get("run", "")[:_LONGEST_ID])

    def span(query: Mapping[str, str]) -> Found | None:
        return span_document(hub, store, query.get("run", "")[:_LONGEST_ID], query.get("span", "")[:_LONGEST_ID])

    return [Route("/deck/run.json", _answer(run, "run")), Route("/deck/span.json", _answer(span, "span"))]


def _answer(make: Callable[[Mapping[str, str]], Found | None], what: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        query = request.query_params
        try:
            found = await asyncio.to_thread(make, query)
        except StoreError as error:
            return _Indented({"error": str(error)}, _BAD_GATEWAY)
        if found is None:
            return _Indented({"error": f"there is no {what} {query.get(what, '')!r} here"}, _NOT_FOUND)
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        if query.get("save"):
            headers["Content-Disposition"] = f'attachment; filename="quarterdeck-{what}.json"'
        return _Indented(found, headers=headers)

    return answer


def run_document(hub: Hub, store: Store, run_id: str) -> Found | None:
    """What is known of a run: its facts, configuration, input and output, and the same of each step."""
    now = hub.snapshot
    live, row = now.live.get(run_id), queries.run_by_id(store, run_id)
    if row is None and live is None:
        return None
    spans = queries.spans_of_run(store, run_id, row.start_ns, row.end_ns) if row else []
    usual = runs_view.learnt_from(now.rows, now.usual)
    known = now.by_id.get(run_id) or runs_view.view(row, live, None, usual, int(now.as_of * 1e9))
    whole, texts = _texts(store, row, live)
    nodes = trace_view.nodes(spans, live)
    return {
        "run": runs_view.plain(known),
        **whole,
        "steps": [asdict(node) | texts.get(node.id, {}) for node in nodes if node.kind == "step"],
        "model_calls": [asdict(node) for node in nodes if node.kind == "call"],
        "truncated": len(spans) >= queries.traces.SPAN_LIMIT,
    }


def _texts(store: Store, row: RunRow | None, live: LiveRun | None) -> tuple[Found, dict[str, Found]]:
    """What a run was given and gave, and what each of its steps was and did."""
    told: Mapping[str, str] = live.attributes if live else {}
    steps = {step.id: _in_and_out(step.attributes) for step in live.steps.values()} if live else {}
    for each in queries.step_payloads(store, row, _MOST_STEPS) if row else []:
        if each.is_step:
            steps[each.span_id] = _in_and_out(each.values)
        else:
            told = {**told, **each.values, **({semconv.PIPELINE_CONFIG: each.config} if each.config else {})}
    whole = {
        "configuration": _value(told.get(semconv.PIPELINE_CONFIG, "")),
        "input": _value(told.get(semconv.RUN_INPUT, "")),
        "output": _value(told.get(semconv.RUN_OUTPUT, "")),
    }
    return whole, steps


def _in_and_out(told: Mapping[str, str]) -> Found:
    return {"input": _value(told.get(semconv.STEP_INPUT, "")), "output": _value(told.get(semconv.STEP_OUTPUT, ""))}


def span_document(hub: Hub, store: Store, run_id: str, span_id: str) -> Found | None:
    """Everything that is stored of a span; of one that is not finished, what was announced of it."""
    row = queries.raw_span(store, run_id, span_id)
    if row is not None:
        attributes = row.pop("SpanAttributes") | row.pop("Payload")
        events = zip(row.pop("EventTimes"), row.pop("EventNames"), row.pop("EventAttributes"), strict=True)
        return {
            **row,
            "Attributes": {name: _value(value) for name, value in sorted(attributes.items())},
            "Events": [{"time": at, "name": name, "attributes": told} for at, name, told in events],
        }
    live = hub.snapshot.live.get(run_id)
    part = live and (live.calls.get(span_id) or live.steps.get(span_id))
    if not part:
        return None
    return {
        "SpanId": part.id,
        "SpanName": part.name,
        "StartNs": part.start_ns,
        "finished": False,
        "Attributes": {name: _value(value) for name, value in sorted(part.attributes.items())},
        "Text": "".join(chunk.text for chunk in getattr(part, "ready", ()) if chunk.kind == "text"),
    }


def _value(text: str) -> Any:
    """JSON that was captured as text, as JSON; other text as it is; nothing as None."""
    if not text:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return found if isinstance(found, dict | list) else text
