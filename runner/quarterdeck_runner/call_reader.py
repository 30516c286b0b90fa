"""Read the model calls of a pipeline file: whom they ask, with what budget, functions and shape of the answer."""

from collections.abc import Mapping
from typing import Any, Final

from quarterdeck_runner import models, prices
from quarterdeck_runner.diagnostics import nearest
from quarterdeck_runner.fields import Fields, shown
from quarterdeck_runner.prompt_reader import read_prompt
from quarterdeck_runner.reading import DAY_S, Reading, read_timeout
from quarterdeck_runner.schemas import SchemaError, check_schema
from quarterdeck_runner.source import Node
from quarterdeck_runner.spec import DEFAULT_TIMEOUT_S, Call, Function, Part, TokenBudget
from quarterdeck_runner.vocabulary import CLI_ONLY, GEMINI_TYPES, KEYS

MAX_TOKENS: Final = 10_000_000
_MAX_NAME: Final = 64
_SAMPLING: Final = ("temperature", "top_p", "top_k")
_PRESETS: Final = {
    "claude_smart": "development",
    "claude_robust": "production",
    "claude_extract": "analysis",
    "claude_session": "analysis",
    "claude_batch": "development",
}
INSTRUCTOR_SCHEMA: Final = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("text", "analysis", "summary")},
    "required": ["text", "analysis", "summary"],
    "additionalProperties": False,
}
"""What ``gemini_instructor`` answers where the step names no schema."""

_INSTRUCTOR_BUDGET: Final = TokenBudget(max_output_tokens=2048, temperature=0.7)
_INSTRUCTOR_TIMEOUT_S: Final = 120.0


class CallReader:
    """Reads the model calls of one step.

    Args:
        reading: where the step stands.
        fields: the step.
        kind: its type.
    """

    def __init__(self, reading: Reading, fields: Fields, kind: str) -> None:
        self._reading, self._fields, self._kind, self._report = reading, fields, kind, reading.report

    def claude(self, fields: Fields, prompt: tuple[Part, ...] | None = None) -> Call:
        """Read a call of Claude.

        Args:
            fields: the step, or one task of it.
            prompt: what it asks, where that is not ``prompt``.
        """
        options = self._options(fields)
        preset = self._preset()
        if self._fields.map("token_budget") is not None:
            _warn_sampling(Fields(self._fields.node.value["token_budget"], self._report, "`token_budget`"))
        fallback = options.get("fallback_model")
        default = preset.model if preset else models.default_model("claude")
        return Call(
            model=self._model(fields.get("model") or self._fields.get("model") or options.get("model"), default),
            prompt=read_prompt(fields) if prompt is None else prompt,
            system=_system(options, preset),
            budget=read_budget(self._fields, "token_budget", None),
            timeout_s=self._timeout(options, preset.timeout_s if preset else DEFAULT_TIMEOUT_S),
            functions=self._functions(),
            output_schema=self._schema("output_schema"),
            fallback_model=self._model(fallback, "") if fallback is not None else (preset.fallback if preset else ""),
        )

    def gemini(self) -> Call:
        """Read a call of Gemini."""
        fields, defaults = self._fields, self._reading.defaults
        instructor = self._kind == "gemini_instructor"
        if instructor:
            fields.warn_ignored({"validation_mode": "every answer is checked against the schema"})
        schema = self._schema("output_schema") or (self._schema("schema") if instructor else None)
        functions = self._functions()
        if functions and (instructor or schema):
            message = f"{fields.where} cannot have `functions` and a schema of the answer: a call is no answer"
            self._report.error(fields.at("functions"), message)
        budget = read_budget(fields, "token_budget", defaults.gemini_budget)
        return Call(
            model=self._model(fields.get("model") or defaults.gemini_model, models.default_model("gemini")),
            prompt=read_prompt(fields, sessions=False),
            budget=_INSTRUCTOR_BUDGET if instructor and budget == TokenBudget() else budget,
            timeout_s=self._timeout({}, _INSTRUCTOR_TIMEOUT_S if instructor else DEFAULT_TIMEOUT_S),
            functions=functions,
            output_schema=schema or (INSTRUCTOR_SCHEMA if instructor else None),
        )

    def options(self) -> Mapping[str, Node]:
        """``claude_options`` of the step over those of ``defaults``."""
        return {**self._reading.defaults.claude_options, **self._fields.entries("claude_options")}

    def _options(self, fields: Fields) -> Mapping[str, Node]:
        own = fields.map("claude_options")
        for each in {id(fields): fields, id(self._fields): self._fields}.values():
            node = each.map("claude_options")
            if node is not None:
                check_options(Fields(node, self._report, f"`claude_options` of {each.where}", KEYS["claude_options"]))
        if own is not None and fields is not self._fields:
            return {**self.options(), **own.value}
        return self.options()

    def _preset(self) -> models.Preset | None:
        if self._kind not in _PRESETS:
            return None
        default = self._reading.defaults.preset or _PRESETS[self._kind]
        return models.preset(self._fields.choice("preset", models.preset_names(), default))

    def _timeout(self, options: Mapping[str, Node], preset_s: float) -> float:
        if (given := read_timeout(self._fields)) is not None:
            return given
        if "timeout_ms" in self._fields:
            return (self._fields.number("timeout_ms", 1, DAY_S * 1000) or preset_s * 1000) / 1000
        node = options.get("timeout_ms")
        return float(node.value) / 1000 if node is not None and isinstance(node.value, (int, float)) else preset_s

    def _model(self, node: Node | None, default: str) -> str:
        if node is None:
            return default
        if not isinstance(node.value, str):
            self._report.error(node.position, f"`model` must be a text, not {shown(node)}")
            return default
        gemini = self._kind in GEMINI_TYPES
        chosen = models.choose(node.value)
        if chosen.name.startswith("claude" if gemini else "gemini"):
            message = f"a step of type '{self._kind}' cannot ask the model '{node.value}'"
            self._report.error(node.position, message)
        elif chosen.warning:
            self._report.warning(node.position, chosen.warning)
        elif not prices.current().known("gemini" if gemini else "claude", chosen.name):
            known = models.names("gemini" if gemini else "claude")
            message = (
                f"the model '{node.value}' has no known price: its cost stays unknown"
                if chosen.name in known
                else f"the model '{node.value}' is not known, nor its price{nearest(node.value, known)}"
            )
            self._report.warning(node.position, message)
        return chosen.name

    def _functions(self) -> tuple[Function, ...]:
        found = []
        for key in ("functions", "tools"):
            for number, node in enumerate(self._fields.items(key) if key in self._fields else (), 1):
                where = f"number {number} in `{key}` of {self._fields.where}"
                found.append(self._function(node, where))
        return tuple(function for function in found if function is not None)

    def _function(self, node: Node, where: str) -> Function | None:
        if isinstance(node.value, dict):
            fields = Fields(node, self._report, where, KEYS["inline_function"])
            name = fields.text("name", required=True)
            if set(fields.node.value) == {"name"}:
                return self._declared(name, node)
            return read_function(name, fields)
        if isinstance(node.value, str):
            return self._declared(node.value, node)
        self._report.error(node.position, f"{where} must be the name of a function or a map, not {shown(node)}")
        return None

    def _declared(self, name: str, node: Node) -> Function | None:
        declared = self._reading.functions
        if name not in declared:
            hint = nearest(name, declared) or ": declare it in `gemini_functions` of the workflow"
            self._report.error(node.position, f"{self._fields.where}: there is no function '{name}'{hint}")
        return declared.get(name)

    def _schema(self, key: str) -> Mapping[str, Any] | None:
        node = self._fields.map(key)
        return None if node is None else read_schema(node, self._fields, key)


def read_function(name: str, fields: Fields) -> Function:
    """Read the declaration of a function.

    Args:
        name: its name.
        fields: its map.
    """
    if not name.replace("_", "").replace("-", "").isalnum() or len(name) > _MAX_NAME:
        message = f"{fields.where}: '{name}' is no name of a function: at most {_MAX_NAME} letters, digits, _ and -"
        fields.report.error(fields.at("name"), message)
    key = "input_schema" if "input_schema" in fields else "parameters"
    node = fields.map(key)
    parameters = read_schema(node, fields, key) if node is not None else {"type": "object", "properties": {}}
    return Function(name, fields.text("description"), parameters)


def read_schema(node: Node, fields: Fields, key: str) -> Mapping[str, Any]:
    """Read a JSON Schema."""
    schema: Mapping[str, Any] = node.plain()
    try:
        check_schema(schema)
    except SchemaError as error:
        fields.report.error(node.position, f"`{key}` of {fields.where} is no JSON Schema: {error}")
        return {"type": "object"}
    return schema


def read_budget(fields: Fields, key: str, default: Node | None) -> TokenBudget:
    """Read a token budget.

    Args:
        fields: the map that has it.
        key: its name there.
        default: a budget that it completes.
    """
    own = fields.map(key)
    maps = [node.value for node in (default, own) if node is not None and isinstance(node.value, dict)]
    if not maps:
        return TokenBudget()
    if own is not None:
        Fields(own, fields.report, f"`{key}` of {fields.where}", KEYS["token_budget"])
    merged = {name: node for each in maps for name, node in each.items()}
    position = (own or default or fields.node).position
    keys = {name: node.position for name, node in merged.items()}
    inner = Fields(Node(merged, position, keys=keys), fields.report, f"`{key}` of {fields.where}")
    return TokenBudget(
        max_output_tokens=inner.integer("max_output_tokens", 1, MAX_TOKENS),
        max_input_tokens=inner.integer("max_input_tokens", 1, MAX_TOKENS),
        temperature=inner.number("temperature", 0, 2),
        top_p=inner.number("top_p", 0, 1),
        top_k=inner.integer("top_k", 1, 1000),
    )


def check_options(fields: Fields) -> None:
    """Report what is wrong with ``claude_options``, and what of it has no effect."""
    for key in ("model", "fallback_model", "system_prompt", "append_system_prompt"):
        fields.text(key)
    fields.number("timeout_ms", 1, DAY_S * 1000)
    # Empty blocks ask for nothing.
    ignored = [key for key in CLI_ONLY if key in fields and fields.node.value[key].value not in ((), {}, None, False)]
    tools = fields.get("allowed_tools")
    if tools is not None and tools.value:
        names = ", ".join(str(tool) for tool in tools.plain()) if isinstance(tools.value, tuple) else shown(tools)
        message = f"the tools {names} are not available here: Claude is asked for text"
        fields.report.warning(fields.at("allowed_tools"), message)
        ignored.remove("allowed_tools")
    for key in ignored:
        message = f"`{key}` belongs to the Claude command line and has no effect here"
        fields.report.warning(fields.at(key), message)


def _system(options: Mapping[str, Node], preset: models.Preset | None) -> str:
    own = _text(options, "system_prompt") or (preset.system_prompt if preset else "")
    return "\n\n".join(text for text in (own, _text(options, "append_system_prompt")) if text)


def _text(options: Mapping[str, Node], key: str) -> str:
    node = options.get(key)
    return node.value if node is not None and isinstance(node.value, str) else ""


def _warn_sampling(budget: Fields) -> None:
    for key in _SAMPLING:
        if key in budget:
            budget.report.warning(budget.at(key), f"Claude no longer takes `{key}`: it is left out")
