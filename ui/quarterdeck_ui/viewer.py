"""What one screen still has to be told: compares what it was sent with what is known now."""

import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from quarterdeck_ui import runs_view, span_view, trace_view
from quarterdeck_ui.hub import Detail, Hub, Snapshot
from quarterdeck_ui.live_state import LiveCall
from quarterdeck_ui.queries import Today
from quarterdeck_ui.runs_view import RunView
from quarterdeck_ui.scope import Scope
from quarterdeck_ui.span_view import SpanView
from quarterdeck_ui.trace_view import Node

Message = dict[str, Any]
Fetch = Callable[[str, str], Awaitable[SpanView | None]]
"""Reads the payload of a finished span by run id and span id."""


_STILL: Final = frozenset({"health", "loaded", "places", "alerts"})
"""Parts that a paused screen goes on to be told."""


class Viewer:
    """One connected screen: what it looks at and what it was told."""

    def __init__(self, hub: Hub, fetch: Fetch) -> None:
        """Start a screen that knows nothing.

        Args:
            hub: Shared state.
            fetch: Reads payloads.
        """
        self._hub, self._fetch = hub, fetch
        self._parts: dict[str, object] = {}
        self._runs: dict[str, RunView] = {}
        self._order: list[str] = []
        self._nodes: dict[str, Node] = {}
        self._run_id = self._chosen_span = self._shown_span = ""
        self._sent_chunks = 0
        self._offers: dict[str, tuple[str, ...]] = {}
        self._limited = False
        self.scope = Scope()
        """Range of time, environment and service of the screen."""
        self.paused = False
        """Whether the screen stands still: it is told what it has not seen at all, and no changes."""
        self.history: set[str] = set()
        """Older runs that the screen shows."""

    def look(self, run_id: str, span_id: str) -> None:
        """Turn to a run, and to one of its spans or (empty) to its newest call."""
        if run_id != self._run_id:
            self._nodes = {}
            self._parts.pop("run", None)
        if (run_id, span_id) != (self._run_id, self._chosen_span):
            self._shown_span = ""
        self._run_id, self._chosen_span = run_id, span_id

    def limit(self, scope: Scope, *, paused: bool) -> None:
        """Limit the screen to a scope, or stop it; what depends on the scope is told anew, even to a stopped one."""
        self._limited = True
        if scope != self.scope:
            for part in ("performance", "today"):
                self._parts.pop(part, None)
        self.scope, self.paused = scope, paused

    async def messages(self) -> list[Message]:
        """Everything new since the last time, smallest sufficient form."""
        now = self._hub.snapshot
        found = [*self._deck(now), *self._list(now), *self._actions(now)]
        if self._run_id:
            detail = self._hub.watch(self._run_id)
            if detail is not None and not (self.paused and self._told):
                found += [*self._trace(detail), *await self._span(now, detail)]
        return found

    @property
    def _told(self) -> bool:
        """Whether the screen has seen what it looks at."""
        return "run" in self._parts and self._chosen_span in {"", self._shown_span}

    def _deck(self, now: Snapshot) -> Iterator[Message]:
        parts = {
            "today": self._today(now),
            "performance": self._hub.performance(self.scope),
            "health": now.health,
            "loaded": now.loaded,
            "places": now.places,
            "alerts": now.alerts,
        }
        if parts["performance"] is None:  # nobody has read the charts of this scope yet
            del parts["performance"]
        if not self._limited:  # those of everything would stand under the name of the range that the screen asks for
            for part in ("today", "performance"):
                parts.pop(part, None)
        news = {name: value for name, value in parts.items() if self._parts.get(name) != value and self._may(name)}
        if news:
            self._parts.update(news)
            yield {"type": "deck", **{name: _plain(value) for name, value in news.items()}}
        second = int(now.as_of)
        if self._parts.get("clock") != second:
            self._parts["clock"] = second
            yield {"type": "clock", "as_of": now.as_of, "now": time.time()}

    def _may(self, part: str) -> bool:
        return not self.paused or part in _STILL or part not in self._parts

    def _today(self, now: Snapshot) -> Today:
        fitting = (total for place, total in now.today.items() if self.scope.fits(*place))
        return sum(fitting, Today())

    def _list(self, now: Snapshot) -> Iterator[Message]:
        if (not now.loaded and not now.runs) or not self._may("runs"):
            return
        order = [run.id for run in now.runs]
        news = runs_view.changed(self._runs, now.runs)
        if news or order != self._order or "runs" not in self._parts:
            moved = {"order": order} if order != self._order or "runs" not in self._parts else {}
            yield {"type": "runs", **moved, "changed": [self._hub.plain(run) for run in news]}
        self._runs, self._order, self._parts["runs"] = dict(now.by_id), order, True

    def _actions(self, now: Snapshot) -> Iterator[Message]:
        """What the runner would do with the finished runs on this screen."""
        news = {
            run_id: actions
            for run_id, actions in now.offers.items()
            if self._offers.get(run_id, ()) != actions and (run_id in now.by_id or run_id in self.history)
        }
        if news:
            self._offers.update(news)
            yield {"type": "offers", "offers": news}

    def _trace(self, detail: Detail) -> Iterator[Message]:
        head = (detail.found, detail.run, detail.truncated)
        nodes = {node.id: node for node in detail.nodes}
        news = [node for node in detail.nodes if self._nodes.get(node.id) != node]
        gone = [key for key in self._nodes if key not in nodes]
        if self._parts.get("run") != head or news or gone:
            first = "run" not in self._parts
            self._parts["run"], self._nodes = head, nodes
            yield {
                "type": "run",
                "id": self._run_id,
                "reset": first,
                "found": detail.found,
                "run": self._hub.plain(detail.run) if detail.run else None,
                "truncated": detail.truncated,
                "changed": [_plain(node) for node in news],
                "gone": gone,
            }

    async def _span(self, now: Snapshot, detail: Detail) -> list[Message]:
        span_id = self._chosen_span or trace_view.newest_call(detail.nodes)
        if not span_id:
            return []
        live = now.live.get(self._run_id)
        call = live.calls.get(span_id) if live else None
        content = await self._content(now, detail, span_id)
        if content is None:
            return [self._unknown_span(span_id)] if self._shown_span != span_id and detail.found else []
        found: list[Message] = []
        if self._shown_span != span_id or self._parts.get("span") != content:
            if self._shown_span != span_id:
                self._sent_chunks = 0
            self._shown_span, self._parts["span"] = span_id, content
            found.append(
                {
                    "type": "span",
                    "run": self._run_id,
                    "following": not self._chosen_span,
                    "keep": self._sent_chunks,
                    **_plain(content),
                }
            )
        if call is not None and content.live:
            found += self._text(span_id, call)
        return found

    def _unknown_span(self, span_id: str) -> Message:
        self._shown_span = span_id
        return {"type": "span", "run": self._run_id, "id": span_id, "missing": True}

    def _text(self, span_id: str, call: LiveCall) -> Iterator[Message]:
        ready = call.ready
        news = ready[self._sent_chunks :]
        if news:
            yield {"type": "text", "id": span_id, "from": self._sent_chunks, "chunks": [[c.kind, c.text] for c in news]}
            self._sent_chunks = len(ready)

    async def _content(self, now: Snapshot, detail: Detail, span_id: str) -> SpanView | None:
        if any(span.id == span_id for span in detail.spans):
            return await self._fetch(self._run_id, span_id)
        live = now.live.get(self._run_id)
        if live and span_id in live.calls:
            return span_view.from_call(live.calls[span_id])
        if live and span_id in live.steps:
            return span_view.from_step(live.steps[span_id])
        if live and span_id == live.root_id:
            return span_view.from_run(live)
        return None


def _plain(value: Any) -> Any:
    """As JSON has it; ``asdict`` would copy every value of thousands of spans."""
    if value is None or isinstance(value, str | float | int):
        return value
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    names = getattr(value, "__dataclass_fields__", None)
    return {name: _plain(getattr(value, name)) for name in names} if names else value
