"""What the debugger asks of the runner."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from quarterdeck.runner_client import RunnerClient
from quarterdeck_ui import services

_ANSWER_S: Final = 310.0
"""A model may think for minutes."""

Json = dict[str, Any]


def patient() -> RunnerClient:
    """The runner, given the time that a model takes."""
    return services.current().runner.with_timeout(_ANSWER_S)


def send(
    model: str, system: str, messages: Sequence[Mapping[str, str]], max_output_tokens: int | None, origin: str
) -> Json:
    """Ask a model once.

    Raises:
        RunnerError: The runner does not answer or refuses.
    """
    body = {"model": model, "system": system, "messages": list(messages), "origin": origin}
    found: Json = patient().ask("POST", "/v1/calls", body | {"max_output_tokens": max_output_tokens})
    return found


def predict(model: str, system: str, text: str) -> Json:
    """Predict tokens and cost of a finished text, in which nothing is a template.

    Raises:
        RunnerError: The runner does not answer or refuses.
    """
    return _one_call({"prompt": "{{ inputs.text }}", "inputs": {"text": text}, "system": system, "model": model})


def predict_filled(model: str, system: str, prompt: str, inputs: Mapping[str, Any]) -> Json:
    """Predict tokens and cost of a template with its inputs.

    Raises:
        RunnerError: The runner does not answer or refuses.
    """
    return _one_call({"prompt": prompt, "inputs": dict(inputs), "system": system, "model": model})


def rendered(model: str, system: str, prompt: str, inputs: Mapping[str, Any]) -> Json:
    """Fill a template, with where each stretch of the result comes from.

    Raises:
        RunnerError: The runner does not answer, or the template is wrong.
    """
    body = {"prompt": prompt, "inputs": dict(inputs), "system": system, "model": model}
    call: Json = services.current().runner.ask("POST", "/v1/prompts/render", body)["steps"][0]["calls"][0]
    return call


def _one_call(body: Mapping[str, Any]) -> Json:
    call: Json = services.current().runner.ask("POST", "/v1/prompts/predict", body)["calls"][0]
    return call


def models() -> list[str]:
    """Names of models that a reader may choose from, the short ones first.

    Raises:
        RunnerError: The runner does not answer.
    """
    known = services.current().runner.ask("GET", "/v1/models")["models"]
    return [each["name"] for each in sorted(known, key=lambda each: (each["name"] == each["model"], each["name"]))]
