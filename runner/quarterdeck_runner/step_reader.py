"""Read the steps of a pipeline file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Final

from quarterdeck_runner import models
from quarterdeck_runner.conditions import combined
from quarterdeck_runner.diagnostics import Position, Report, nearest
from quarterdeck_runner.expressions import ExpressionError
from quarterdeck_runner.fields import Fields, shown
from quarterdeck_runner.prompt_reader import read_prompt
from quarterdeck_runner.source import Node
from quarterdeck_runner.spec import (
    BACKOFFS,
    CLAUDE_TYPES,
    CLI_ONLY,
    DEFAULT_TIMEOUT_S,
    FALLBACKS,
    KEYS,
    KNOWN_FALLBACKS,
    KNOWN_TYPES,
    REFUSED_FAMILIES,
    REFUSED_TYPES,
    STEP_TYPES,
    Call,
    Retry,
    Step,
    Task,
    TokenBudget,
)

_NOT_YET: Final = "not supported yet by this runner"
_MAX_TOKENS: Final = 10_000_000
_DAY_S: Final = 86_400.0
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)\Z")
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_IGNORED: Final = {
    "environment_aware": "steps see inputs and variables only",
    "retry_conditions": "rate limits, time-outs, broken connections and errors of the server are tried again",
    "max_input_tokens": "prompts are sent as they are",
    "claude_output_format": "answers are text",
    "use_content_extractor": "the text is taken as it is",
    "max_summary_length": "the text is taken as it is",
    "include_metadata": "the text is taken as it is",
}
"""Keys of the format that change nothing here."""

_SAMPLING: Final = ("temperature", "top_p", "top_k")
_PRESETS: Final = {"claude_smart": "development", "claude_robust": "production", "claude_extract": "analysis"}


@dataclass(frozen=True)
class Defaults:
    """What ``defaults`` sets for all steps."""

    gemini_model: Node | None = None
    gemini_budget: Node | None = None
    claude_options: Mapping[str, Node] | None = None
    preset: str = ""


def read_defaults(workflow: Fields) -> Defaults:
    """Read ``defaults``."""
    node = workflow.map("defaults")
    if node is None:
        return Defaults()
    fields = Fields(node, workflow.report, "`defaults`", KEYS["defaults"])
    fields.warn_ignored(_IGNORED)
    fields.text("gemini_model")
    if fields.get("gemini_token_budget") is not None:
        _budget(fields, "gemini_token_budget", None)
    options = fields.map("claude_options")
    if options is not None:
        _options(Fields(options, workflow.report, "`claude_options` of `defaults`", KEYS["claude_options"]))
    return Defaults(
        gemini_model=fields.get("gemini_model"),
        gemini_budget=fields.map("gemini_token_budget"),
        claude_options=fields.entries("claude_options"),
        preset=fields.choice("claude_preset", models.preset_names(), ""),
    )


def read_step(node: Node, number: int, report: Report, defaults: Defaults) -> Step:
    """Read one step.

    Args:
        node: its map.
        number: its position, counted from 1.
        report: receives the problems.
        defaults: what the pipeline sets for all steps.
    """
    bare = Fields(node, report, f"step {number}")
    name = bare.text("name", required=isinstance(node.value, dict)).strip() or f"step {number}"
    kind = bare.text("type", required=isinstance(node.value, dict))
    where = f"step '{name}'" if bare.get("name") is not None else name
    blank = Step(name, kind, node.position)
    if kind not in STEP_TYPES:
        if kind:
            report.error(_value_position(node, "type"), _refusal(where, kind))
        return blank
    return _Reader(Fields(node, report, where, KEYS[f"step.{kind}"]), kind, defaults).read(blank)


def _value_position(node: Node, key: str) -> Position:
    found = node.value.get(key) if isinstance(node.value, dict) else None
    return found.position if found is not None else node.position


def _refusal(where: str, kind: str) -> str:
    if kind in KNOWN_TYPES:
        return f"{where}: the step type '{kind}' is {_NOT_YET}"
    if kind in REFUSED_TYPES:
        return f"{where}: the step type '{kind}' is refused: {REFUSED_TYPES[kind]}"
    if kind.startswith(REFUSED_FAMILIES):
        return f"{where}: the step type '{kind}' is refused: it belongs to another engine"
    hint = nearest(kind, STEP_TYPES) or f": there are {', '.join(STEP_TYPES)}"
    return f"{where}: there is no step type '{kind}'{hint}"


class _Reader:
    """Reads a step of a supported type."""

    def __init__(self, fields: Fields, kind: str, defaults: Defaults) -> None:
        self._fields, self._kind, self._defaults = fields, kind, defaults
        self._report = fields.report

    def read(self, blank: Step) -> Step:
        fields = self._fields
        fields.warn_ignored(_IGNORED)
        step = replace(
            blank,
            condition=self._condition(),
            output_to_file=_output_file(fields),
            retry=_retry(fields),
            continue_on_error=fields.flag("continue_on_error"),
        )
        if self._kind in CLAUDE_TYPES:
            return self._special(replace(step, call=self._claude(fields, fields.where)))
        if self._kind == "gemini":
            return replace(step, call=self._gemini())
        if self._kind == "parallel_claude":
            return replace(step, tasks=self._tasks())
        if self._kind == "set_variable":
            return replace(step, variables=self._variables())
        value = fields.get("value")
        call = Call("", read_prompt(fields)) if value is None and fields.get("prompt") is not None else None
        return replace(step, value=value.plain() if value is not None else "", call=call)

    def _condition(self) -> Any:
        key = "condition" if self._fields.get("condition") is not None else "if"
        node = self._fields.get(key)
        if self._fields.get("condition") is not None and self._fields.get("if") is not None:
            message = f"{self._fields.where} has both `condition` and `if`, which mean the same: remove one"
            self._report.error(self._fields.at("if"), message)
        if node is None:
            return None
        try:
            return combined(node.plain())
        except ExpressionError as error:
            self._report.error(node.position, f"`{key}` of {self._fields.where} cannot be read: {error}")
            return None

    def _timeout(self, options: Mapping[str, Node], preset_s: float) -> float:
        for key in ("timeout", "timeout_seconds"):
            if self._fields.get(key) is not None:
                return _duration(self._fields, key)
        if "timeout_ms" in self._fields:
            return (self._fields.number("timeout_ms", 1, _DAY_S * 1000) or preset_s * 1000) / 1000
        node = options.get("timeout_ms")
        return float(node.value) / 1000 if node is not None and isinstance(node.value, (int, float)) else preset_s

    def _claude(self, fields: Fields, where: str) -> Call:
        """Read a Claude call; ``fields`` is the step, or one branch of it."""
        own = fields.map("claude_options")
        if own is not None:
            _options(Fields(own, self._report, f"`claude_options` of {where}", KEYS["claude_options"]))
        options = {
            **(self._defaults.claude_options or {}),
            **(self._step_options(fields)),
            **(own.value if own else {}),
        }
        preset = self._preset()
        model = fields.get("model") or self._fields.get("model") or options.get("model")
        budget = _budget(self._fields, "token_budget", None)
        if self._fields.map("token_budget") is not None:
            _warn_sampling(Fields(self._fields.node.value["token_budget"], self._report, "`token_budget`"))
        system = "\n\n".join(
            text
            for text in (
                _text(options, "system_prompt") or (preset.system_prompt if preset else ""),
                _text(options, "append_system_prompt"),
            )
            if text
        )
        default = preset.model if preset else models.default_model("claude")
        return Call(
            model=self._model(model, default, "gemini"),
            prompt=read_prompt(fields),
            system=system,
            budget=budget,
            timeout_s=self._timeout(options, preset.timeout_s if preset else DEFAULT_TIMEOUT_S),
        )

    def _step_options(self, fields: Fields) -> Mapping[str, Node]:
        return self._fields.entries("claude_options") if fields is not self._fields else {}

    def _preset(self) -> models.Preset | None:
        if self._kind not in _PRESETS:
            return None
        name = self._fields.choice("preset", models.preset_names(), self._defaults.preset or _PRESETS[self._kind])
        return models.preset(name)

    def _model(self, node: Node | None, default: str, foreign: str) -> str:
        if node is None:
            return default
        if not isinstance(node.value, str):
            self._report.error(node.position, f"`model` must be a text, not {shown(node)}")
            return default
        chosen = models.choose(node.value)
        if chosen.warning:
            self._report.warning(node.position, chosen.warning)
        if chosen.name.startswith(foreign):
            self._report.error(node.position, f"a step of type '{self._kind}' cannot ask the model '{node.value}'")
        return chosen.name

    def _gemini(self) -> Call:
        fields = self._fields
        if fields.items("functions"):
            self._report.error(fields.at("functions"), f"{fields.where}: function calling is {_NOT_YET}")
        return Call(
            model=self._model(
                fields.get("model") or self._defaults.gemini_model, models.default_model("gemini"), "claude"
            ),
            prompt=read_prompt(fields),
            budget=_budget(fields, "token_budget", self._defaults.gemini_budget),
            timeout_s=self._timeout({}, DEFAULT_TIMEOUT_S),
        )

    def _tasks(self) -> tuple[Task, ...]:
        tasks: list[Task] = []
        for number, node in enumerate(self._fields.items("parallel_tasks", required=True), 1):
            fields = Fields(node, self._report, f"task {number} of {self._fields.where}", KEYS["task"])
            name = fields.text("id", required=isinstance(node.value, dict)) or str(number)
            if name in {task.id for task in tasks}:
                self._report.error(
                    fields.at("id"), f"two tasks of {self._fields.where} are called '{name}': rename one"
                )
            call = self._claude(fields, f"task '{name}' of {self._fields.where}")
            tasks.append(Task(name, call, _output_file(fields), node.position))
        return tuple(tasks)

    def _variables(self) -> dict[str, Any]:
        fields = self._fields
        fields.choice("scope", ("global", "session", "loop"), "global")
        variables = {name: node.plain() for name, node in fields.entries("variables").items()}
        single, value = fields.text("variable"), fields.get("value")
        if single:
            variables[single] = value.plain() if value is not None else None
        if not variables:
            self._report.error(fields.node.position, f"{fields.where} needs `variables`: a map of names and values")
        return variables

    def _special(self, step: Step) -> Step:
        if self._kind == "claude_robust":
            return self._robust(step)
        node = self._fields.map("extraction_config")
        if node is None:
            return step
        inner = Fields(node, self._report, f"`extraction_config` of {self._fields.where}", KEYS["extraction_config"])
        inner.warn_ignored(_IGNORED)
        form = inner.text("format", "text")
        if form != "text":
            self._report.error(inner.at("format"), f"{inner.where}: the format '{form}' is {_NOT_YET}: only text is")
        if inner.items("post_processing"):
            self._report.error(inner.at("post_processing"), f"{inner.where}: `post_processing` is {_NOT_YET}")
        return step

    def _robust(self, step: Step) -> Step:
        node = self._fields.map("retry_config")
        retry, fallback = Retry(4, 1.0), ""
        if node is not None:
            inner = Fields(node, self._report, f"`retry_config` of {self._fields.where}", KEYS["retry_config"])
            inner.warn_ignored(_IGNORED)
            retries = inner.integer("max_retries", 0, 20)
            delay_ms = inner.number("base_delay_ms", 0, 600_000)
            backoff = inner.choice("backoff_strategy", BACKOFFS, "exponential")
            retry = Retry(4 if retries is None else retries + 1, 1.0 if delay_ms is None else delay_ms / 1000, backoff)
            fallback = inner.text("fallback_action")
            if fallback in KNOWN_FALLBACKS:
                self._report.error(inner.at("fallback_action"), f"{inner.where}: '{fallback}' is {_NOT_YET}")
            elif fallback:
                fallback = inner.choice("fallback_action", FALLBACKS, "")
        return replace(step, retry=step.retry or retry, fallback=fallback)


def _text(options: Mapping[str, Node], key: str) -> str:
    node = options.get(key)
    return node.value if node is not None and isinstance(node.value, str) else ""


def _options(fields: Fields) -> None:
    fields.text("system_prompt")
    fields.text("append_system_prompt")
    fields.number("timeout_ms", 1, _DAY_S * 1000)
    ignored = [key for key in CLI_ONLY if key in fields]
    tools = fields.get("allowed_tools")
    if tools is not None and tools.value:
        names = ", ".join(str(tool) for tool in tools.plain()) if isinstance(tools.value, tuple) else shown(tools)
        message = f"the tools {names} are not available here: Claude is asked for text"
        fields.report.warning(fields.at("allowed_tools"), message)
        ignored.remove("allowed_tools")
    for key in ignored:
        message = f"`{key}` belongs to the Claude command line and has no effect here"
        fields.report.warning(fields.at(key), message)


def _budget(fields: Fields, key: str, default: Node | None) -> TokenBudget:
    own = fields.map(key)
    maps = [node.value for node in (default, own) if node is not None and isinstance(node.value, dict)]
    if not maps:
        return TokenBudget()
    if own is not None:
        Fields(own, fields.report, f"`{key}` of {fields.where}", KEYS["token_budget"]).warn_ignored(_IGNORED)
    merged = {name: node for each in maps for name, node in each.items()}
    position = (own or default or fields.node).position
    keys = {name: node.position for name, node in merged.items()}
    inner = Fields(Node(merged, position, keys=keys), fields.report, f"`{key}` of {fields.where}")
    return TokenBudget(
        max_output_tokens=inner.integer("max_output_tokens", 1, _MAX_TOKENS),
        max_input_tokens=inner.integer("max_input_tokens", 1, _MAX_TOKENS),
        temperature=inner.number("temperature", 0, 2),
        top_p=inner.number("top_p", 0, 1),
        top_k=inner.integer("top_k", 1, 1000),
    )


def _warn_sampling(budget: Fields) -> None:
    for key in _SAMPLING:
        if key in budget:
            budget.report.warning(budget.at(key), f"Claude no longer takes `{key}`: it is left out")


def _retry(fields: Fields) -> Retry | None:
    node = fields.map("retry")
    if node is None:
        return None
    inner = Fields(node, fields.report, f"`retry` of {fields.where}", KEYS["retry"])
    attempts = inner.integer("max_attempts", 1, 20)
    interval = _duration(inner, "interval") if inner.get("interval") is not None else 1.0
    return Retry(3 if attempts is None else attempts, interval, inner.choice("backoff", BACKOFFS, "exponential"))


def _duration(fields: Fields, key: str) -> float:
    """Seconds, or a text with a unit: ``90``, ``"90s"``, ``"1.5m"``."""
    node = fields.get(key)
    match = _DURATION.match(node.value) if node is not None and isinstance(node.value, str) else None
    if match is not None:
        return min(float(match[1]) * _UNITS[match[2]], _DAY_S)
    if node is not None and isinstance(node.value, str):
        message = (
            f"`{key}` of {fields.where} must be seconds or a number with a unit, such as 90s or 2m, not '{node.value}'"
        )
        fields.report.error(node.position, message)
        return DEFAULT_TIMEOUT_S
    return fields.number(key, 0.001, _DAY_S) or DEFAULT_TIMEOUT_S


def _output_file(fields: Fields) -> str:
    written = fields.text("output_to_file")
    path = PurePosixPath(written)
    if path.is_absolute() or ".." in path.parts:
        message = (
            f"`output_to_file` of {fields.where} must stay below the output folder: write a relative path without '..'"
        )
        fields.report.error(fields.at("output_to_file"), message)
    return written
