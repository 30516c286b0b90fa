"""The list of runs as the screen shows it: live events, stored spans and the runner's word, put together (pure)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from statistics import median
from typing import Any, Final

from quarterdeck import semconv
from quarterdeck_ui.live_state import LiveCall, LiveRun, LiveState, LiveStep
from quarterdeck_ui.queries import Place, RunRow, Usual

OPEN: Final = frozenset({"pending", "running", "paused", "waiting"})
"""Statuses of a run that may still do something."""

_QUIET_NS: Final = 300_000_000_000
_ESTIMATE_CAP: Final = 0.95
_TOKEN_CHARACTERS: Final = 4
"""Characters of English in a token, roughly: what a call in flight has used is estimated from its text."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: value 0 to 1, or None when nothing is known; steps done of total."""

    value: float | None = None
    done: int = 0
    total: int | None = None
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class RunView:
    """One row of the run list; times in milliseconds since the epoch, cost in USD or None if unknown."""

    id: str
    name: str
    version: str
    status: str
    started: float
    ended: float | None
    progress: Progress
    step: str
    models: tuple[str, ...]
    tokens_in: int
    tokens_out: int
    cost: float | None
    partly_priced: bool
    calls: int
    errors: int
    error: str
    stand_in: bool
    kind: str
    actions: tuple[str, ...]
    trace_id: str
    environment: str | None = None
    """None while it is not known."""
    service: str | None = None
    flight: int = 0
    """Tokens that are not stored yet; those of calls in flight are estimated."""
    usual_ms: float | None = None
    """How long runs of this pipeline take; None once the run is over."""

    @property
    def open(self) -> bool:
        """Whether the run may still do something."""
        return self.status in OPEN


def build(
    rows: Iterable[RunRow],
    live: LiveState,
    controlled: Mapping[str, Mapping[str, Any]],
    now_ns: int,
    *,
    usual: Mapping[str, Usual] | None = None,
    places: Sequence[Place] = (),
) -> list[RunView]:
    """Merge what three sources know into one list: open runs first, then the newest.

    Args:
        rows: Stored totals per run.
        live: Fold of the live events.
        controlled: Runs of the runner by id, as its REST interface gives them.
        now_ns: When the live events were last read, nanoseconds.
        usual: What is known of runs by pipeline, beyond these rows.
        places: Environments and services; a run that is not stored yet tells its service only.
    """
    by_id = {row.id: row for row in rows}
    learnt = learnt_from(by_id.values(), usual or {})
    homes = homes_of(places)
    ids = dict.fromkeys((*by_id, *live, *controlled))
    views = [view(by_id.get(key), live.get(key), controlled.get(key), learnt, now_ns, homes=homes) for key in ids]
    return sorted(views, key=lambda run: (not run.open, -run.started, run.id))


def learnt_from(rows: Iterable[RunRow], known: Mapping[str, Usual]) -> dict[str, Usual]:
    """What is usual by pipeline: of the completed runs among the rows, else what is known already."""
    seen: defaultdict[str, list[RunRow]] = defaultdict(list)
    for row in rows:
        if row.status == "completed":
            seen[row.pipeline].append(row)
    own = {
        name: Usual(
            round(median([row.steps for row in ended if row.steps] or [0])),
            median((row.end_ns - row.start_ns) / 1e6 for row in ended),
        )
        for name, ended in seen.items()
    }
    return {**known, **own}


def homes_of(places: Sequence[Place]) -> dict[str, str]:
    """The environment of each service that has only one."""
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for environment, service in places:
        seen[service].add(environment)
    return {service: next(iter(found)) for service, found in seen.items() if len(found) == 1}


def view(
    row: RunRow | None,
    live: LiveRun | None,
    told: Mapping[str, Any] | None,
    usual: Mapping[str, Usual],
    now_ns: int,
    *,
    homes: Mapping[str, str] | None = None,
) -> RunView:
    """Merge what is known of one run; at least one source knows it."""
    told = told or {}
    status = _status(row, live, told, now_ns)
    name = (row and row.pipeline) or (live and live.pipeline) or told.get("pipeline") or (row and row.root_name) or ""
    calls, tokens_in, tokens_out = _usage(row, live)
    unpriced = row.unpriced if row else 0
    priced = bool(row) and (row is not None and row.calls > unpriced)
    known = usual.get(str(name), Usual())
    service = row.service if row else (live and live.service) or None
    return RunView(
        id=row.id if row else live.id if live else str(told["id"]),
        name=str(name),
        version=(row and row.version) or (live and live.attributes.get(semconv.PIPELINE_VERSION)) or "",
        status=status,
        started=_started(row, live, told, now_ns),
        ended=None if status in OPEN else _ended(row, live, told),
        progress=_progress(row, live, told, known.steps, status),
        step=_current_step(live, told) if status in OPEN or status == "lost" else "",
        models=_models(row, live),
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost=row.cost if row is not None and (priced or not calls) else None,
        partly_priced=priced and unpriced > 0,
        calls=calls,
        errors=row.errors if row else 0,
        error=_error(row, live, told),
        stand_in=bool((row and row.stand_in) or (live and live.stand_in)),
        kind=str(told.get("kind") or ""),
        actions=tuple(told.get("actions") or ()),
        trace_id=(row and row.trace_id) or (live and live.trace_id) or str(told.get("trace_id") or ""),
        environment=row.environment if row else (homes or {}).get(service or ""),
        service=service,
        flight=_flight(row, live, tokens_in + tokens_out),
        usual_ms=known.ms if status in OPEN else None,
    )


def _status(row: RunRow | None, live: LiveRun | None, told: Mapping[str, Any], now_ns: int) -> str:
    if row is not None and row.ended and row.status:
        return row.status
    if live is not None and live.end_ns is not None:
        return live.status
    if told.get("status"):
        return str(told["status"])
    if live is not None and (live.status_ns or live.root_id):
        return "lost" if live.lost(now_ns) else live.status
    return "running" if row is not None and now_ns - row.end_ns < _QUIET_NS else "lost"


def _started(row: RunRow | None, live: LiveRun | None, told: Mapping[str, Any], now_ns: int) -> float:
    known = [start for start in (row and row.start_ns, live and live.start_ns) if start]
    stated = milliseconds(told.get("started_at") or told.get("created_at"))
    return min(known) / 1e6 if known else stated or now_ns / 1e6


def _ended(row: RunRow | None, live: LiveRun | None, told: Mapping[str, Any]) -> float | None:
    if row is not None and row.ended:
        return row.end_ns / 1e6
    if live is not None:
        return (live.end_ns or live.heard) / 1e6
    return milliseconds(told.get("completed_at")) or (row.end_ns / 1e6 if row else None)


def _usage(row: RunRow | None, live: LiveRun | None) -> tuple[int, int, int]:
    calls = list(live.calls.values()) if live else []
    heard_in = sum(whole(call.attributes.get(semconv.USAGE_INPUT_TOKENS)) for call in calls)
    heard_out = sum(whole(call.attributes.get(semconv.USAGE_OUTPUT_TOKENS)) for call in calls)
    return (
        max(len(calls), row.calls if row else 0),
        max(heard_in, row.tokens_in if row else 0),
        max(heard_out, row.tokens_out if row else 0),
    )


def _flight(row: RunRow | None, live: LiveRun | None, told: int) -> int:
    """Tokens that the store does not hold yet: those that were told, and an estimate for the calls in flight."""
    calls = [call for call in (live.calls.values() if live else ()) if call.end_ns is None]
    letters = sum(len(chunk.text) for call in calls for chunk in call.chunks)
    letters += sum(len(call.attributes.get(semconv.INPUT_MESSAGES, "")) for call in calls)
    return max(0, told - (row.tokens_in + row.tokens_out if row else 0)) + letters // _TOKEN_CHARACTERS


def _models(row: RunRow | None, live: LiveRun | None) -> tuple[str, ...]:
    """Models of the run; the one that works now comes first."""
    calls = sorted(live.calls.values() if live else (), key=lambda call: (call.end_ns is not None, -call.start_ns))
    names = [model_of(call) for call in calls if call.end_ns is None]
    names += sorted({*(row.models if row else ()), *(model_of(call) for call in calls)})
    return tuple(name for name in dict.fromkeys(names) if name)


def _error(row: RunRow | None, live: LiveRun | None, told: Mapping[str, Any]) -> str:
    if row is not None and (row.message or row.error_type):
        return row.message or row.error_type
    heard = live.attributes if live else {}
    stated = heard.get(semconv.EXCEPTION_MESSAGE) or heard.get(semconv.ERROR_TYPE)
    return stated or str(told.get("error") or "")


def open_steps(live: LiveRun | None) -> list[LiveStep]:
    """Steps that were announced and have not ended, oldest first."""
    return sorted((s for s in (live.steps.values() if live else ()) if s.end_ns is None), key=lambda s: s.start_ns)


def _current_step(live: LiveRun | None, told: Mapping[str, Any]) -> str:
    names = [step.name for step in open_steps(live)]
    return ", ".join(dict.fromkeys(names[-3:])) or str(told.get("current_step") or "")


def _steps_done(live: LiveRun | None) -> int:
    """How many steps of the run are over; attempts and parts of one step count once, together."""
    steps = live.steps.values() if live else ()
    over = {whole(step.attributes.get(semconv.STEP_INDEX)) for step in steps if step.end_ns is not None}
    open_ = {whole(step.attributes.get(semconv.STEP_INDEX)) for step in steps if step.end_ns is None}
    return max(len(over - open_ - {0}), min(open_ - {0}, default=1) - 1)


def _progress(row: RunRow | None, live: LiveRun | None, told: Mapping[str, Any], usual: int, status: str) -> Progress:
    running = open_steps(live)
    done = told.get("steps_done")
    if done is None:
        done = max(row.steps if row else 0, _steps_done(live))
    total = told.get("steps_total") or (live and live.step_total) or None
    if status == "completed":
        return Progress(1.0, total or done, total or done or None)
    within = running[0].progress if len(running) == 1 else None
    if total:
        done = min(done, total)
        return Progress(min(1.0, (done + (within or 0.0)) / total), done, total)
    if within is not None and not done:
        return Progress(within, done)
    if usual and status in OPEN:
        return Progress(min(_ESTIMATE_CAP, (done + (within or 0.0)) / usual), done, usual, estimated=True)
    return Progress(None, done)


def model_of(call: LiveCall) -> str:
    """The model that answered, else the one that was asked."""
    return call.attributes.get(semconv.RESPONSE_MODEL) or call.attributes.get(semconv.REQUEST_MODEL) or ""


def whole(text: str | None) -> int:
    """A count from an attribute's text; 0 when it is none."""
    try:
        return int(float(text)) if text else 0
    except ValueError:
        return 0


def milliseconds(stamp: str | None) -> float | None:
    """An ISO 8601 time in milliseconds since the epoch."""
    return datetime.fromisoformat(stamp).timestamp() * 1000 if stamp else None


def changed(before: Mapping[str, RunView], after: Sequence[RunView]) -> list[RunView]:
    """The runs of ``after`` that are new or differ."""
    return [run for run in after if before.get(run.id) != run]


def plain(run: RunView) -> dict[str, Any]:
    """A run for a browser."""
    return asdict(run)
