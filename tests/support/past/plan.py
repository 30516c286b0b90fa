"""Which pipelines the history has, what their steps do, and how fast the models are (pure data)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Model:
    """A model as the provider serves it: tokens a second, and seconds until the first of them."""

    provider: str
    name: str
    speed: float
    first: float


@dataclass(frozen=True)
class Step:
    """A step that calls one of its models, chosen by chance, or that computes for some seconds where it has none."""

    name: str
    models: tuple[Model, ...] = ()
    input: int = 0
    output: int = 0
    seconds: float = 0.5
    cached: float = 0.0
    json: bool = False


@dataclass(frozen=True)
class Pipeline:
    """A pipeline; of 100 runs, ``share`` are its. A new version comes after each day of ``changes``."""

    name: str
    team: str
    service: str
    share: int
    changes: tuple[int, ...]
    steps: tuple[Step, ...]


SONNET: Final = Model("anthropic", "claude-sonnet-4-5", 70, 0.9)
HAIKU: Final = Model("anthropic", "claude-haiku-4-5", 140, 0.5)
FLASH: Final = Model("gcp.gemini", "gemini-2.5-flash", 180, 0.4)
PRO: Final = Model("gcp.gemini", "gemini-2.5-pro", 75, 1.4)
GPT: Final = Model("openai", "gpt-5", 60, 1.6)
MINI: Final = Model("openai", "gpt-5-mini", 110, 0.8)

PIPELINES: Final = (
    Pipeline(
        "invoice-check",
        "finance",
        "worker",
        20,
        (30, 62),
        (
            Step("load", seconds=0.4),
            Step("extract", (SONNET, PRO), 2200, 320, cached=0.5, json=True),
            Step("match orders", (HAIKU,), 1800, 240),
            Step("report", (SONNET,), 1200, 420),
        ),
    ),
    Pipeline(
        "support-triage",
        "support",
        "api",
        30,
        (20, 55),
        (
            Step("classify", (HAIKU, FLASH), 900, 40, json=True),
            Step("draft reply", (SONNET, GPT), 1500, 380, cached=0.4),
        ),
    ),
    Pipeline(
        "lead-scoring",
        "sales",
        "api",
        25,
        (40,),
        (
            Step("enrich", seconds=0.8),
            Step("score", (FLASH, MINI), 1400, 90, json=True),
            Step("explain", (HAIKU,), 800, 260),
        ),
    ),
    Pipeline(
        "nightly-digest",
        "content",
        "batch",
        15,
        (50,),
        (
            Step("fetch", seconds=1.5),
            Step("summarise", (HAIKU, FLASH), 3500, 350),
            Step("rank", (MINI,), 1100, 120, json=True),
            Step("write", (SONNET,), 1600, 650, cached=0.3),
        ),
    ),
    Pipeline(
        "contract-review",
        "legal",
        "worker",
        10,
        (35, 70),
        (
            Step("split", seconds=0.6),
            Step("find clauses", (PRO, SONNET), 3200, 380, cached=0.5, json=True),
            Step("assess risk", (GPT,), 1800, 450),
        ),
    ),
)


def calls_per_run() -> float:
    """How many calls a run makes in the middle, when none fails."""
    whole = sum(pipeline.share for pipeline in PIPELINES)
    return sum(p.share * sum(1 for step in p.steps if step.models) for p in PIPELINES) / whole


def literal() -> str:
    """The plan as a ClickHouse array of tuples: name, team, service, changes, steps."""
    return _array((p.name, p.team, p.service, list(p.changes), [_step(step) for step in p.steps]) for p in PIPELINES)


def slots() -> str:
    """A hundred numbers into the plan: as many for each pipeline as its share."""
    return _array(number for number, pipeline in enumerate(PIPELINES, 1) for _ in range(pipeline.share))


def _step(step: Step) -> tuple[Any, ...]:
    models = [(m.provider, m.name, m.speed, m.first) for m in step.models]
    return step.name, models, step.input, step.output, step.seconds, step.cached, int(step.json)


def _array(values: Iterable[Any]) -> str:
    return "[" + ", ".join(_literal(value) for value in values) + "]"


def _literal(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + ", ".join(_literal(each) for each in value) + ")"
    if isinstance(value, list):
        # an empty list of models needs a type
        return _array(value) if value else "CAST([], 'Array(Tuple(String, String, Float64, Float64))')"
    if isinstance(value, str):
        return f"'{value}'"
    return f"{value}::Float64" if isinstance(value, float) else str(value)
