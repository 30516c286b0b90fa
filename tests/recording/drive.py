"""Runs the scenarios of one dialect where its libraries are: ``python -m recording.drive NAME URL``."""

import importlib
import sys
import urllib.request
from collections.abc import Callable, Iterable
from typing import Any

from recording import setups
from recording.setups import Setup

Scenario = Callable[[Any], Any]
Cases = Callable[[str], Iterable[tuple[str, Scenario, Any]]]


def claude(url: str) -> Any:
    import anthropic

    return anthropic.Anthropic(api_key="key", base_url=url, max_retries=0)


def _claude_cases(which: str) -> Cases:
    def cases(url: str) -> Iterable[tuple[str, Scenario, Any]]:
        scenarios = importlib.import_module("recording.claude")
        client = claude(url)
        return [(each.__name__, each, client) for each in getattr(scenarios, which)]

    return cases


def _gemini_cases(which: str) -> Cases:
    def cases(url: str) -> Iterable[tuple[str, Scenario, Any]]:
        scenarios = importlib.import_module("recording.gemini")
        client = scenarios.client(url)
        return [(each.__name__, each, client) for each in getattr(scenarios, which)]

    return cases


def _inside_a_span(cases: Cases) -> Cases:
    """The same under one span per case, for pairs of libraries that would each start a trace of their own."""

    def inside(scenario: Scenario) -> Scenario:
        def run(client: Any) -> None:
            trace = importlib.import_module("opentelemetry.trace")
            with trace.get_tracer("weather").start_as_current_span("weather-brief"):
                scenario(client)

        return run

    return lambda url: [(name, inside(scenario), client) for name, scenario, client in cases(url)]


def _workflow(name: str) -> Cases:
    def cases(url: str) -> Iterable[tuple[str, Scenario, Any]]:
        return [("workflow", getattr(importlib.import_module("recording.workflows"), name), claude(url))]

    return cases


def _generative_ai(url: str) -> Iterable[tuple[str, Scenario, Any]]:
    scenarios = importlib.import_module("recording.generative_ai")
    model = scenarios.client(url)
    return [(each.__name__, each, model) for each in scenarios.ALL]


def _langfuse_claude(url: str) -> Iterable[tuple[str, Scenario, Any]]:
    scenarios = importlib.import_module("recording.langfuse_calls")
    client = claude(url)
    return [(each.__name__, each, client) for each in scenarios.CLAUDE]


def _langfuse_gemini(url: str) -> Iterable[tuple[str, Scenario, Any]]:
    scenarios = importlib.import_module("recording.langfuse_calls")
    client = importlib.import_module("recording.gemini").client(url)
    return [(each.__name__.removeprefix("gemini_"), each, client) for each in scenarios.GEMINI]


SILENT = {"ANTHROPIC_OPEN_TELEMETRY": "false"}
"""Switches the spans of the Anthropic client off, as its users do who have another library for them."""

NO_HOST = {"OTEL_RESOURCE_ATTRIBUTES": "host.name=recorder"}
"""Keeps the name of this machine out of the recordings."""

DIALECTS: dict[str, tuple[dict[str, str], Callable[[str], Setup], list[Cases]]] = {
    "anthropic-sdk": (setups.CONTENT, setups.open_telemetry, [_claude_cases("ALL")]),
    "genai-anthropic": (SILENT, setups.genai, [_claude_cases("ALL"), _workflow("genai")]),
    "genai-anthropic-1.8": ({}, setups.genai, [_claude_cases("BASIC")]),
    "genai-google": ({}, setups.genai, [_gemini_cases("ALL")]),
    "genai-google-0.2": ({}, setups.genai_old, [_gemini_cases("BASIC")]),
    "openinference-anthropic": (SILENT, setups.openinference, [_claude_cases("ALL"), _workflow("openinference")]),
    "openinference-google": ({}, setups.openinference, [_gemini_cases("ALL")]),
    "openinference-both-anthropic": (SILENT, setups.openinference_both, [_claude_cases("BASIC")]),
    "openinference-both-google": ({}, setups.openinference_both, [_gemini_cases("BASIC")]),
    "openinference-anthropic-0.1": ({}, setups.openinference, [_claude_cases("BASIC")]),
    "openinference-google-0.1": ({}, setups.openinference, [_gemini_cases("BASIC")]),
    "openllmetry-anthropic": (SILENT, setups.openllmetry, [_claude_cases("ALL")]),
    "openllmetry-google": ({}, setups.openllmetry, [_gemini_cases("ALL")]),
    "openllmetry-anthropic-0.47": ({}, setups.openllmetry, [_claude_cases("BASIC")]),
    "openllmetry-google-0.47": ({}, setups.openllmetry, [_gemini_cases("BASIC")]),
    "openllmetry-anthropic-0.33": ({}, setups.openllmetry, [_claude_cases("BASIC")]),
    "openllmetry-google-0.33": ({}, setups.openllmetry, [_generative_ai]),
    "traceloop": (SILENT, setups.traceloop, [_workflow("traceloop")]),
    "logfire-anthropic": ({**SILENT, **NO_HOST}, setups.logfire, [_claude_cases("ALL"), _workflow("logfire")]),
    "logfire-google": (NO_HOST, setups.logfire, [_gemini_cases("BASIC")]),
    "langfuse-anthropic": (SILENT, setups.langfuse, [_langfuse_claude]),
    "langfuse-google": ({}, setups.langfuse, [_langfuse_gemini]),
    "quarterdeck-anthropic": ({}, setups.quarterdeck, [_claude_cases("ALL"), _workflow("quarterdeck")]),
    "quarterdeck-google": ({}, setups.quarterdeck, [_gemini_cases("ALL")]),
    "double-sdk-genai": (setups.CONTENT, setups.genai, [_claude_cases("DOUBLE")]),
    "double-sdk-openinference": (setups.CONTENT, setups.openinference, [_claude_cases("DOUBLE")]),
    "double-sdk-openllmetry": (setups.CONTENT, setups.openllmetry, [_inside_a_span(_claude_cases("DOUBLE"))]),
    "double-sdk-logfire": ({**setups.CONTENT, **NO_HOST}, setups.logfire, [_claude_cases("DOUBLE")]),
    "double-sdk-langfuse": (setups.CONTENT, setups.langfuse, [_langfuse_claude]),
    "double-quarterdeck-openinference-anthropic": (
        *({}, setups.quarterdeck_and_openinference, [_claude_cases("DOUBLE")]),
    ),
    "double-quarterdeck-openinference-google": (
        *({}, setups.quarterdeck_and_openinference, [_inside_a_span(_gemini_cases("DOUBLE"))]),
    ),
    "double-genai-openinference-google": ({}, setups.genai_and_openinference, [_gemini_cases("DOUBLE")]),
}
"""Per dialect: environment, how it is switched on, and its cases."""


def main(name: str, url: str) -> None:
    """Run the cases of a dialect, and tell the listener after each that it is over.

    Args:
        name: key of :data:`DIALECTS`.
        url: where the listener is.
    """
    _, switch_on, groups = DIALECTS[name]
    setup = switch_on(url)
    for group in groups:
        for case, scenario, client in group(url):
            try:
                scenario(client)
            except Exception as problem:  # noqa: BLE001 - a case that a library cannot do is reported, the others recorded
                sys.stderr.write(f"{name}/{case}: {type(problem).__name__}: {problem}\n")
            setup.flush()
            request = urllib.request.Request(f"{url}/__case/{case}", method="POST")  # noqa: S310 - our own loopback server
            urllib.request.urlopen(request).read()  # noqa: S310 - as above


if __name__ == "__main__":
    main(*sys.argv[1:])
